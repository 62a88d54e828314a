"""Layers that are convolutions with TensorFlow's "same" padding, or their adjoints."""

from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods.casting import lowered
from sgbench.methods.same import convolve, spread
from sgbench.methods.unfolding import rows_of


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: ``ceil(side / stride)`` outputs, odd padding pixel at the end.

    Attributes:
        adds_bias: False before an instance norm, which would take it away again. The parameter is there, as published.
    """

    adds_bias = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]."""
        bias = lowered(self.bias) if self.bias is not None and self.adds_bias else None
        return convolve(x, lowered(self.weight), bias, self.stride[0])

    def adjoint(self, g: Tensor, height: int, width: int) -> Tensor:
        """What the convolution's output is to its input: [N, out_channels, h, w] -> [N, C, height, width].

        It is the gradient with respect to the input, as a function of its own that can be differentiated.
        """
        return spread(g, lowered(self.weight), None, self.stride[0], height, width)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The gradient of a "same" convolution: ``side * stride`` outputs.

    Attributes:
        adds_bias: as ``SameConv2d`` has it.
    """

    adds_bias = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, bias: bool = True):
        if kernel_size < stride:
            raise ValueError(f"kernel_size {kernel_size} is smaller than stride {stride}")
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, H * stride, W * stride]."""
        return self.part(x, slice(None))

    def part(self, x: Tensor, channels: slice) -> Tensor:
        """Some of the output channels."""
        bias = lowered(self.bias)[channels] if self.bias is not None and self.adds_bias else None
        height, width = (side * self.stride[0] for side in x.shape[2:])
        return spread(x, lowered(self.weight)[:, channels], bias, self.stride[0], height, width)


class WholeConv2d(nn.Conv2d):
    """A convolution whose kernel is as large as the map: [N, C, k, k] -> [N, out_channels], one matrix product."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, k, k] -> [N, out_channels]."""
        bias = None if self.bias is None else lowered(self.bias)
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), rows_of(lowered(self.weight)), bias)
