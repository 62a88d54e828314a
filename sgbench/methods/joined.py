"""A convolution and the instance norm after it, by tiles as one step of autograd, elsewhere one after the other."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.modules.module import _has_any_global_hook

from sgbench.methods import tiles
from sgbench.methods.casting import lowered
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.norms import InstanceNorm, laid_like, native_norm, native_norm_backward

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def convolve_and_norm(convolution: SameConv2d | SameConvTranspose2d, norm: InstanceNorm, x: Tensor) -> Tensor:
    """The norm of a convolution without a bias, [N, C, H, W] -> [N, c, h, w]; it can be differentiated once."""
    if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or _is_hooked(convolution) or _is_hooked(norm):
        return norm(convolution(x))
    weight = lowered(convolution.weight)
    if not tiles.usable(x, weight) or norm.weight.dtype != torch.float32:
        return norm(convolution(x))
    transposed = isinstance(convolution, SameConvTranspose2d)
    options = convolution.stride[0], transposed, norm.eps, norm.slope
    return _ConvolvedAndNormed.apply(x, weight, norm.weight, norm.bias, *options)


def _is_hooked(layer: nn.Module) -> bool:
    """Whether calling a layer does more than its forward pass."""
    return _has_any_global_hook() or any(getattr(layer, name) for name in _HOOKS)


class _ConvolvedAndNormed(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, stride: int, transposed: bool, eps: float,
        slope: float,
    ) -> Tensor:  # fmt: skip
        if transposed:
            y = tiles.spread_out(x, weight, None, stride, x.shape[2] * stride, x.shape[3] * stride)
        else:
            y = tiles.convolved(x, weight, None, stride)
        result, moments = native_norm(y, scale, shift, eps, slope)
        ctx.save_for_backward(x, weight, y, scale, shift, moments)
        ctx.options = stride, transposed, slope
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        return _once(ctx, g) if torch.is_grad_enabled() else _gradients(ctx, g)


def _gradients(ctx: Any, g: Tensor) -> tuple:
    """The backward pass."""
    x, weight, y, scale, shift, moments = ctx.saved_tensors
    stride, transposed, slope = ctx.options
    of_y, of_scale, of_shift = native_norm_backward(laid_like(g, y), y, scale, shift, moments, slope)
    of_x = of_weight = None
    if ctx.needs_input_grad[0] and transposed:
        of_x = tiles.convolved(of_y, weight, None, stride)
    elif ctx.needs_input_grad[0]:
        of_x = tiles.spread_out(of_y, weight, None, stride, *x.shape[2:])
    if ctx.needs_input_grad[1]:
        of_weight = tiles.weight_of(*((x, of_y) if transposed else (of_y, x)), weight, stride)
    return of_x, of_weight, of_scale, of_shift, None, None, None, None


_once = once_differentiable(_gradients)
