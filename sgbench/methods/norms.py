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
    """Instance norm with scale and shift, without running statistics, then a leaky ReLU.

    Statistics are taken in float32 (float64 for float64); results have the type and the layout of the input, if that is
    channels-last, and are channels-last otherwise. The gradient with respect to the input can be differentiated again.

    Args:
        slope: of negative values: ``RELU``, ``IDENTITY``, or that of a leaky ReLU.
        eps: added to the variance.
    """

    def __init__(self, channels: int, slope: float = IDENTITY, eps: float = 1e-5):
        super().__init__(channels, eps=eps, affine=True, track_running_stats=False)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        return norm_leaky(x, self.weight, self.bias, self.slope, self.eps)

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the channels alone, [N, c, H, W], by their scales and shifts."""
        return norm_leaky(x, self.weight[channels], self.bias[channels], self.slope, self.eps)


def norm_leaky(x: Tensor, weight: Tensor, bias: Tensor, slope: float, eps: float = 1e-5) -> Tensor:
    """What ``InstanceNorm`` computes, [N, C, H, W], for scales and shifts [C] that are given."""
    if native.only_plain():
        return _forward(x, weight, bias, eps, slope)[0]
    x, weight, bias = x.contiguous(memory_format=torch.channels_last), weight.contiguous(), bias.contiguous()
    return _NormThenLeaky.apply(x, weight, bias, eps, slope)


class _NormThenLeaky(Function):
    """Computed by kernels on a GPU, by the extension on a CPU, and by the formula in torch's operators elsewhere.

    What it is given is laid out before, so that what it keeps is a part of the graph if it is differentiated twice.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> Tensor:
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
        x, *others = ctx.saved_tensors
        gradients = _GradientsOfNorm.apply if torch.is_grad_enabled() else _gradients
        return *gradients(ctx.slope, ctx.way, laid_like(g, x), x, *others), None, None


def _gradients(slope: float, way: str, g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, *moments: Tensor) -> tuple:
    """Gradients with respect to x, weight and bias, by the way that the forward pass took."""
    if way == "kernels":
        from sgbench.methods.kernels.norms import norm_act_backward

        return norm_act_backward(g, x, weight, bias, *moments, slope)
    if way == "native":
        return native_norm_backward(g, x, weight, bias, *moments, slope)
    return _backward(g, x, weight, bias, *moments, slope)


class _GradientsOfNorm(Function):
    """``_gradients`` as a function that can be differentiated itself, as a gradient penalty needs it.

    For v, the gradient of what comes of the gradient of x: u = g * slopes * weight, c = mean(u * xhat) and
    d = mean(v * xhat), with means over places and the normed map xhat; mean and deviation are functions of x here too.
    """

    @staticmethod
    def forward(ctx: Any, slope: float, way: str, g: Tensor, *known: Tensor) -> tuple:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(g, *known)
        ctx.slope = slope
        return _gradients(slope, way, g, *known)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v: Tensor | None, of_weight: Tensor | None, of_bias: Tensor | None) -> tuple:
        if of_weight is not None or of_bias is not None:
            raise RuntimeError("a norm's gradients of its scale and shift cannot be differentiated again")
        if v is None:
            return (None,) * (2 + len(ctx.saved_tensors))
        g, x, weight, bias, *moments = ctx.saved_tensors
        mean, scale = (t[:, :, None, None] for t in (moments if len(moments) > 1 else moments[0]))
        wide = torch.promote_types(x.dtype, torch.float32)
        centred, g, v = x.to(wide) - mean, g.to(wide), v.to(wide)
        xhat = centred * scale
        positive = centred * (scale * _over(weight)) + _over(bias) > 0
        u = torch.where(positive, g, ctx.slope * g) * _over(weight)
        mean_u, mean_v, c, d, uv = (t.mean((2, 3), keepdim=True) for t in (u, v, u * xhat, v * xhat, u * v))
        along = scale * (v - mean_v - xhat * d)
        along = torch.where(positive, along, ctx.slope * along)
        of_x = d * (mean_u - u) + c * (mean_v - v) + xhat * (3 * c * d + mean_u * mean_v - uv)
        of_scale = (g * along).sum((0, 2, 3)).to(weight.dtype)
        rest = (None,) * (1 + len(moments))
        return None, None, (along * _over(weight)).to(x.dtype), (scale.square() * of_x).to(x.dtype), of_scale, *rest


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
