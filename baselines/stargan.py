"""StarGAN (Choi et al., CVPR 2018): one generator that takes the image and the vector of its target labels.

Source: the official code (yunjey/stargan), with the masked reconstruction of the SG-GAN paper, section 4.4, for sparse
labels. Departures: instance norm keeps no running statistics (with them evaluation mode fails); the rate falls linearly
to 0, as the authors describe (their code decays by a thousandth of that); a classification term is a mean over the
images whose entry is known; if vectors are incomplete, targets are drawn from the complete ones.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from sgbench.data.labels import Attribute, Group, all_groups
from sgbench.methods.adam import Adam
from sgbench.methods.contract import Batch, Method, update
from sgbench.methods.convolutions import SameConvTranspose2d, WholeConv2d
from sgbench.methods.critics import CriticSettings, StridedCritic
from sgbench.methods.losses import masked_binary_cross_entropy, masked_reconstruction, widened
from sgbench.methods.narrow import NarrowConv2d
from sgbench.methods.networks import carry_image, frozen, norm_relu, put_pixels_together, trunk, widths_at
from sgbench.methods.targets import TargetVectors
from sgbench.methods.vectors import VectorCodec

DISCRIMINATOR_WIDTHS = {
    32: (1, 2, 4, 8),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 32),
    256: (1, 2, 4, 8, 16, 32),
}


class StarGANGenerator(nn.Module):
    """Images [N, 3, S, S] and target vectors [N, c] -> results [N, 3, S, S] in [-1, 1]."""

    def __init__(self, num_entries: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            trunk(3 + num_entries, width, bias=False),
            norm_relu(SameConvTranspose2d(2 * width, width, 4, 2, bias=False)),
            NarrowConv2d(width, 3, 7, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """The vectors are repeated over the plane and stacked on the image."""
        planes = vectors[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        return self.body(torch.cat([x, planes.to(x.dtype)], 1))

    @torch.no_grad()
    def pass_through(self, gain: float) -> None:
        """Start near tanh(gain * x), where x has lost the mean and the contrast that norms take away."""
        layers, (up, _), last, _ = self.body
        carry_image(layers)
        last.weight.mul_(0.1)
        last.weight[:, :6] = 0
        centre = last.kernel_size[0] // 2
        for first, sign in ((0, 1.0), (3, -1.0)):  # a ReLU lets each sign through in a channel of its own
            put_pixels_together(up, 3, first, sign)
            last.weight[:, first : first + 3, centre, centre] = gain * sign * torch.eye(3)


class StarGANDiscriminator(StridedCritic):
    """Critic and classifier: [N, 3, S, S] -> ([N, 1, h, w], logits [N, c])."""

    def __init__(self, num_entries: int, image_size: int, width: int):
        widths = widths_at(image_size, DISCRIMINATOR_WIDTHS, width)
        super().__init__(widths, kernel_size=4, slope=0.01, bias=False)
        self.classify = WholeConv2d(widths[-1], num_entries, image_size >> len(widths), bias=False)


class StarGAN(Method):
    """StarGAN with masked reconstruction."""

    display_name = "StarGAN"
    key = "stargan"
    version = 2
    needs_complete_vectors = True

    class Settings(CriticSettings):
        """Defaults are those of the official code."""

        iterations: PositiveInt = 40_000
        constant_iterations: NonNegativeInt = 20_000
        batch_size: PositiveInt = 16
        lambda_rec: NonNegativeFloat = 10.0
        """Weight of the reconstruction loss."""
        pass_through: NonNegativeFloat = 0.0
        """If positive, the generator starts near tanh(pass_through * x), up to colour and contrast."""
        source_labels: Literal["true", "guessed"] = "true"
        """Whether results are made with the source images' true labels or with those that the discriminator guesses."""

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.codec = VectorCodec(attributes)
        num_entries = len(self.codec.entries)
        self.generator = StarGANGenerator(num_entries, settings.base_width)
        if settings.pass_through:
            self.generator.pass_through(settings.pass_through)
        width = settings.discriminator_width or settings.base_width
        self.discriminator = StarGANDiscriminator(num_entries, image_size, width)
        self.targets = TargetVectors(self.codec, labels, self.display_name)
        d_rate = settings.discriminator_learning_rate or settings.learning_rate
        adam = partial(Adam, betas=(0.5, 0.999))
        self.optimizers = {
            "generator": adam(self.generator.parameters(), lr=settings.learning_rate),
            "discriminator": adam(self.discriminator.parameters(), lr=d_rate),
        }

    @property
    def batches_per_iteration(self) -> int:
        """One fresh batch for each critic update; the generator uses the last of them, with the same targets."""
        return self.settings.n_critic

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """``n_critic`` updates of the discriminator, then one of the generator.

        The generator does not change before its own update, so the last batch's results serve both networks.
        """
        losses: dict[str, Tensor] = {}
        for batch in batches[:-1]:
            targets = self.targets.draw(batch.labels)
            with torch.no_grad():
                x_fake = self.generator(batch.images, targets)
            update(self.optimizers["discriminator"], self.discriminator_losses(batch, x_fake))
        last = batches[-1]
        targets = self.targets.draw(last.labels)
        x_fake = self.generator(last.images, targets)
        losses |= update(self.optimizers["discriminator"], self.discriminator_losses(last, x_fake.detach()))
        with frozen(self.discriminator):
            losses |= update(self.optimizers["generator"], self.generator_losses(last, targets, x_fake))
        return losses

    def discriminator_losses(self, batch: Batch, x_fake: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``d_adv``, ``d_gp``, ``d_cls``. ``x_fake``: the generator's results, without a graph."""
        settings, x = self.settings, batch.images
        x_fake = x_fake.to(x.dtype)
        features = self.discriminator.features(torch.cat([x, x_fake]))
        scores = widened(self.discriminator.adversarial(features))
        logits = self.discriminator.classify(features[: len(x)])
        mix = torch.rand(len(x), 1, 1, 1, device=x.device)
        penalty = self.discriminator.gradient_penalty(torch.lerp(x_fake, x, mix.to(x.dtype)))
        return {
            "d_adv": scores[len(x) :].mean() - scores[: len(x)].mean(),
            "d_gp": settings.lambda_gp * penalty.mean(),
            "d_cls": settings.lambda_cls * masked_binary_cross_entropy(logits, *self.codec.encode(batch.labels)),
        }

    def generator_losses(self, batch: Batch, targets: Tensor, x_fake: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``g_adv``, ``g_cls``, ``g_rec``, the last over images whose whole vector is known.

        Args:
            targets: [B, c], the vectors that were asked for.
            x_fake: [B, 3, S, S], what the generator made of the batch for them.
        """
        settings, x = self.settings, batch.images
        vectors, known = self.codec.encode(batch.labels)
        x_rec = self.generator(x_fake, vectors)
        features = self.discriminator.features(x_fake)
        logits = self.discriminator.classify(features)
        return {
            "g_adv": -settings.lambda_adv * widened(self.discriminator.adversarial(features)).mean(),
            "g_cls": settings.lambda_cls * masked_binary_cross_entropy(logits, targets, torch.ones_like(known)),
            "g_rec": settings.lambda_rec * masked_reconstruction(x, x_rec, known.all(1)),
        }

    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Results for the source images' vectors with one attribute set to the group."""
        return self.translate(images, labels, [group])

    @torch.no_grad()
    def translate(self, images: Tensor, labels: Tensor, groups: Sequence[Group]) -> Tensor:
        """One pass for all groups. Other entries are the source image's, or the discriminator's guess if unknown."""
        vectors, known = self.codec.encode(labels)
        if not known.all():
            vectors = torch.where(known, vectors, self._guess(images))
        for group in groups:
            vectors = self.codec.assign(vectors, group)
        return self.generator(images, vectors)

    @torch.no_grad()
    def every_edit(self, images: Tensor) -> Tensor:
        """Results of all groups, in one pass; what the discriminator guesses of an image is guessed once."""
        guess = self._guess(images)
        vectors = torch.stack([self.codec.assign(guess, group) for group in all_groups(self.attributes)], 1)
        copies = images[:, None].expand(-1, vectors.shape[1], -1, -1, -1)
        return self.generator(copies.flatten(0, 1), vectors.flatten(0, 1)).unflatten(0, vectors.shape[:2])

    @torch.no_grad()
    def guessed_labels(self, images: Tensor) -> Tensor:
        """What the discriminator takes for the labels of images, int8 [N, J]."""
        return self.codec.decode(self._guess(images))

    def _guess(self, images: Tensor) -> Tensor:
        return self.codec.classify(self.discriminator.classify(self.discriminator.features(images)))
