"""Methods whose generator takes an image and a vector: their results, given what is known of source images."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sgbench.data.labels import Group, all_groups
from sgbench.methods.contract import Method
from sgbench.methods.vectors import VectorCodec


class VectorMethod(Method):
    """One generator, called with images [N, 3, S, S] and vectors [N, c]; all groups are set in one pass."""

    generator: nn.Module
    codec: VectorCodec

    @abstractmethod
    def guess(self, images: Tensor) -> Tensor:
        """The valid vectors [N, c] that the method's own classifier gives images."""

    def told_at_test(self, vectors: Tensor, groups: Sequence[Group]) -> Tensor:
        """What the generator is told, [N, c], for images with vectors [N, c]: by default the vectors that they get."""
        for group in groups:
            vectors = self.codec.assign(vectors, group)
        return vectors

    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Results for the source images' vectors with one attribute set to the group."""
        return self.translate(images, labels, [group])

    @torch.no_grad()
    def translate(self, images: Tensor, labels: Tensor, groups: Sequence[Group]) -> Tensor:
        """One pass for all groups. Other entries are the source image's, or the method's own guess if unknown."""
        vectors, known = self.codec.encode(labels)
        if not known.all():
            vectors = torch.where(known, vectors, self.guess(images))
        return self.generator(images, self.told_at_test(vectors, groups))

    @torch.no_grad()
    def every_edit(self, images: Tensor) -> Tensor:
        """Results of all groups, in one pass; what is guessed of an image is guessed once."""
        guess = self.guess(images)
        vectors = torch.stack([self.told_at_test(guess, [group]) for group in all_groups(self.attributes)], 1)
        copies = images[:, None].expand(-1, vectors.shape[1], -1, -1, -1)
        return self.generator(copies.flatten(0, 1), vectors.flatten(0, 1)).unflatten(0, vectors.shape[:2])

    @torch.no_grad()
    def guessed_labels(self, images: Tensor) -> Tensor:
        """What the method takes for the labels of images, int8 [N, J]."""
        return self.codec.decode(self.guess(images))
