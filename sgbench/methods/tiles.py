"""Convolutions of small networks on CPUs that multiply tiles of bfloat16 (AMX), by the C extension.

At such sizes a library's convolution spends most of its time beside the products; its gradient of the weights takes two
to three times as long as this one.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from sgbench.methods import kernels, native
from sgbench.methods.unfolding import padding

_LEAST_CHANNELS = 8
"""Of the input; with fewer, most of a tile would be empty."""
_MOST_WEIGHTS, _MOST_PLACES, _MOST_VALUES = 2**17, 2**10, 2**20
"""Sizes of weights, of a map and of all maps up to which all stays in a core's cache."""


def usable(x: Tensor, weight: Tensor) -> bool:
    """Whether a "same" convolution with these weights, or its adjoint, of these maps is computed so."""
    low = x.dtype == weight.dtype == torch.bfloat16
    if not low or not native.usable(x) or kernels.usable(x):
        return False
    small = weight.numel() <= _MOST_WEIGHTS and x.numel() <= _MOST_VALUES and x.shape[2] * x.shape[3] <= _MOST_PLACES
    return small and weight.shape[1] >= _LEAST_CHANNELS and x.numel() > 0 and _has_tiles(native.extension)


@lru_cache(maxsize=1)
def _has_tiles(extension: Any) -> bool:
    return extension is not None and extension.tiles()


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, plain: Callable[..., Tensor]) -> Tensor:
    """The convolution of x [N, C, H, W]; ``plain`` computes the same, for what is differentiated twice."""
    return _ConvolveByTiles.apply(x, weight, bias, stride, plain)


def spread(
    g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int, plain: Callable[..., Tensor]
) -> Tensor:
    """Its adjoint, [N, c, h, w] -> [N, C, height, width]; then a bias is added."""
    return _SpreadByTiles.apply(g, weight, bias, stride, height, width, plain)


class _ConvolveByTiles(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, plain: Any) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.stride, ctx.plain = stride, plain
        return convolved(x, weight, bias, stride)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        x, weight, bias = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_differentiated(ctx, g, (x, weight, bias), (ctx.stride,)), None, None
        of_x = spread_out(g, weight, None, ctx.stride, *x.shape[2:]) if ctx.needs_input_grad[0] else None
        of_weight = weight_of(g, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, g.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None, None, None


class _SpreadByTiles(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int, plain: Any
    ) -> Tensor:
        ctx.save_for_backward(g, weight, bias)
        ctx.options, ctx.plain = (stride, height, width), plain
        return spread_out(g, weight, bias, stride, height, width)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple:
        g, weight, bias = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_differentiated(ctx, x, (g, weight, bias), ctx.options), None, None, None, None
        stride = ctx.options[0]
        of_g = convolved(x, weight, None, stride) if ctx.needs_input_grad[0] else None
        of_weight = weight_of(g, x, weight, stride) if ctx.needs_input_grad[1] else None
        return of_g, of_weight, x.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None, None, None, None, None


def _differentiated(ctx: Any, g: Tensor, inputs: tuple[Tensor | None, ...], options: tuple) -> list[Tensor | None]:
    """Gradients that can be differentiated again, of the inputs that need them."""
    asked = [k for k, needed in enumerate(ctx.needs_input_grad[: len(inputs)]) if needed]
    y = ctx.plain(*inputs, *options)
    found = dict(zip(asked, torch.autograd.grad(y, [inputs[k] for k in asked], g, create_graph=True), strict=True))
    return [found.get(k) for k in range(len(inputs))]


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """[N, C, H, W], [c, C, k, k] -> [N, c, ceil(H / stride), ceil(W / stride)], without a graph."""
    x, weight, bias = _laid(x), _laid(weight), _like(bias, x)
    shape = _shape(x, weight, stride)
    y = torch.empty((len(x), len(weight), *shape[-3:-1]), dtype=x.dtype, memory_format=torch.channels_last)
    native.extension.tiles_convolve(*_addresses(x, weight, bias, y), *shape)
    return y


def spread_out(g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int) -> Tensor:
    """[N, c, h, w], [c, C, k, k] -> [N, C, height, width], without a graph."""
    g, weight, bias = _laid(g), _laid(weight), _like(bias, g)
    size = len(g), weight.shape[1], height, width
    y = torch.empty(size, dtype=g.dtype, memory_format=torch.channels_last)
    native.extension.tiles_spread(*_addresses(g, weight, bias, y), *_shape(y, weight, stride))
    return y


def weight_of(g: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of the weight, from that of the convolution's output and from its input."""
    g, x = _laid(g), _laid(x)
    of_weight = torch.empty(weight.shape, dtype=x.dtype, memory_format=torch.channels_last)
    native.extension.tiles_weight(*_addresses(g, x, None, of_weight), *_shape(x, weight, stride))
    return of_weight


def _laid(x: Tensor) -> Tensor:
    return x if x.is_contiguous(memory_format=torch.channels_last) else x.contiguous(memory_format=torch.channels_last)


def _like(bias: Tensor | None, x: Tensor) -> Tensor | None:
    return None if bias is None else bias.to(x.dtype).contiguous()


def _shape(x: Tensor, weight: Tensor, stride: int) -> tuple[int, ...]:
    """Of a convolution, as the extension wants it: its input, kernel, zeros above and left, output."""
    n, channels, height, width = x.shape
    kernel = weight.shape[2]
    zeros = padding(height, kernel, stride)[0], padding(width, kernel, stride)[0]
    return n, height, width, channels, kernel, stride, *zeros, -(-height // stride), -(-width // stride), len(weight)


def _addresses(one: Tensor, other: Tensor, bias: Tensor | None, to: Tensor) -> tuple[int, int, int, int]:
    return one.data_ptr(), other.data_ptr(), 0 if bias is None else bias.data_ptr(), to.data_ptr()
