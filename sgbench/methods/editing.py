"""Training and use of a method whose decoder is told by a vector what to change: what AttGAN and STGAN share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from sgbench.data.labels import Attribute, Group, all_groups
from sgbench.methods.batch_norm import learning_statistics
from sgbench.methods.contract import Batch, update
from sgbench.methods.critics import CriticSettings, adams, critic_terms
from sgbench.methods.encoder_decoder import SLOPE, WIDTHS, EncoderDecoder
from sgbench.methods.losses import masked_binary_cross_entropy, masked_reconstruction, widened
from sgbench.methods.networks import frozen, initialise, widths_at
from sgbench.methods.normed_critic import NormedCritic
from sgbench.methods.targets import TargetVectors
from sgbench.methods.vector_method import VectorMethod
from sgbench.methods.vectors import VectorCodec


class EditingSettings(CriticSettings):
    """Defaults are those of the official code, where both agree."""

    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 2e-4
    """Adam's rate of the generator."""
    lambda_cls: NonNegativeFloat = 1.0
    """Weight of the classification of real images, which the discriminator learns."""
    lambda_edit: NonNegativeFloat = 10.0
    """Weight of the classification of results as what was asked for, which the generator learns."""
    lambda_rec: NonNegativeFloat = 100.0
    """Weight of the reconstruction of an image that nothing is to be changed in."""
    source_labels: Literal["true", "guessed"] = "true"
    """Whether results are made with the source images' true labels or with those that the discriminator guesses."""
    strength: PositiveFloat = 1.0
    """At test, by how much the entry that is asked for, if it changes, is multiplied."""


class EditingMethod(VectorMethod):
    """A generator that is told by a vector what to change, and a critic that also classifies.

    A batch norm learns its statistics from every pass that ``step`` makes, in the order in which it makes them.
    """

    needs_complete_vectors = True
    at_test = ("source_labels", "strength")
    settings: EditingSettings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: EditingSettings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.codec = VectorCodec(attributes)
        self.targets = TargetVectors(self.codec, labels, self.display_name)
        num_entries = len(self.codec.entries)
        self.generator = self.make_generator(widths_at(image_size, WIDTHS, settings.base_width), num_entries)
        initialise(self.generator, nn.init.xavier_uniform_)
        widths = widths_at(image_size, WIDTHS, settings.discriminator_width or settings.base_width)
        self.discriminator = NormedCritic(widths, image_size, num_entries, SLOPE)
        self.optimizers = adams(self.generator, self.discriminator, settings)

    @abstractmethod
    def make_generator(self, widths: Sequence[int], num_entries: int) -> EncoderDecoder:
        """The generator, with these channels after each of its encoder's layers and vectors of so many entries."""

    @abstractmethod
    def told(self, sources: Tensor, targets: Tensor) -> Tensor:
        """What the generator is told, [N, c], where images with vectors ``sources`` are to have ``targets``."""

    @abstractmethod
    def sources(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of a batch [B, c], with something in the place of what is unknown; and which images count in the
        reconstruction, bool [B]."""

    @property
    def batches_per_iteration(self) -> int:
        """A fresh batch for each update of a network, as in the official code."""
        return self.settings.n_critic + 1

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """``n_critic`` updates of the discriminator, then one of the generator."""
        losses: dict[str, Tensor] = {}
        for batch in batches[:-1]:
            targets = self.targets.draw(batch.labels)
            with torch.no_grad(), learning_statistics(self.generator):
                results = self.generator(batch.images, self.told(self.sources(batch, targets)[0], targets))
            losses |= update(self.optimizers["discriminator"], self.discriminator_losses(batch, results))
        last = batches[-1]
        targets = self.targets.draw(last.labels)
        with frozen(self.discriminator):
            losses |= update(self.optimizers["generator"], self.generator_losses(last, targets))
        return losses

    def discriminator_losses(self, batch: Batch, results: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``d_adv``, ``d_gp``, ``d_cls``. ``results``: the generator's, without a graph."""
        terms, logits = critic_terms(self.discriminator, batch.images, results, self.settings.lambda_gp)
        classification = self._classification(logits, *self.codec.encode(batch.labels))
        return terms | {"d_cls": self.settings.lambda_cls * classification}

    def generator_losses(self, batch: Batch, targets: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``g_adv``, ``g_cls``, ``g_rec``, the last over images that count in it.

        Args:
            targets: [B, c], what results shall be.
        """
        settings, x = self.settings, batch.images
        own, counts = self.sources(batch, targets)
        with learning_statistics(self.generator):
            maps = self.generator.encode(x)
            results = self.generator.decode(maps, self.told(own, targets))
            x_rec = self.generator.decode(maps, self.told(own, own))
        scores, logits = self.discriminator(results)
        return {
            "g_adv": -settings.lambda_adv * widened(scores).mean(),
            "g_cls": settings.lambda_edit * self._classification(logits, targets, torch.ones_like(targets)),
            "g_rec": settings.lambda_rec * masked_reconstruction(x, x_rec, counts),
        }

    def _classification(self, logits: Tensor, vectors: Tensor, known: Tensor) -> Tensor:
        """Masked binary cross-entropy, as a mean over entries."""
        return masked_binary_cross_entropy(logits, vectors, known) / len(self.codec.entries)

    @torch.no_grad()
    def every_edit(self, images: Tensor) -> Tensor:
        """Results of all groups; images are encoded, and what the discriminator guesses of them is guessed, once."""
        guess = self.guess(images)
        told = torch.stack([self.told_at_test(guess, [group]) for group in all_groups(self.attributes)], 1)
        maps = [
            one[:, None].expand(-1, told.shape[1], -1, -1, -1).flatten(0, 1) for one in self.generator.encode(images)
        ]
        return self.generator.decode(maps, told.flatten(0, 1)).unflatten(0, told.shape[:2])

    def guess(self, images: Tensor) -> Tensor:
        """The vectors that the discriminator takes for those of images, [N, c]."""
        return self.codec.classify(self.discriminator.classify(self.discriminator.features(images)))

    def told_at_test(self, vectors: Tensor, groups: Sequence[Group]) -> Tensor:
        """What the generator is told; an entry of a group that changes is multiplied by ``strength``.

        An attribute with an entry for each value has the entry of the value that is asked for multiplied, and no other.
        """
        targets = super().told_at_test(vectors, groups)
        told = self.told(vectors, targets)
        for k in map(self.codec.place_of, groups):
            changes = targets[:, k] != vectors[:, k]
            told[:, k] = torch.where(changes, self.settings.strength * told[:, k], told[:, k])
        return told
