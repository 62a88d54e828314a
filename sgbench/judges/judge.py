"""A judge: a network with a softmax head for each attribute."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sgbench.data.labels import Attribute
from sgbench.data.pixels import to_floats
from sgbench.judges.architectures import SMALLEST, Architecture, build_network
from sgbench.metrics.accuracy import balanced_accuracy


class Judge(nn.Module):
    """Class logits of each attribute: uint8 [N, 3, S, S] -> a list of [N, m_j] in the parameters' type."""

    def __init__(
        self, attributes: Sequence[Attribute], architecture: Architecture = "resnet18", image_size: int = SMALLEST
    ):
        super().__init__()
        self.sizes = [len(a.values) for a in attributes]
        self.network = build_network(architecture, sum(self.sizes), image_size)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Logits of uint8 images."""
        return self.logits(to_floats(images, next(self.parameters()).dtype))

    def logits(self, x: Tensor) -> list[Tensor]:
        """Logits of float images in [-1, 1]."""
        return list(self.network(x).split(self.sizes, 1))

    @torch.no_grad()
    def posteriors(self, images: Tensor, batch_size: int | None = None) -> list[Tensor]:
        """Softmax posteriors float64 [N, m_j] of uint8 images, in batches whose default fits into memory."""
        device = next(self.parameters()).device
        batch_size = batch_size or min(250, max(1, 2**20 // images.shape[-1] ** 2))
        parts = [[p.double().softmax(1).cpu() for p in self(part.to(device))] for part in images.split(batch_size)]
        return [torch.cat(head) for head in zip(*parts, strict=True)]


def balanced_accuracies(judge: Judge, images: Tensor, labels: Tensor) -> list[float]:
    """Balanced accuracy of each attribute on uint8 images with labels int8 [N, J]; NaN if no label is known."""
    return balanced(judge.posteriors(images), labels)


def balanced(posteriors: Sequence[Tensor], labels: Tensor) -> list[float]:
    """Balanced accuracy of each attribute, given posteriors [N, m_j] and labels int8 [N, J]."""
    return [balanced_accuracy(p, labels[:, j]) for j, p in enumerate(posteriors)]
