"""Random training batches. Those of iteration t depend only on (seed, t), so a job can resume at any iteration."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import HIDDEN, Batch, SparseLabels
from sgbench.data.pixels import to_mirrored_floats
from sgbench.data.store.packed import PackedImages


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

    def at(self, iteration: int, count: int) -> list[Batch]:
        """The batches of an iteration."""
        rng = np.random.default_rng([self.seed, iteration, 0xBA7C])
        return [self._draw(rng) for _ in range(count)]

    def _draw(self, rng: np.random.Generator) -> Batch:
        rows = torch.cat([pool[torch.from_numpy(rng.integers(len(pool), size=n))] for pool, n in self.parts if n])
        flip = torch.from_numpy(rng.random(len(rows)) < 0.5)
        x = to_mirrored_floats(self.images[self.positions[rows]], flip, self.device)
        return Batch(x, self.labels.labels[rows].to(self.device))


def _equal_pools(column: Tensor, seed: int) -> list[Tensor]:
    """The images of each value. Larger sets are cut at random to the size of the smallest set."""
    pools = [(column == v).nonzero().flatten() for v in range(int(column.max()) + 1)]
    size = min(map(len, pools))
    rng = np.random.default_rng([seed, 0xC07])
    return [pool[torch.from_numpy(np.sort(rng.permutation(len(pool))[:size]))] for pool in pools]
