"""Random training batches. Those of iteration t depend only on (seed, t), so a job can resume at any iteration.

What is drawn is decided on the host, and so is the same on every device; images are fetched, mirrored and converted
where they are used.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import HIDDEN, Batch, SparseLabels
from sgbench.data.pixels import to_mirrored_floats
from sgbench.data.store.packed import PackedImages


class Draw(NamedTuple):
    """Rows int64 [count, B] of the training images and which of them are mirrored, bool [count, B]."""

    rows: Tensor
    mirrored: Tensor


class Batches:
    """Draws batches of flipped float images and their revealed labels.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set, packed or in memory.
        positions: int64 [N], positions of the training images.
        labels: labels of the N training images.
        batch_size: number of images in a batch; for ``by_value``, the number for each value.
        labelled_share: if any label is hidden, this share of a batch (at least one image) comes from the labelled pool.
        sampling: ``mixed`` or ``by_value``, see ``Method.sampling``.
        device: the device of the batches.
    """

    def __init__(
        self,
        images: PackedImages | Tensor,
        positions: Tensor,
        labels: SparseLabels,
        batch_size: int,
        labelled_share: float,
        sampling: Literal["mixed", "by_value"],
        seed: int,
        device: torch.device,
    ):
        self.images, self.positions, self.labels, self.seed, self.device = images, positions, labels, seed, device
        if sampling == "by_value":
            self.parts = [(pool, batch_size) for pool in _equal_pools(labels.labels[:, 0], seed)]
        else:
            hidden = bool((labels.labels == HIDDEN).any())
            labelled = max(1, round(labelled_share * batch_size)) if hidden else 0
            everything = torch.arange(len(positions))
            self.parts = [(labels.pool, labelled), (everything, batch_size - labelled)]

    @property
    def batch_size(self) -> int:
        """Images in a batch."""
        return sum(number for _, number in self.parts)

    def draw(self, iteration: int, count: int) -> Draw:
        """What the batches of an iteration hold."""
        rng = np.random.default_rng([self.seed, iteration, 0xBA7C])
        drawn = [self._draw(rng) for _ in range(count)]
        return Draw(*map(torch.stack, zip(*drawn, strict=True)))

    def at(self, iteration: int, count: int) -> list[Batch]:
        """The batches of an iteration."""
        drawn = self.draw(iteration, count)
        return [
            Batch(
                to_mirrored_floats(self.images[self.positions[rows]], mirrored, self.device),
                self.labels.labels[rows].to(self.device),
            )
            for rows, mirrored in zip(*drawn, strict=True)
        ]

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.cat([pool[torch.from_numpy(rng.integers(len(pool), size=n))] for pool, n in self.parts if n])
        return rows, torch.from_numpy(rng.random(len(rows)) < 0.5)


def _equal_pools(column: Tensor, seed: int) -> list[Tensor]:
    """The images of each value. Larger sets are cut at random to the size of the smallest set."""
    pools = [(column == v).nonzero().flatten() for v in range(int(column.max()) + 1)]
    size = min(map(len, pools))
    rng = np.random.default_rng([seed, 0xC07])
    return [pool[torch.from_numpy(np.sort(rng.permutation(len(pool))[:size]))] for pool in pools]
