"""Fréchet distance of two sets of images: the distance of two Gaussians with their features' means and covariances.

Source: Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017), with
torch-fidelity's unbiased covariance. Departure: no square root of a matrix is computed. With A and B the centred
features over sqrt(N - 1), the covariances are A'A and B'B, and the trace of the square root of their product is the sum
of the singular values of AB'. It is the same number, without the noise of a square root of rank-deficient covariances.
"""

import torch
from torch import Tensor

from sgbench.metrics.set_distance import SetDistance


class FrechetDistance(SetDistance):
    """|mean - mean'|^2 + tr(S + S' - 2 (S S')^(1/2)); FID on Inception's features.

    ``update(features, real)``: floating point [N, d], at least two images of each kind. Batches and order do not
    matter. Small sets raise the distance, so compare only sets of the same size.
    """

    definition = "Fréchet distance of Gaussians, covariances over N - 1"

    def compute(self) -> Tensor:
        real, generated = self.features(real=True), self.features(real=False)
        shift = real.mean(0) - generated.mean(0)
        a, b = _root(real), _root(generated)
        return shift.square().sum() + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()


def _root(features: Tensor) -> Tensor:
    """A matrix R [min(N, d), d] such that R'R is the covariance of features [N, d]."""
    centred = features - features.mean(0)
    return torch.linalg.qr(centred / (len(features) - 1) ** 0.5, mode="r").R
