"""Convolutions with TensorFlow's "same" padding, their adjoints, and how both are computed on a CPU."""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

from sgbench.methods.casting import lowered

_FEW_PLACES = 4
"""Output places up to which a convolution on a CPU is computed as a matrix product of patches.

There the library's convolution spends its time on arranging weights; the product sums the same terms.
"""
_WEIGHTS_PER_PATCH = 200
"""Weights for each patch of a batch from which on the gradient of the weights is computed so, on a CPU."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: ``ceil(side / stride)`` outputs, odd padding pixel at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]."""
        bias = None if self.bias is None else lowered(self.bias)
        return convolve(x, lowered(self.weight), bias, self.stride[0])

    def adjoint(self, g: Tensor, height: int, width: int) -> Tensor:
        """What the convolution's output is to its input: [N, out_channels, h, w] -> [N, C, height, width].

        It is the gradient with respect to the input, as a function of its own that can be differentiated.
        """
        return spread(g, lowered(self.weight), None, self.stride[0], height, width)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The gradient of a "same" convolution: ``side * stride`` outputs."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, bias: bool = True):
        if kernel_size < stride:
            raise ValueError(f"kernel_size {kernel_size} is smaller than stride {stride}")
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, H * stride, W * stride]."""
        return self._spread_by(x, lowered(self.weight), None if self.bias is None else lowered(self.bias))

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the output channels."""
        weight, bias = lowered(self.weight)[:, channels], None if self.bias is None else lowered(self.bias)[channels]
        return self._spread_by(x, weight, bias)

    def _spread_by(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        stride = self.stride[0]
        return spread(x, weight, bias, stride, x.shape[-2] * stride, x.shape[-1] * stride)


class WholeConv2d(nn.Conv2d):
    """A convolution whose kernel is as large as the map: [N, C, k, k] -> [N, out_channels], one matrix product."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, k, k] -> [N, out_channels]."""
        bias = None if self.bias is None else lowered(self.bias)
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), _rows(lowered(self.weight)), bias)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """A "same" convolution: [N, C, H, W], [c, C, k, k] -> [N, c, ceil(H / stride), ceil(W / stride)]."""
    x = x.to(weight.dtype)
    if _is_small(x, -(-x.shape[2] // stride) * -(-x.shape[3] // stride), weight):
        return _Convolve.apply(x, weight, bias, stride)
    return _convolve(x, weight, bias, stride)


def spread(g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int) -> Tensor:
    """The adjoint of ``convolve``: [N, c, h, w], [c, C, k, k] -> [N, C, height, width]; then a bias [C] is added."""
    g = g.to(weight.dtype)
    if _is_small(g, g.shape[2] * g.shape[3], weight):
        return _Spread.apply(g, weight, bias, stride, height, width)
    return _spread(g, weight, bias, stride, height, width)


@lru_cache
def padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same" padding before and after a side."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class _Convolve(Function):
    """``convolve`` on a CPU. Its backward pass can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.has_bias = stride, bias is not None
        shape = len(x), len(weight), -(-x.shape[2] // stride), -(-x.shape[3] // stride)
        if shape[2] * shape[3] > _FEW_PLACES:
            return _convolve(x, weight, bias, stride)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        torch.mm(_patches(x, weight.shape[-1], stride), _rows(weight).t(), out=_flat(y))
        return y if bias is None else y.add_(bias[:, None, None])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        of_x = spread(g, weight, None, ctx.stride, *x.shape[2:]) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(g, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        of_bias = g.sum((0, 2, 3)) if ctx.has_bias and ctx.needs_input_grad[2] else None
        return of_x, of_weight, of_bias, None


class _Spread(Function):
    """``spread`` on a CPU. Its backward pass can be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int
    ) -> Tensor:
        ctx.save_for_backward(g, weight)
        ctx.stride, ctx.has_bias = stride, bias is not None
        if g.shape[2] * g.shape[3] > _FEW_PLACES:
            return _spread(g, weight, bias, stride, height, width)
        kernel = weight.shape[-1]
        patches = (_flat(g) @ _rows(weight)).view(len(g), *g.shape[2:], kernel, kernel, -1)
        return _summed(patches, stride, height, width, bias)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> tuple:
        g, weight = ctx.saved_tensors
        of_g = convolve(x, weight, None, ctx.stride) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(g, x, weight, ctx.stride) if ctx.needs_input_grad[1] else None
        of_bias = x.sum((0, 2, 3)) if ctx.has_bias and ctx.needs_input_grad[2] else None
        return of_g, of_weight, of_bias, None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    (top, bottom), (left, right) = (padding(side, weight.shape[-1], stride) for side in x.shape[2:])
    if top == bottom and left == right:
        return F.conv2d(x, weight, bias, stride, (top, left))
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, stride)


def _spread(g: Tensor, weight: Tensor, bias: Tensor | None, stride: int, height: int, width: int) -> Tensor:
    kernel = weight.shape[-1]
    before = [padding(side, kernel, stride)[0] for side in (height, width)]
    missing = [
        side - ((places - 1) * stride - 2 * start + kernel)
        for side, places, start in zip((height, width), g.shape[2:], before, strict=True)
    ]
    y = F.conv_transpose2d(g, weight, bias, stride, before, [max(0, m) for m in missing])
    return y[..., :height, :width] if min(missing) < 0 else y


def _of_weight(g: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient of a convolution's weight, from that of its output ``g`` and its input ``x``."""
    kernel = weight.shape[-1]
    product = _flat(g).t() @ _patches(x, kernel, stride)
    return product.view(len(weight), kernel, kernel, -1).permute(0, 3, 1, 2)


def _patches(x: Tensor, kernel: int, stride: int) -> Tensor:
    """[N, C, H, W] -> [N * places, kernel * kernel * C], what each output place looks at."""
    (top, bottom), (left, right) = (padding(side, kernel, stride) for side in x.shape[2:])
    x = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, right, top, bottom)).contiguous()
    size, height, width, channels = x.shape
    rows, columns = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    line = width * channels
    strides = (height * line, stride * line, stride * channels, line, 1)
    patches = x.as_strided((size, rows, columns, kernel, kernel * channels), strides)
    return patches.reshape(size * rows * columns, kernel * kernel * channels)


def _summed(patches: Tensor, stride: int, height: int, width: int, bias: Tensor | None) -> Tensor:
    """The adjoint of ``_patches``: patches [N, h, w, k, k, C] are added where they came from, [N, C, height, width]."""
    size, rows, columns, kernel, _, channels = patches.shape
    (top, bottom), (left, right) = (padding(side, kernel, stride) for side in (height, width))
    total = patches.new_zeros(size, height + top + bottom, width + left + right, channels)
    for i in range(kernel):
        for j in range(kernel):
            to = total[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
            to += patches[:, :, :, i, j]
    total = total[:, top : top + height, left : left + width]
    return (total if bias is None else total + bias).permute(0, 3, 1, 2)


def _rows(weight: Tensor) -> Tensor:
    """[c, C, k, k] -> [c, k * k * C], a view where the layout is channels-last."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _flat(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N * H * W, C]."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _is_small(x: Tensor, places: int, weight: Tensor) -> bool:
    """Whether, on a CPU, the weights' gradient is taken as a product of patches; each map has ``places`` of them."""
    few = places <= _FEW_PLACES or len(x) * places * _WEIGHTS_PER_PATCH <= weight.numel()
    return few and x.device.type == "cpu"
