"""What editing does to pixels, done to training images, so that a judge looks at attributes and not at its traces.

Each distortion is drawn for each image on its own. Ranges are for strength 1 and images in [-1, 1]; they grow with the
strength, but for the share of images at half the resolution. The strength is chosen by the procedure in docs/jury.md.
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate, pad

_SHIFT, _SCALE = 0.15, 0.12
"""Largest shift, in halves of the image's side, and largest change of scale."""
_GAIN, _BRIGHTNESS, _SATURATION = 0.22, 0.22, 0.45
_NOISE = 0.18
"""Largest standard deviation of white and of coarse noise."""
_COARSE = 8
"""Side of the grid that coarse noise is drawn on."""
_COMPRESSION = 0.5
"""Largest step of quantisation of the lowest frequency of an 8x8 block."""
_BLOCK = 8


def distort(x: Tensor, strength: float) -> Tensor:
    """Distorted copies of float images [N, 3, S, S] in [-1, 1], flipped with probability 1/2."""
    x = _chosen(x, x.flip(-1), 0.5)
    x = _chosen(x, _moved(x, strength), 0.5)
    x = _blurred(x, strength)
    x = _chosen(x, _halved(x), 0.15)
    x = _chosen(x, _compressed(x, strength), 0.3)
    x = _recoloured(x, strength)
    x = x + strength * _NOISE * _amount(x, 0.6) * torch.randn_like(x)
    coarse = torch.randn(len(x), 3, _COARSE, _COARSE, device=x.device)
    coarse = interpolate(coarse, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return (x + strength * _NOISE * _amount(x, 0.5) * coarse).clamp(-1, 1)


def _uniform(x: Tensor, *shape: int) -> Tensor:
    """Uniform numbers in [-1, 1] for each image."""
    return 2 * torch.rand(len(x), *shape, device=x.device) - 1


def _amount(x: Tensor, probability: float) -> Tensor:
    """For each image a number in [0, 1], which is 0 except with some probability: [N, 1, 1, 1]."""
    return torch.rand(len(x), 1, 1, 1, device=x.device) * (torch.rand(len(x), 1, 1, 1, device=x.device) < probability)


def _chosen(x: Tensor, other: Tensor, probability: float) -> Tensor:
    """Some images replaced by their other version."""
    return torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < probability, other, x)


def _moved(x: Tensor, strength: float) -> Tensor:
    """Shifted and scaled; pixels outside repeat the border."""
    theta = torch.zeros(len(x), 2, 3, device=x.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + strength * _SCALE * _uniform(x)
    theta[:, :, 2] = strength * _SHIFT * _uniform(x, 2)
    grid = affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _blurred(x: Tensor, strength: float) -> Tensor:
    """Mixed with its mean over 3x3 pixels."""
    mean = avg_pool2d(pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return x + (1.5 * strength * _amount(x, 0.5)).clamp(max=1) * (mean - x)


def _halved(x: Tensor) -> Tensor:
    """As of an image with half the side."""
    return interpolate(avg_pool2d(x, 2), scale_factor=2, mode="bilinear", align_corners=False)


def _compressed(x: Tensor, strength: float) -> Tensor:
    """Frequencies of 8x8 blocks rounded to steps that grow with the frequency, as JPEG does."""
    n, channels, side = len(x), x.shape[1], x.shape[-1] // _BLOCK
    basis = _cosines(x.device).to(x.dtype)
    blocks = x.reshape(n, channels, side, _BLOCK, side, _BLOCK).transpose(3, 4)
    steps = torch.arange(_BLOCK, device=x.device)
    steps = (1 + steps[:, None] + steps) * strength * _COMPRESSION / 2
    steps = steps * torch.rand(n, 1, 1, 1, 1, 1, device=x.device).clamp(min=0.05)
    frequencies = torch.round(basis @ blocks @ basis.T / steps) * steps
    return (basis.T @ frequencies @ basis).transpose(3, 4).reshape(x.shape)


@cache
def _cosines(device: torch.device) -> Tensor:
    """The orthonormal discrete cosine transform of 8 values, [8, 8]."""
    places = torch.arange(_BLOCK, dtype=torch.float64)
    basis = torch.cos(math.pi / _BLOCK * (places + 0.5) * places[:, None]) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.to(device)


def _recoloured(x: Tensor, strength: float) -> Tensor:
    """Saturation, and gain and brightness of each channel, changed."""
    grey = x.mean(1, keepdim=True)
    x = grey + (1 + strength * _SATURATION * _uniform(x, 1, 1, 1)) * (x - grey)
    return x * (1 + strength * _GAIN * _uniform(x, 3, 1, 1)) + strength * _BRIGHTNESS * _uniform(x, 3, 1, 1)
