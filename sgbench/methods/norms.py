"""Instance norm with its activation, in one step forward and one back, without a change of memory layout."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sgbench.methods import kernels, native

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
        return norm_leaky(x, self.weight, self.bias, self.slope, self.eps)

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the channels alone, [N, c, H, W], by their scales and shifts."""
        return norm_leaky(x, self.weight[channels], self.bias[channels], self.slope, self.eps)


def norm_leaky(x: Tensor, weight: Tensor, bias: Tensor, slope: float, eps: float = 1e-5) -> Tensor:
    """What ``InstanceNorm`` computes, [N, C, H, W], for scales and shifts [C] that are given."""
    if native.is_written_down():
        return _forward(x, weight, bias, eps, slope)[0]
    return _NormThenLeaky.apply(x, weight, bias, eps, slope)


class _NormThenLeaky(Function):
    """Computed by kernels on a GPU, by the extension on a CPU, and by the formula in torch's operators elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> Tensor:
        if not (x.is_contiguous(memory_format=torch.channels_last) and weight.is_contiguous() and bias.is_contiguous()):
            x, weight, bias = x.contiguous(memory_format=torch.channels_last), weight.contiguous(), bias.contiguous()
        ctx.slope, ctx.way = slope, _way(x, weight, bias)
        if ctx.way == "kernels":
            from sgbench.methods.kernels.norms import norm_act

            y, *moments = norm_act(x, weight, bias, eps, slope)
        elif ctx.way == "native":
            y, *moments = native_norm(x, weight, bias, eps, slope)
        else:
            y, *moments = _forward(x, weight, bias, eps, slope)
        ctx.save_for_backward(x, weight, bias, *moments)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        return _once(ctx, g) if torch.is_grad_enabled() else _gradients(ctx, g)


def _gradients(ctx: Any, g: Tensor) -> tuple:
    """The backward pass of ``_NormThenLeaky``."""
    x, weight, bias, *moments = ctx.saved_tensors
    g = laid_like(g, x)
    if ctx.way == "kernels":
        from sgbench.methods.kernels.norms import norm_act_backward

        return *norm_act_backward(g, x, weight, bias, *moments, ctx.slope), None, None
    if ctx.way == "native":
        return *native_norm_backward(g, x, weight, bias, *moments, ctx.slope), None, None
    return *_backward(g, x, weight, bias, *moments, ctx.slope), None, None


_once = once_differentiable(_gradients)


def laid_like(g: Tensor, x: Tensor) -> Tensor:
    """A gradient in the type of x, channels-last."""
    if g.dtype == x.dtype and g.is_contiguous(memory_format=torch.channels_last):
        return g
    return g.to(x.dtype).contiguous(memory_format=torch.channels_last)


def _way(x: Tensor, weight: Tensor, bias: Tensor) -> str:
    """Which of the three ways is taken."""
    if kernels.usable(x):
        return "kernels"
    known = x.dtype in (torch.float32, torch.bfloat16) and weight.dtype == bias.dtype == torch.float32
    return "native" if known and native.usable(x) else "formula"


def native_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> tuple[Tensor, Tensor]:
    """By the C extension, of what is contiguous: results, and means and reciprocal deviations, [2, N, C]."""
    n, c, height, width = x.shape
    y, moments = torch.empty_like(x), weight.new_empty(2, n, c)
    addresses = [t.data_ptr() for t in (x, weight, bias, y, moments)]
    native.extension.norm_forward(*addresses, n, height * width, c, eps, slope, x.dtype == torch.bfloat16)
    return y, moments


def native_norm_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, moments: Tensor, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """By the C extension: gradients with respect to x, weight and bias."""
    n, c, height, width = x.shape
    of_x, of_weight, of_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    addresses = [t.data_ptr() for t in (g, x, weight, bias, moments, of_x, of_weight, of_bias)]
    native.extension.norm_backward(*addresses, n, height * width, c, slope, x.dtype == torch.bfloat16)
    return of_x, of_weight, of_bias


def _forward(x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> tuple[Tensor, Tensor, Tensor]:
    """Results, and the mean and the reciprocal deviation of each image's channels, [N, C]."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    mean = wide.mean((2, 3), keepdim=True)
    scale = ((wide - mean).square().mean((2, 3), keepdim=True) + eps).rsqrt()
    y = (wide - mean) * (scale * _over(weight)) + _over(bias)
    return F.leaky_relu(y, slope).to(x.dtype), mean.flatten(1), scale.flatten(1)


def _backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, scale: Tensor, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to x, weight and bias."""
    wide = torch.promote_types(x.dtype, torch.float32)
    centred, scale = x.to(wide) - mean[:, :, None, None], scale[:, :, None, None]
    y = centred * (scale * _over(weight)) + _over(bias)
    g = torch.where(y > 0, g.to(wide), slope * g.to(wide))
    of_bias, of_weight = g.sum((2, 3), keepdim=True), (g * centred).sum((2, 3), keepdim=True) * scale
    places = x.shape[2] * x.shape[3]
    of_x = (g - of_bias / places - centred * (of_weight * scale / places)) * (scale * _over(weight))
    return of_x.to(x.dtype), of_weight.sum((0, 2, 3)), of_bias.sum((0, 2, 3))


def _over(channels: Tensor) -> Tensor:
    """[C] -> [C, 1, 1]."""
    return channels[:, None, None]
