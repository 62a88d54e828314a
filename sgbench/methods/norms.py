"""Instance norm with its activation, in one step forward and one back, without a change of memory layout."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

IDENTITY = 1.0
RELU = 0.0


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm with scale and shift, eps 1e-5, without running statistics, then a leaky ReLU.

    Statistics are taken in float32 (float64 for float64); results have the type and the layout of the input, if that is
    channels-last, and are channels-last otherwise. It can be differentiated once.

    Args:
        slope: of negative values: ``RELU``, ``IDENTITY``, or that of a leaky ReLU.
    """

    def __init__(self, channels: int, slope: float = IDENTITY):
        super().__init__(channels, eps=1e-5, affine=True, track_running_stats=False)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        return self.part(x, slice(None))

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the channels alone, [N, c, H, W], by their scales and shifts."""
        return norm_leaky(x, self.weight[channels], self.bias[channels], self.slope, self.eps)


def norm_leaky(x: Tensor, weight: Tensor, bias: Tensor, slope: float, eps: float = 1e-5) -> Tensor:
    """What ``InstanceNorm`` computes, [N, C, H, W], for scales and shifts [C] that are given."""
    return _NormThenLeaky.apply(x, weight, bias, eps, slope)


class _NormThenLeaky(Function):
    """The formula in channels-last rows: [N, H * W, C]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> Tensor:
        rows = _rows(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        centred = rows.to(wide)
        centred = centred - centred.mean(1, keepdim=True)
        scale = (centred.square().mean(1, keepdim=True) + eps).rsqrt_()
        y = torch.addcmul(bias, centred, scale * weight).to(x.dtype)
        if slope != IDENTITY:
            torch.nn.functional.leaky_relu_(y, slope)
        ctx.save_for_backward(centred, scale, weight, y)
        ctx.slope, ctx.shape = slope, x.shape
        return _maps(y, x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        centred, scale, weight, y = ctx.saved_tensors
        g = _rows(gradient)
        if ctx.slope != IDENTITY:
            g = torch.ops.aten.leaky_relu_backward(g, y, ctx.slope, True)
        g = g.to(centred.dtype)
        of_bias = g.sum(1, keepdim=True)
        of_weight = (g * centred).sum(1, keepdim=True).mul_(scale)
        places = g.shape[1]
        x = torch.addcmul(of_bias / -places, centred, of_weight * scale / -places).add_(g).mul_(scale * weight)
        return _maps(x.to(y.dtype), ctx.shape), of_weight.sum((0, 1)), of_bias.sum((0, 1)), None, None


def _rows(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H * W, C], a view where the layout is channels-last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _maps(rows: Tensor, shape: torch.Size) -> Tensor:
    """[N, H * W, C] -> [N, C, H, W], channels-last."""
    return rows.unflatten(1, shape[2:]).permute(0, 3, 1, 2)
