"""Convolutions of a leaky ReLU. On a GPU a bias, the ReLU and zeros that are missing around a map are one kernel.

There a convolution leaves its bias to what comes after it, so that its result is read and written once less. Zeros are
written at all only where "same" padding is not the same on both sides: the convolution adds others itself.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sgbench.methods import kernels
from sgbench.methods.casting import lowered
from sgbench.methods.convolutions import SameConv2d
from sgbench.methods.norms import IDENTITY
from sgbench.methods.same import convolve
from sgbench.methods.unfolding import padding

_NONE = (0, 0, 0, 0)


def leaky(x: Tensor, bias: Tensor | None, slope: float) -> Tensor:
    """Leaky ReLU of x + bias, [N, C, H, W]; x can be overwritten. Without kernels no bias was left to be added."""
    return _LeakyPad.apply(x, bias, slope, _NONE) if kernels.usable(x) else F.leaky_relu_(x, slope)


def convolve_leaky(
    convolution: SameConv2d, x: Tensor, bias: Tensor | None, slope: float
) -> tuple[Tensor, Tensor | None]:
    """The convolution of the leaky ReLU of x + bias; ``IDENTITY`` is without one, and comes without a bias.

    Args:
        x: what the layer before gave; it can be overwritten.
        bias: what that layer left to be added.

    Returns:
        The result, and the convolution's bias [c] if it has one that is yet to be added.
    """
    if not kernels.usable(x):
        return convolution(x if slope == IDENTITY else leaky(x, bias, slope)), None
    weight, stride = lowered(convolution.weight), convolution.stride
    own = None if convolution.bias is None else lowered(convolution.bias)
    if slope == IDENTITY:
        return convolve(x, weight, None, stride[0]), own
    written, added = _around(convolution, x)
    return F.conv2d(_LeakyPad.apply(x, bias, slope, written), weight, None, stride, added), own


def leaky_adjoint(convolution: SameConv2d, g: Tensor, x: Tensor, bias: Tensor | None, slope: float) -> Tensor:
    """The gradient of ``convolve_leaky`` at x from that of its result, as a function of g and of the weights.

    It can be differentiated once. For x before and after its leaky ReLU it is the same: signs are.
    """
    if slope == IDENTITY:
        return convolution.adjoint(g, *x.shape[-2:])
    if not kernels.usable(x):
        return leaky_slope(convolution.adjoint(g, *x.shape[-2:]), x, bias, slope)
    written, added = _around(convolution, x)
    g = F.conv_transpose2d(g, lowered(convolution.weight), None, convolution.stride, added)
    return _LeakyCut.apply(g, x, bias, slope, written)


def leaky_slope(g: Tensor, x: Tensor, bias: Tensor | None, slope: float) -> Tensor:
    """g where x + bias is positive, ``slope`` times g elsewhere."""
    if kernels.usable(x):
        return _LeakyCut.apply(g, x, bias, slope, _NONE)
    return torch.ops.aten.leaky_relu_backward(g, x, slope, False)


def _around(convolution: SameConv2d, x: Tensor) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Zeros to be written left, right, above and below; and rows and columns of them that the convolution adds."""
    rows, columns = (padding(side, convolution.kernel_size[0], convolution.stride[0]) for side in x.shape[2:])
    if rows[0] == rows[1] and columns[0] == columns[1]:
        return _NONE, (rows[0], columns[0])
    return (*columns, *rows), (0, 0)


class _LeakyPad(Function):
    """Leaky ReLU of a map and a bias, with zeros around it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, slope: float, around: tuple[int, int, int, int]) -> Tensor:
        from sgbench.methods.kernels.pads import leaky_pad

        ctx.save_for_backward(x, bias)
        ctx.options = slope, around
        return leaky_pad(x, bias, slope, around)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple:
        from sgbench.methods.kernels.pads import leaky_pad_backward, leaky_pad_gradients

        x, bias = ctx.saved_tensors
        if bias is None or not ctx.needs_input_grad[1]:
            return leaky_pad_backward(g, x, bias, *ctx.options), None, None, None
        of_x, of_bias = leaky_pad_gradients(g, x, bias, *ctx.options)
        return of_x, of_bias.to(bias.dtype), None, None


class _LeakyCut(Function):
    """The gradient of ``_LeakyPad`` at x, as a function of that of its result."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, bias: Tensor | None, slope: float, around: tuple[int, int, int, int]
    ) -> Tensor:
        from sgbench.methods.kernels.pads import leaky_pad_backward

        ctx.save_for_backward(x, bias)
        ctx.options = slope, around
        return leaky_pad_backward(g, x, bias, slope, around)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple:
        from sgbench.methods.kernels.pads import leaky_pad_like

        return leaky_pad_like(v, *ctx.saved_tensors, *ctx.options), None, None, None, None
