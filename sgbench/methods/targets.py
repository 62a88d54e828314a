"""Which vectors a batch's images are translated to in training: those of images of which every label is known."""

import torch
from torch import Tensor, nn

from sgbench.data.labels import HIDDEN
from sgbench.methods.vectors import VectorCodec


class TargetVectors(nn.Module):
    """Draws target vectors: a permutation of the batch's, or from a pool if training labels are hidden.

    Attributes:
        pool: [P, c], the complete vectors of labelled images; None if no label is hidden, as batches then give the
            targets. It follows from the labels, and is not part of a state.

    Args:
        labels: int8 [N, J], the revealed labels of the training images.
        name: the method's, for the error.

    Raises:
        ValueError: labels are hidden, and no image has all of them.
    """

    pool: Tensor | None

    def __init__(self, codec: VectorCodec, labels: Tensor, name: str):
        super().__init__()
        self.codec = codec
        self.register_buffer("pool", self._complete(labels, name), persistent=False)

    def draw(self, labels: Tensor) -> Tensor:
        """Target vectors [B, c] for a batch of labels, int8 [B, J]."""
        size, device = len(labels), labels.device
        if self.pool is None:
            return self.codec.encode(labels)[0][torch.randperm(size, device=device)]
        return self.pool[torch.randint(len(self.pool), (size,), device=device)]

    def _complete(self, labels: Tensor, name: str) -> Tensor | None:
        complete = (labels != HIDDEN).all(1)
        if len(labels) and complete.all():
            return None
        pool = labels[complete & (labels >= 0).any(1)]
        if not len(pool):
            names = ", ".join(attribute.name for attribute in self.codec.attributes)
            raise ValueError(
                f"{name} needs training images with all of {names} known, and there are none; "
                "reveal more labels a value (--sparse) or choose fewer attributes"
            )
        return self.codec.encode(pool)[0]
