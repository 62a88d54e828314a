"""Convolutions with TensorFlow's "same" padding and their adjoints, and which way each of them is computed."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from sgbench.methods import kernels, native, tiles
from sgbench.methods.narrow import narrow
from sgbench.methods.unfolding import flat, fold, padding, room, rows_like_patches, rows_of, unfold

_FEW_PLACES = 16
"""Output places up to which a convolution on a CPU is computed as a matrix product of patches.

There the library's convolution spends its time on arranging weights; the product sums the same terms.
"""
_WEIGHTS_PER_PATCH = 200
"""Weights for each patch of a batch from which on the gradient of the weights is computed so, on a CPU."""
_FEW_CHANNELS = 8
"""Channels up to which a convolution on a GPU is a product: of patches if so few come in, of shifts if so few go out.

The library's kernels compute blocks of 32 channels or more, and change the layout of what is not a multiple of 8.
"""


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """A "same" convolution: [N, C, H, W], [c, C, k, k] -> [N, c, ceil(H / stride), ceil(W / stride)]."""
    x = x.to(weight.dtype)
    if tiles.usable(x, weight):
        return tiles.convolve(x, weight, bias, stride, _convolve)
    if _by_patches(x, -(-x.shape[2] // stride) * -(-x.shape[3] // stride), weight):
        return _Convolve.apply(x, weight, bias, stride)
    return _convolve(x, weight, bias, stride)


def spread(g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int) -> Tensor:
    """The adjoint of ``convolve``: [N, c, h, w], [c, C, k, k] -> [N, C, height, width]; then a bias [C] is added."""
    g = g.to(weight.dtype)
    if tiles.usable(g, weight):
        return tiles.spread(g, weight, bias, stride, height, width, _spread)
    if _by_patches(g, g.shape[2] * g.shape[3], weight):
        return _Spread.apply(g, weight, bias, stride, height, width)
    return _spread(g, weight, bias, stride, height, width)


class _Convolve(Function):
    """``convolve``, whose weights' gradient is a product of patches. Its backward pass can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.has_bias = stride, bias is not None
        places = [-(-side // stride) for side in x.shape[2:]]
        if places[0] * places[1] > _FEW_PLACES and not kernels.usable(x):
            return _convolve(x, weight, bias, stride)
        shape = len(x), len(weight), *places
        y = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        product = unfold(x, weight.shape[-1], stride), rows_like_patches(weight).t()
        torch.mm(*product, out=flat(y)) if bias is None else torch.addmm(bias, *product, out=flat(y))
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        of_x = spread(g, weight, None, ctx.stride, *x.shape[2:]) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(g, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        of_bias = g.sum((0, 2, 3)) if ctx.has_bias and ctx.needs_input_grad[2] else None
        return of_x, of_weight, of_bias, None


class _Spread(Function):
    """``spread``, whose weights' gradient is a product of patches. Its backward pass can be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int
    ) -> Tensor:
        ctx.save_for_backward(g, weight)
        ctx.stride, ctx.has_bias = stride, bias is not None
        if g.shape[2] * g.shape[3] > _FEW_PLACES or kernels.usable(g):
            return _spread(g, weight, bias, stride, height, width)
        rows, own = flat(g), rows_of(weight)
        z = torch.mm(rows, own, out=room(g.dtype, len(rows), own.shape[1]))
        y = fold(z, weight.shape[-1], stride, g.shape[2:], height, width)
        return y if bias is None else y + bias[:, None, None]

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple:
        g, weight = ctx.saved_tensors
        of_g = convolve(x, weight, None, ctx.stride) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(g, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        of_bias = x.sum((0, 2, 3)) if ctx.has_bias and ctx.needs_input_grad[2] else None
        return of_g, of_weight, of_bias, None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    (top, bottom), (left, right) = (padding(side, weight.shape[-1], stride) for side in x.shape[2:])
    if native.only_plain():  # no product is with a zero that the definition has not
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride)
    weight, (top, left) = _centred(weight, (top, left), (bottom, right))
    if stride == 1 and len(weight) <= _FEW_CHANNELS and weight.shape[-1] == 2 * left + 1 == 2 * top + 1:
        return narrow(x, weight, bias)
    return F.conv2d(x, weight, bias, stride, (top, left))


def _spread(g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int) -> Tensor:
    before, after = zip(*(padding(side, weight.shape[-1], stride) for side in (height, width)), strict=True)
    if kernels.usable(g) and weight.shape[1] <= _FEW_CHANNELS:
        return _spread_to_few(g, weight, bias, stride, before, (height, width))
    if native.only_plain():
        whole = _spread_alike(g, weight, bias, stride, (0, 0), (before[0] + height, before[1] + width))
        return whole[:, :, before[0] : before[0] + height, before[1] : before[1] + width]
    weight, before = _centred(weight, before, after)
    return _spread_alike(g, weight, bias, stride, before, (height, width))


def _spread_alike(
    g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, zeros: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """``_spread`` to maps of at least this size, from as many zeros before a map as after it."""
    reached = [
        (places - 1) * stride - 2 * start + kernel
        for places, start, kernel in zip(g.shape[2:], zeros, weight.shape[2:], strict=True)
    ]
    missing = [max(0, side - end) for side, end in zip(size, reached, strict=True)]
    return F.conv_transpose2d(g, weight, bias, stride, zeros, missing)


def _spread_to_few(
    g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, before: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """``_spread`` to few channels on a GPU: a product at each place, whose results are added where they belong."""
    from sgbench.methods.kernels.patches import fold as fold_few

    kernel, channels = weight.shape[-1], weight.shape[1]
    if stride == 1 and kernel == 2 * before[0] + 1 == 2 * before[1] + 1:
        return narrow(g, weight.transpose(0, 1).flip(2, 3), bias)
    z = (flat(g) @ rows_like_patches(weight)).view(len(g), *g.shape[2:], -1)
    y = fold_few(z, kernel, channels, stride, before, size)
    return y if bias is None else y + bias[:, None, None]


def _centred(weight: Tensor, before: tuple[int, int], after: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Weights with zeros before them, so that the same padding before and after a map gives the same convolution.

    The zeros cost less than a copy of the map.
    """
    if before == after:
        return weight, before
    return F.pad(weight, (after[1] - before[1], 0, after[0] - before[0], 0)), after


def _of_weight(g: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a convolution's weight, from that of its output ``g`` and its input ``x``."""
    kernel, channels = weight.shape[-1], weight.shape[1]
    product = flat(g).t() @ unfold(x, kernel, stride)
    by_row = product.view(len(weight), kernel, -1)[..., : kernel * channels]
    return by_row.unflatten(2, (kernel, channels)).permute(0, 3, 1, 2)


def _by_patches(x: Tensor, places: int, weight: Tensor) -> bool:
    """Whether the weights' gradient is taken as a product of patches; each map has ``places`` of them."""
    if native.only_plain():  # which takes no look at the number of images
        return False
    if kernels.usable(x):
        return weight.shape[1] <= _FEW_CHANNELS
    few = places <= _FEW_PLACES or len(x) * places * _WEIGHTS_PER_PATCH <= weight.numel()
    return few and x.device.type == "cpu"
