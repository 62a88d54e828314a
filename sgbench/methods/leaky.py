"""Convolutions of a leaky ReLU. On a GPU, zeros that are missing around a map are written together with the ReLU.

Zeros are written at all only where "same" padding is not the same on both sides: the convolution adds others itself.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sgbench.methods import kernels
from sgbench.methods.casting import lowered
from sgbench.methods.convolutions import SameConv2d, padding
from sgbench.methods.norms import IDENTITY


def convolve_leaky(convolution: SameConv2d, x: Tensor, slope: float) -> Tensor:
    """The convolution of the leaky ReLU of x, which can be overwritten by that; ``IDENTITY`` is without one."""
    if _writes_zeros(convolution, x):
        x = _LeakyPad.apply(x.to(lowered(convolution.weight).dtype), slope, _around(convolution, x))
        return F.conv2d(x, lowered(convolution.weight), lowered(convolution.bias), convolution.stride)
    return convolution(x if slope == IDENTITY else F.leaky_relu_(x, slope))


def leaky_adjoint(convolution: SameConv2d, g: Tensor, x: Tensor, slope: float) -> Tensor:
    """The gradient of ``convolve_leaky`` at x from that of its result, as a function of g and of the weights.

    It can be differentiated once. For x before and after its leaky ReLU it is the same: signs are.
    """
    if _writes_zeros(convolution, x):
        g = F.conv_transpose2d(g, lowered(convolution.weight), None, convolution.stride)
        return _LeakyCut.apply(g, x, slope, _around(convolution, x))
    g = convolution.adjoint(g, *x.shape[-2:])
    return g if slope == IDENTITY else torch.ops.aten.leaky_relu_backward(g, x, slope, False)


def _writes_zeros(convolution: SameConv2d, x: Tensor) -> bool:
    left, right, top, bottom = _around(convolution, x)
    return (left != right or top != bottom) and kernels.usable(x)


def _around(convolution: SameConv2d, x: Tensor) -> tuple[int, int, int, int]:
    """Zeros left, right, above and below."""
    rows, columns = (padding(side, convolution.kernel_size[0], convolution.stride[0]) for side in x.shape[2:])
    return *columns, *rows


class _LeakyPad(Function):
    """Leaky ReLU with zeros around it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, around: tuple[int, int, int, int]) -> Tensor:
        from sgbench.methods.kernels.pads import leaky_pad

        ctx.save_for_backward(x)
        ctx.options = slope, *around
        return leaky_pad(x, slope, *around)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple:
        from sgbench.methods.kernels.pads import leaky_pad_backward

        return leaky_pad_backward(g, *ctx.saved_tensors, *ctx.options), None, None


class _LeakyCut(Function):
    """The gradient of ``_LeakyPad`` at x, as a function of that of its result."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, slope: float, around: tuple[int, int, int, int]) -> Tensor:
        from sgbench.methods.kernels.pads import leaky_pad_backward

        ctx.save_for_backward(x)
        ctx.options = slope, *around
        return leaky_pad_backward(g, x, slope, *around)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor) -> tuple:
        from sgbench.methods.kernels.pads import leaky_pad_like

        return leaky_pad_like(v, *ctx.saved_tensors, *ctx.options), None, None, None
