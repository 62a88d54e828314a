"""Kernel distance of two sets of images: the squared maximum mean discrepancy of their features, without bias.

Source: Binkowski et al., "Demystifying MMD GANs" (2018), with torch-fidelity's conventions: kernel (x'y / d + 1)^3, the
mean over 100 subsets of 1,000 generated and 1,000 real images, drawn without replacement by NumPy's RandomState(2020),
the generated images first. Departures: float64, and each kernel value is computed once for all subsets.
"""

import numpy as np
import torch
from torch import Tensor

from sgbench.metrics.set_distance import SetDistance

CHUNK = 1024


class KernelDistance(SetDistance):
    """Mean over subsets of the unbiased squared discrepancy; KID on Inception's features. It can be negative.

    ``update(features, real)``: floating point [N, d], at least ``subset_size`` images of each kind. The estimate has no
    bias at any subset size: a caller with fewer than 1,000 images sets the size to their number, and the definition
    says so. Which images a subset holds depends on their order, unless it holds them all.
    """

    def __init__(self, num_subsets: int = 100, subset_size: int = 1000, seed: int = 2020) -> None:
        super().__init__()
        if num_subsets < 1 or subset_size < 2:
            raise ValueError(f"at least 1 subset of 2 images is needed, not {num_subsets} of {subset_size}")
        self.num_subsets = num_subsets
        self.subset_size = subset_size
        self.seed = seed
        self.definition = (
            f"squared MMD, kernel (x'y/d + 1)^3, mean of {num_subsets} subsets of {subset_size}, RandomState({seed})"
        )

    @property
    def min_images(self) -> int:
        return self.subset_size

    def compute(self) -> Tensor:
        return self.estimates().mean()

    def estimates(self) -> Tensor:
        """The estimate of each subset, float64 [num_subsets]. Papers usually state their population deviation.

        Raises:
            ValueError: fewer real or generated images than a subset holds.
        """
        real, generated = self.features(real=True), self.features(real=False)
        rng = np.random.RandomState(self.seed)
        in_real = real.new_zeros(self.num_subsets, len(real))
        in_generated = real.new_zeros(self.num_subsets, len(generated))
        for k in range(self.num_subsets):
            for members in (in_generated, in_real):
                members[k, torch.from_numpy(rng.choice(members.shape[1], self.subset_size, replace=False))] = 1
        m = self.subset_size
        within = _sums(real, in_real, real, in_real) - in_real @ _diagonal(real)
        within += _sums(generated, in_generated, generated, in_generated) - in_generated @ _diagonal(generated)
        between = _sums(real, in_real, generated, in_generated)
        return within / (m * (m - 1)) - 2 * between / m**2


def _kernel(inner_products: Tensor, num_dimensions: int) -> Tensor:
    return (inner_products / num_dimensions + 1) ** 3


def _diagonal(x: Tensor) -> Tensor:
    return _kernel(x.square().sum(1), x.shape[1])


def _sums(x: Tensor, in_x: Tensor, y: Tensor, in_y: Tensor) -> Tensor:
    """Sums [R] of the kernel over pairs of x [N, d] and y [M, d] that memberships [R, N] and [R, M] select."""
    total = in_x.new_zeros(len(in_x))
    for rows, members in zip(x.split(CHUNK), in_x.split(CHUNK, 1), strict=True):
        total += ((members @ _kernel(rows @ y.T, x.shape[1])) * in_y).sum(1)
    return total
