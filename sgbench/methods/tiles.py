"""3x3 convolutions over small maps, with the instance norm after them, on CPUs that multiply tiles (AMX).

A library's convolution of 64 channels over a map of 8x8 pixels takes two to three times as long as the C extension's,
whose both layers are one step of autograd. Elsewhere the layers are called one after the other.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from sgbench.methods import native
from sgbench.methods.casting import lowered
from sgbench.methods.norms import InstanceNorm, laid_like, native_norm, native_norm_backward

_MOST_PLACES = 64
"""Places of a map up to which the extension is faster than the library."""
_CHANNELS = 32
"""Channels come in multiples of as many."""


def convolve_and_norm(convolution: nn.Conv2d, norm: InstanceNorm, x: Tensor) -> Tensor:
    """The norm of a "same" convolution without a bias, [N, C, H, W]; it can be differentiated once."""
    if not _usable(convolution, norm, x):
        return norm(convolution(x))
    return _ConvolvedAndNormed.apply(x, lowered(convolution.weight), norm.weight, norm.bias, norm.eps, norm.slope)


def _usable(convolution: nn.Conv2d, norm: InstanceNorm, x: Tensor) -> bool:
    if convolution.kernel_size != (3, 3) or convolution.stride != (1, 1) or not _has_tiles(native.extension):
        return False
    small = x.shape[2] * x.shape[3] <= _MOST_PLACES and x.shape[3] % 2 == 0 and len(x) > 0
    fits = convolution.in_channels % _CHANNELS == convolution.out_channels % _CHANNELS == 0
    low = x.dtype == torch.bfloat16 and torch.is_autocast_enabled("cpu") and norm.weight.dtype == torch.float32
    return small and fits and low and x.device.type == "cpu" and torch.get_autocast_dtype("cpu") == torch.bfloat16


@lru_cache(maxsize=1)
def _has_tiles(extension: Any) -> bool:
    return extension is not None and extension.tiles()


class _ConvolvedAndNormed(Function):
    """Both layers by the C extension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, eps: float, slope: float) -> Tensor:
        x, weight = laid_like(x, x), laid_like(weight, x)
        y = convolved(x, weight)
        result, moments = native_norm(y, scale, shift, eps, slope)
        ctx.save_for_backward(x, weight, y, scale, shift, moments)
        ctx.slope = slope
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        return _once(ctx, g) if torch.is_grad_enabled() else _gradients(ctx, g)


def _gradients(ctx: Any, g: Tensor) -> tuple:
    """The backward pass."""
    x, weight, y, scale, shift, moments = ctx.saved_tensors
    of_y, of_scale, of_shift = native_norm_backward(laid_like(g, y), y, scale, shift, moments, ctx.slope)
    of_x = convolved(of_y, weight, adjoint=True) if ctx.needs_input_grad[0] else None
    of_weight = weight_of(of_y, x) if ctx.needs_input_grad[1] else None
    return of_x, of_weight, of_scale, of_shift, None, None


_once = once_differentiable(_gradients)


def convolved(x: Tensor, weight: Tensor, adjoint: bool = False) -> Tensor:
    """The convolution, or its adjoint, of channels-last maps in bfloat16: [N, C, H, W] -> [N, c, H, W]."""
    n, channels, height, width = x.shape
    out = weight.shape[1 if adjoint else 0]
    y = torch.empty((n, out, height, width), dtype=x.dtype, memory_format=torch.channels_last)
    addresses = [t.data_ptr() for t in (x, weight, y)]
    native.extension.tiles_convolve(*addresses, n, height, width, channels, out, adjoint)
    return y


def weight_of(g: Tensor, x: Tensor) -> Tensor:
    """The gradient of the weight [c, C, 3, 3], from that of the results and from the input."""
    n, channels, height, width = x.shape
    of_weight = torch.empty((g.shape[1], channels, 3, 3), dtype=x.dtype, memory_format=torch.channels_last)
    addresses = [t.data_ptr() for t in (g, x, of_weight)]
    native.extension.tiles_weight(*addresses, n, height, width, channels, g.shape[1])
    return of_weight
