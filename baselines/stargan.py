"""StarGAN (Choi et al., CVPR 2018): one generator that takes the image and the vector of its target labels.

Source: the official code (yunjey/stargan), with the masked reconstruction of the SG-GAN paper, section 4.4, for sparse
labels. Departures: instance norm keeps no running statistics (with them evaluation mode fails); the rate falls linearly
to 0, as the authors describe (their code decays by a thousandth of that); a classification term is a mean over the
images whose entry is known; if vectors are incomplete, targets are drawn from the complete ones.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.methods.contract import Batch, update
from sgbench.methods.convolutions import WholeConv2d
from sgbench.methods.critics import CriticSettings, StridedCritic, adams, critic_terms
from sgbench.methods.losses import masked_binary_cross_entropy, masked_reconstruction, widened
from sgbench.methods.networks import frozen, widths_at
from sgbench.methods.star_generator import StarGANGenerator
from sgbench.methods.targets import TargetVectors
from sgbench.methods.vector_method import VectorMethod
from sgbench.methods.vectors import VectorCodec

DISCRIMINATOR_WIDTHS = {
    32: (1, 2, 4, 8),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 32),
    256: (1, 2, 4, 8, 16, 32),
}


class StarGANDiscriminator(StridedCritic):
    """Critic and classifier: [N, 3, S, S] -> ([N, 1, h, w], logits [N, c])."""

    def __init__(self, num_entries: int, image_size: int, width: int):
        widths = widths_at(image_size, DISCRIMINATOR_WIDTHS, width)
        super().__init__(widths, kernel_size=4, slope=0.01, bias=False)
        self.classify = WholeConv2d(widths[-1], num_entries, image_size >> len(widths), bias=False)


class StarGAN(VectorMethod):
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
        self.optimizers = adams(self.generator, self.discriminator, settings)

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
        terms, logits = critic_terms(self.discriminator, batch.images, x_fake, self.settings.lambda_gp)
        classification = masked_binary_cross_entropy(logits, *self.codec.encode(batch.labels))
        return terms | {"d_cls": self.settings.lambda_cls * classification}

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

    def guess(self, images: Tensor) -> Tensor:
        """The vectors that the discriminator gives images."""
        return self.codec.classify(self.discriminator.classify(self.discriminator.features(images)))
