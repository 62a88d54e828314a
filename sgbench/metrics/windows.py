"""Gaussian windows as matrices: the means of all windows that fit are two products, which is fast in float64."""

import torch
from torch import Tensor


def gaussian_windows(length: int, size: int, sigma: float) -> Tensor:
    """Weights of every window of ``size`` pixels along an axis, float64 [length - size + 1, length]; rows sum to 1."""
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    gaussian = torch.exp(-0.5 * (offsets / sigma) ** 2)
    positions = length - size + 1
    rows = torch.zeros(positions, length, dtype=torch.float64)
    for p in range(positions):
        rows[p, p : p + size] = gaussian / gaussian.sum()
    return rows


def window_means(x: Tensor, windows: Tensor) -> Tensor:
    """Window means [..., positions, positions], transposed; a later mean over all positions is not affected."""
    return (x @ windows.mT).mT @ windows.mT


def similarity_maps(x: Tensor, y: Tensor, windows: Tensor, c1: float, c2: float) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast term in every window of two float64 [N, C, S, S]: [N, C, positions, positions] each."""
    mean_x, mean_y = window_means(x, windows), window_means(y, windows)
    variances = window_means(x * x + y * y, windows) - mean_x**2 - mean_y**2
    covariance = window_means(x * y, windows) - mean_x * mean_y
    contrast = (2 * covariance + c2) / (variances + c2)
    return contrast * (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1), contrast
