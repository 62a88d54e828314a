"""Plain SG-GAN: one branch per group, all of them computed one after another."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import WIDTHS
from .shared import ResidualBlock, block, gradient_penalty, update


class Branch(nn.Module):
    """What belongs to one group: a deconvolution gives F, the last convolution sees F and the image."""

    def __init__(self, width: int):
        super().__init__()
        self.deconv = nn.Sequential(*block(nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.ReLU()))
        self.last = nn.Conv2d(width + 3, 3, 7, padding=3)

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        return torch.tanh(self.last(torch.cat([self.deconv(features), x], 1)))


class Generator(nn.Module):
    """A shared trunk and one branch per group; it gets no label."""

    def __init__(self, num_groups: int, width: int):
        super().__init__()
        self.trunk = nn.Sequential(
            *block(nn.Conv2d(3, width, 7, padding=3), nn.ReLU()),
            *block(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.ReLU()),
            *block(nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.ReLU()),
            *(ResidualBlock(4 * width, bias=True) for _ in range(6)),
            *block(nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1), nn.ReLU()),
        )
        self.branches = nn.ModuleList(Branch(width) for _ in range(num_groups))

    def forward(self, x: Tensor, groups: Sequence[int] | None = None) -> list[Tensor]:
        """One output for each of the groups, given by position; for all groups if None."""
        features = self.trunk(x)
        return [self.branches[g](features, x) for g in (range(len(self.branches)) if groups is None else groups)]


class Discriminator(nn.Module):
    """Stride-2 convolutions, then a map of realness and logits for each attribute."""

    def __init__(self, values: Sequence[int], image_size: int, width: int):
        super().__init__()
        layers, channels = [], 3
        for multiple in WIDTHS["sggan"][image_size]:
            conv = nn.Conv2d(channels, multiple * width, 5, 2)
            layers += [nn.ZeroPad2d((1, 2, 1, 2)), conv, nn.LeakyReLU(0.2)]
            channels = multiple * width
        side = image_size // 2 ** len(WIDTHS["sggan"][image_size])
        self.features = nn.Sequential(*layers)
        self.adversarial = nn.Conv2d(channels, 1, 3, padding=1)
        self.classifiers = nn.ModuleList(nn.Conv2d(channels, m, side) for m in values)

    def critic(self, x: Tensor) -> Tensor:
        """The map of realness alone."""
        return self.adversarial(self.features(x))

    def classify(self, features: Tensor, attribute: int) -> Tensor:
        """Logits of an attribute's values, [B, m]."""
        return self.classifiers[attribute](features).flatten(1)


def initialise(network: nn.Module) -> None:
    """Weights N(0, 0.02), norms' scales N(1, 0.02), all biases 0."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d)):
            nn.init.normal_(layer.weight, float(isinstance(layer, nn.InstanceNorm2d)), 0.02)
            nn.init.zeros_(layer.bias)


class PlainSGGAN:
    """Networks, optimisers, losses and updates.

    Args:
        values: how many values each attribute has; groups are counted attribute by attribute, value by value.
    """

    def __init__(
        self,
        values: Sequence[int] = (2, 2, 2, 2),
        image_size: int = 128,
        generator_width: int = 64,
        discriminator_width: int = 64,
        lambda_gp: float = 10.0,
        lambda_cls: float = 1.0,
        lambda_adv: float = 1.0,
        lambda_rec: float = 10.0,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        n_critic: int = 5,
        device: torch.device | str = "cpu",
    ):
        self.groups = [(j, i) for j, m in enumerate(values) for i in range(m)]
        self.lambda_gp, self.lambda_cls = lambda_gp, lambda_cls
        self.lambda_adv, self.lambda_rec = lambda_adv, lambda_rec
        self.n_critic = n_critic
        self.generator = Generator(len(self.groups), generator_width).to(device)
        self.discriminator = Discriminator(values, image_size, discriminator_width).to(device)
        initialise(self.generator)
        initialise(self.discriminator)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), learning_rate, betas)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), learning_rate, betas)

    def discriminator_losses(self, x: Tensor, labels: Tensor, mix: Tensor) -> dict[str, Tensor]:
        """The discriminator's weighted terms.

        Args:
            x: images [B, 3, S, S].
            labels: int8 [B, J]; what is negative is masked.
            mix: share of the real image in the penalty's mixtures, [G * B]: all images of group 0, then of group 1, ...
        """
        with torch.no_grad():
            fakes = self.generator(x)
        d = self.discriminator
        features = d.features(x)
        real = d.adversarial(features).mean()
        adv = sum(d.critic(fake).mean() - real for fake in fakes)
        cls = sum(masked_cross_entropy(d.classify(features, j), labels[:, j]) for j in range(len(d.classifiers)))
        mixes = mix.view(len(fakes), len(x))
        gp = sum(gradient_penalty(d.critic, x, fake, own) for fake, own in zip(fakes, mixes, strict=True))
        return {"d_adv": adv, "d_gp": self.lambda_gp * gp, "d_cls": self.lambda_cls * cls}

    def generator_losses(self, x: Tensor) -> dict[str, Tensor]:
        """The generator's weighted terms; it needs no labels."""
        outputs = self.generator(x)
        adv, cls, differences = 0.0, 0.0, []
        for (j, i), output in zip(self.groups, outputs, strict=True):
            features = self.discriminator.features(output)
            adv = adv - self.discriminator.adversarial(features).mean()
            logits = self.discriminator.classify(features, j)
            cls = cls + F.cross_entropy(logits, torch.full((len(x),), i, device=x.device))
            others = [g for g, (attribute, value) in enumerate(self.groups) if attribute == j and value != i]
            again = self.generator(output, others)
            differences += [(back - outputs[g]).abs().mean() for back, g in zip(again, others, strict=True)]
        rec = torch.stack(differences).mean()
        return {"g_adv": self.lambda_adv * adv, "g_cls": self.lambda_cls * cls, "g_rec": self.lambda_rec * rec}

    def train_discriminator(self, x: Tensor, labels: Tensor, mix: Tensor) -> dict[str, Tensor]:
        """One update of the discriminator."""
        return update(self.discriminator_optimizer, self.discriminator_losses(x, labels, mix))

    def train_generator(self, x: Tensor) -> dict[str, Tensor]:
        """One update of the generator; the discriminator's weights get no gradients."""
        self.discriminator.requires_grad_(False)
        losses = update(self.generator_optimizer, self.generator_losses(x))
        self.discriminator.requires_grad_(True)
        return losses

    def step(self, batches: Sequence[tuple[Tensor, Tensor]], mixes: Sequence[Tensor]) -> dict[str, Tensor]:
        """An iteration: a discriminator update on each of n_critic batches, then the generator's on the last one.

        Args:
            batches: images and labels of each discriminator update.
            mixes: the penalty's mix of each.

        Returns:
            The terms of the last discriminator update and of the generator's update, each before its update.
        """
        if len(batches) != self.n_critic:
            raise ValueError(f"an iteration takes {self.n_critic} batches, not {len(batches)}")
        for (x, labels), mix in zip(batches, mixes, strict=True):
            losses = self.train_discriminator(x, labels, mix)
        return losses | self.train_generator(batches[-1][0])


def masked_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, mean over the images whose label is a value; 0 if there are none."""
    mask = (labels >= 0).float()
    losses = F.cross_entropy(logits, labels.long().clamp(min=0), reduction="none")
    return (mask * losses).sum() / mask.sum().clamp(min=1)
