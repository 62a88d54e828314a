"""Plain StarGAN with masked reconstruction for sparse labels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sgbench.data.labels import HIDDEN

from . import WIDTHS
from .shared import ResidualBlock, block, gradient_penalty, update


class Generator(nn.Module):
    """The image and the target vector, repeated over the plane, to an image."""

    def __init__(self, entries: int, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            *block(nn.Conv2d(3 + entries, width, 7, padding=3, bias=False), nn.ReLU()),
            *block(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.ReLU()),
            *block(nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False), nn.ReLU()),
            *(ResidualBlock(4 * width, bias=False) for _ in range(6)),
            *block(nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False), nn.ReLU()),
            *block(nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.ReLU()),
            nn.Conv2d(width, 3, 7, padding=3, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        plane = vector[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.layers(torch.cat([x, plane], 1))


class Discriminator(nn.Module):
    """Stride-2 convolutions, then a map of realness and one logit per entry of the vector."""

    def __init__(self, entries: int, image_size: int, width: int):
        super().__init__()
        layers, channels = [], 3
        for multiple in WIDTHS["stargan"][image_size]:
            layers += [nn.Conv2d(channels, multiple * width, 4, 2, 1), nn.LeakyReLU(0.01)]
            channels = multiple * width
        side = image_size // 2 ** len(WIDTHS["stargan"][image_size])
        self.features = nn.Sequential(*layers)
        self.adversarial = nn.Conv2d(channels, 1, 3, padding=1, bias=False)
        self.classifier = nn.Conv2d(channels, entries, side, bias=False)

    def critic(self, x: Tensor) -> Tensor:
        """The map of realness alone."""
        return self.adversarial(self.features(x))

    def classify(self, features: Tensor) -> Tensor:
        """Logits of all entries, [B, c]."""
        return self.classifier(features).flatten(1)


class PlainStarGAN:
    """Networks with PyTorch's default initialisation, optimisers, losses and updates.

    Args:
        values: how many values each attribute has.
        exhaustive: whether every image has one of the attribute's values, for each attribute.
    """

    def __init__(
        self,
        values: Sequence[int] = (2, 2, 2, 2),
        exhaustive: Sequence[bool] = (True, True, False, True),
        image_size: int = 128,
        generator_width: int = 64,
        discriminator_width: int = 64,
        lambda_gp: float = 10.0,
        lambda_cls: float = 1.0,
        lambda_rec: float = 10.0,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        n_critic: int = 5,
        device: torch.device | str = "cpu",
    ):
        self.entries = vector_entries(values, exhaustive)
        self.lambda_gp, self.lambda_cls, self.lambda_rec = lambda_gp, lambda_cls, lambda_rec
        self.n_critic = n_critic
        self.generator = Generator(len(self.entries), generator_width).to(device)
        self.discriminator = Discriminator(len(self.entries), image_size, discriminator_width).to(device)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), learning_rate, betas)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), learning_rate, betas)

    def encode(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors of labels [B, J] and which of their entries are known, both float [B, c]."""
        vector = torch.stack([labels[:, j] == value for j, value in self.entries], 1)
        known = torch.stack([labels[:, j] != HIDDEN for j, _ in self.entries], 1)
        return vector.float(), known.float()

    def discriminator_losses(self, x: Tensor, labels: Tensor, target: Tensor, mix: Tensor) -> dict[str, Tensor]:
        """The discriminator's weighted terms.

        Args:
            x: images [B, 3, S, S].
            labels: int8 [B, J]; entries of hidden labels are masked.
            target: float [B, c], the vectors that the images are translated to.
            mix: share of the real image in the penalty's mixtures, [B].
        """
        with torch.no_grad():
            fake = self.generator(x, target)
        d = self.discriminator
        features = d.features(x)
        adv = d.critic(fake).mean() - d.adversarial(features).mean()
        vector, known = self.encode(labels)
        logits = d.classify(features)
        losses = F.binary_cross_entropy_with_logits(logits, vector.to(logits.dtype), reduction="none")
        cls = ((known * losses).sum(0) / known.sum(0).clamp(min=1)).sum()
        gp = gradient_penalty(d.critic, x, fake, mix)
        return {"d_adv": adv, "d_gp": self.lambda_gp * gp, "d_cls": self.lambda_cls * cls}

    def generator_losses(self, x: Tensor, labels: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The generator's weighted terms; images with a hidden label are reconstructed, but do not count."""
        fake = self.generator(x, target)
        features = self.discriminator.features(fake)
        adv = -self.discriminator.adversarial(features).mean()
        logits = self.discriminator.classify(features)
        cls = F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1).mean()
        vector, known = self.encode(labels)
        complete = known.amin(1)
        differences = (x - self.generator(fake, vector)).abs().flatten(1).mean(1)
        rec = (complete * differences).sum() / complete.sum().clamp(min=1)
        return {"g_adv": adv, "g_cls": self.lambda_cls * cls, "g_rec": self.lambda_rec * rec}

    def train_discriminator(self, x: Tensor, labels: Tensor, target: Tensor, mix: Tensor) -> dict[str, Tensor]:
        """One update of the discriminator."""
        return update(self.discriminator_optimizer, self.discriminator_losses(x, labels, target, mix))

    def train_generator(self, x: Tensor, labels: Tensor, target: Tensor) -> dict[str, Tensor]:
        """One update of the generator; the discriminator's weights get no gradients."""
        self.discriminator.requires_grad_(False)
        losses = update(self.generator_optimizer, self.generator_losses(x, labels, target))
        self.discriminator.requires_grad_(True)
        return losses

    def step(
        self, batches: Sequence[tuple[Tensor, Tensor]], targets: Sequence[Tensor], mixes: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """An iteration: a discriminator update on each of n_critic batches, then the generator's on the last one.

        Args:
            batches: images and labels of each discriminator update.
            targets: the target vectors of each; the generator's update takes the last ones again.
            mixes: the penalty's mix of each.

        Returns:
            The terms of the last discriminator update and of the generator's update, each before its update.
        """
        if len(batches) != self.n_critic:
            raise ValueError(f"an iteration takes {self.n_critic} batches, not {len(batches)}")
        for (x, labels), target, mix in zip(batches, targets, mixes, strict=True):
            losses = self.train_discriminator(x, labels, target, mix)
        return losses | self.train_generator(*batches[-1], targets[-1])


def vector_entries(values: Sequence[int], exhaustive: Sequence[bool]) -> list[tuple[int, int]]:
    """The (attribute, value) that each entry stands for: one if every image has one of two values, else all values."""
    entries = []
    for j, (m, every) in enumerate(zip(values, exhaustive, strict=True)):
        entries += [(j, 1)] if every and m == 2 else [(j, value) for value in range(m)]
    return entries
