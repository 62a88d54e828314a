"""Convolutions with TensorFlow's "same" padding, their adjoints, and how both are computed.

On a CPU a convolution over a map of a few places spends its time on arranging weights; as one matrix product of all
patches it is several times as fast. Such maps are computed so; the product sums the same terms.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods.casting import lowered

_FEW_PLACES = 16
"""Output places up to which a convolution on a CPU is computed as a matrix product of patches."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: ``ceil(side / stride)`` outputs, odd padding pixel at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]."""
        weight, bias = lowered(self.weight), None if self.bias is None else lowered(self.bias)
        height, width = x.shape[-2:]
        if self._has_few_places(x, height, width):
            return self._product(x, weight, bias)
        (top, bottom), (left, right) = self._padding_of(height), self._padding_of(width)
        if top == bottom and left == right:
            return F.conv2d(x, weight, bias, self.stride, (top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, self.stride)

    def adjoint(self, g: Tensor, height: int, width: int) -> Tensor:
        """What the convolution's output is to its input: [N, out_channels, h, w] -> [N, C, height, width].

        It is the gradient with respect to the input, as a function of its own that can be differentiated.
        """
        weight = lowered(self.weight)
        if self._has_few_places(g, height, width):
            return self._adjoint_product(g, weight, height, width)
        (top, _), (left, _) = self._padding_of(height), self._padding_of(width)
        missing = [
            side + before - ((places - 1) * self.stride[0] + self.kernel_size[0] - before)
            for side, before, places in ((height, top, g.shape[-2]), (width, left, g.shape[-1]))
        ]
        y = F.conv_transpose2d(g, weight, None, self.stride, (top, left), [max(0, m) for m in missing])
        return y[..., :height, :width] if min(missing) < 0 else y

    def _padding_of(self, side: int) -> tuple[int, int]:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return total // 2, total - total // 2

    def _has_few_places(self, x: Tensor, height: int, width: int) -> bool:
        stride = self.stride[0]
        return x.device.type == "cpu" and -(-height // stride) * -(-width // stride) <= _FEW_PLACES

    def _places(self, height: int, width: int) -> Tensor:
        (top, _), (left, _) = self._padding_of(height), self._padding_of(width)
        return torch.from_numpy(places_of_patches(height, width, self.kernel_size[0], self.stride[0], top, left))

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        n, _, height, width = x.shape
        pixels = F.pad(x.permute(0, 2, 3, 1).flatten(1, 2), (0, 0, 0, 1))
        patches = pixels.index_select(1, self._places(height, width))
        stride = self.stride[0]
        y = F.linear(patches.view(-1, weight[0].numel()), weight.permute(0, 2, 3, 1).flatten(1), bias)
        return y.view(n, -(-height // stride), -(-width // stride), len(weight)).permute(0, 3, 1, 2)

    def _adjoint_product(self, g: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
        patches = g.permute(0, 2, 3, 1).flatten(0, 2) @ weight.permute(0, 2, 3, 1).flatten(1)
        places = self._places(height, width)
        pixels = patches.new_zeros(len(g), height * width + 1, self.in_channels)
        pixels = pixels.index_add(1, places, patches.view(len(g), len(places), self.in_channels))
        return pixels[:, :-1].unflatten(1, (height, width)).permute(0, 3, 1, 2)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The gradient of a "same" convolution: ``side * stride`` outputs, an odd pixel cut off at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, bias: bool = True):
        if kernel_size < stride:
            raise ValueError(f"kernel_size {kernel_size} is smaller than stride {stride}")
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, H * stride, W * stride]."""
        return self.part(x, slice(None))

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the output channels."""
        weight, bias = lowered(self.weight)[:, channels], None if self.bias is None else lowered(self.bias)[channels]
        before, odd = divmod(self.kernel_size[0] - self.stride[0], 2)
        y = F.conv_transpose2d(x, weight, bias, self.stride, before)
        return y[..., : y.shape[-2] - odd, : y.shape[-1] - odd] if odd else y


class WholeConv2d(nn.Conv2d):
    """A convolution whose kernel is as large as the map: [N, C, k, k] -> [N, out_channels], one matrix product."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, k, k] -> [N, out_channels]."""
        if x.shape[-2:] != self.kernel_size:
            return F.conv2d(x, lowered(self.weight), None if self.bias is None else lowered(self.bias)).flatten(1)
        weight, bias = lowered(self.weight), None if self.bias is None else lowered(self.bias)
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), weight.permute(0, 2, 3, 1).flatten(1), bias)


@lru_cache(maxsize=256)
def places_of_patches(height: int, width: int, kernel: int, stride: int, top: int, left: int) -> np.ndarray:
    """Where each patch of a padded map lies in it, row by row: int64 [output places * kernel * kernel].

    A place is ``row * width + column``; ``height * width`` stands for padding.
    """
    rows = _reach(height, kernel, stride, top)[:, None, :, None]
    columns = _reach(width, kernel, stride, left)[None, :, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return np.where(inside, rows * width + columns, height * width).ravel()


def _reach(side: int, kernel: int, stride: int, before: int) -> np.ndarray:
    """The coordinates that each output of one dimension looks at: int64 [outputs, kernel]."""
    return np.arange(-(-side // stride))[:, None] * stride - before + np.arange(kernel)
