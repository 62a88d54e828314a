"""Blocks that methods share: TensorFlow's "same" padding and the encoder, residual and decoder blocks."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: ``ceil(side / stride)`` outputs, odd padding pixel at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = True):
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def _padding_of(self, side: int) -> tuple[int, int]:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, ceil(H / stride), ceil(W / stride)]."""
        top, bottom = self._padding_of(x.shape[-2])
        left, right = self._padding_of(x.shape[-1])
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, self.bias, self.stride)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The gradient of a "same" convolution: ``side * stride`` outputs, an odd pixel cut off at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, bias: bool = True):
        if kernel_size < stride:
            raise ValueError(f"kernel_size {kernel_size} is smaller than stride {stride}")
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """[N, C, H, W] -> [N, out_channels, H * stride, W * stride]."""
        before, odd = divmod(self.kernel_size[0] - self.stride[0], 2)
        y = F.conv_transpose2d(x, self.weight, self.bias, self.stride, before)
        return y[..., : y.shape[-2] - odd, : y.shape[-1] - odd] if odd else y


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Instance norm with scale and shift, eps 1e-5, without running statistics."""
    return nn.InstanceNorm2d(channels, eps=1e-5, affine=True, track_running_stats=False)


def norm_relu(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Convolution, instance norm, ReLU."""
    return nn.Sequential(convolution, instance_norm(convolution.out_channels), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3."""

    def __init__(self, channels: int, bias: bool):
        super().__init__()
        self.body = nn.Sequential(
            norm_relu(SameConv2d(channels, channels, 3, bias=bias)),
            SameConv2d(channels, channels, 3, bias=bias),
            instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]."""
        return x + self.body(x)


def trunk(in_channels: int, width: int, bias: bool, num_blocks: int = 6) -> nn.Sequential:
    """Encoder, residual blocks and first decoder layer: [N, in_channels, S, S] -> [N, 2 * width, S / 2, S / 2]."""
    return nn.Sequential(
        norm_relu(SameConv2d(in_channels, width, 7, bias=bias)),
        norm_relu(SameConv2d(width, 2 * width, 4, 2, bias=bias)),
        norm_relu(SameConv2d(2 * width, 4 * width, 4, 2, bias=bias)),
        *(ResidualBlock(4 * width, bias) for _ in range(num_blocks)),
        norm_relu(SameConvTranspose2d(4 * width, 2 * width, 4, 2, bias=bias)),
    )


def widths_at(image_size: int, table: dict[int, Sequence[int]], base: int) -> list[int]:
    """Widths of the stride-2 layers of a discriminator at an image size.

    Raises:
        ValueError: no widths are known for this size.
    """
    if image_size not in table:
        raise ValueError(f"image_size {image_size} is not supported; choose one of {', '.join(map(str, table))}")
    return [base * multiple for multiple in table[image_size]]


def initialise(module: nn.Module, weight_init: Callable[[Tensor], Tensor], norm_std: float = 0.0) -> None:
    """Initialise (transposed) convolutions by ``weight_init``, bias 0, and norms by N(1, norm_std), shift 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            weight_init(part.weight)
        elif isinstance(part, nn.InstanceNorm2d):
            nn.init.normal_(part.weight, 1.0, norm_std) if norm_std else nn.init.ones_(part.weight)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def num_parameters(module: nn.Module) -> int:
    """Number of trainable scalars."""
    return sum(p.numel() for p in module.parameters())


class frozen:
    """Context in which a module's parameters need no gradient, so that a backward pass skips them."""

    def __init__(self, module: nn.Module):
        self.module = module

    def __enter__(self) -> None:
        self.module.requires_grad_(False)

    def __exit__(self, *error: object) -> None:
        self.module.requires_grad_(True)
