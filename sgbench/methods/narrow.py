"""A convolution to few channels. On a GPU it is one product at each place, and then a sum of shifted results.

A library's kernels compute blocks of 32 output channels or more, of which 3 would be used; the product has 147 columns.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sgbench.methods import kernels, tiles
from sgbench.methods.casting import lowered


class NarrowConv2d(nn.Conv2d):
    """A convolution with an odd kernel to few channels a group; maps keep their size."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, groups: int = 1, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, H, W]."""
        bias = None if self.bias is None else lowered(self.bias)
        return narrow(x, lowered(self.weight), bias, self.groups)


def narrow(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1) -> Tensor:
    """[N, groups * C, H, W], [groups * c, C, k, k], [groups * c] -> [N, groups * c, H, W]."""
    x, kernel_size = x.to(weight.dtype), weight.shape[-1]
    if not kernels.usable(x):
        if groups == 1 and tiles.usable(x, weight):
            return tiles.convolve(x, weight, bias, 1, _plain)
        return F.conv2d(x, weight, bias, padding=kernel_size // 2, groups=groups)
    from sgbench.methods.kernels.shifts import shifted_weight

    y = _SumOfShifted.apply(x, shifted_weight(weight, groups), kernel_size, len(weight) // groups)
    return y if bias is None else y + bias[:, None, None]


def _plain(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)


class _SumOfShifted(Function):
    """The convolution by kernels, from weights as they want them, [groups, C, k * D]. It can be differentiated once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, kernel_size: int, channels: int) -> Tensor:
        from sgbench.methods.kernels.shifts import sum_shifted

        ctx.save_for_backward(x, weight)
        ctx.kernel_size = kernel_size
        z = torch.bmm(_by_place(x, len(weight)), weight)
        return sum_shifted(z.view(len(weight), len(x), *x.shape[2:], -1), kernel_size, channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple:
        from sgbench.methods.kernels.patches import gather_shifted

        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        of_z = gather_shifted(g, ctx.kernel_size, len(weight)).flatten(1, 3)
        if ctx.needs_input_grad[0]:
            rows = x.new_empty(of_z.shape[1], *weight.shape[:2])
            torch.bmm(of_z, weight.transpose(1, 2), out=rows.transpose(0, 1))
            of_x = rows.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            of_weight = torch.bmm(_by_place(x, len(weight)).transpose(1, 2), of_z)
        return of_x, of_weight, None, None


def _by_place(x: Tensor, groups: int) -> Tensor:
    """[N, groups * C, H, W] -> [groups, N * H * W, C], a view of a map that is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, groups, x.shape[1] // groups).transpose(0, 1)
