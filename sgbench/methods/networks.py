"""Blocks that methods share: encoder, residual blocks, first decoder layer; widths, initialisation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.joined import convolve_and_norm
from sgbench.methods.norms import IDENTITY, RELU, InstanceNorm


class Layers(nn.Sequential):
    """Layers one after another; a convolution and the instance norm after it are computed together.

    Subclasses of these are called one by one, since they may compute something else.
    """

    def forward(self, x: Tensor) -> Tensor:
        """From what the first layer takes to what the last one gives."""
        before = None
        for layer in self:
            if type(layer) is InstanceNorm and before is not None:
                x, before = convolve_and_norm(before, layer, x), None
                continue
            x = x if before is None else before(x)
            joinable = type(layer) in (SameConv2d, SameConvTranspose2d) and not layer.adds_bias
            x, before = (x, layer) if joinable else (layer(x), None)
        return x if before is None else before(x)


def normed(
    convolution: SameConv2d | SameConvTranspose2d, slope: float = IDENTITY, eps: float = 1e-5
) -> list[nn.Module]:
    """Convolution, then instance norm with a leaky ReLU of this slope."""
    convolution.adds_bias = False
    return [convolution, InstanceNorm(convolution.out_channels, slope, eps)]


def norm_relu(convolution: SameConv2d | SameConvTranspose2d) -> Layers:
    """Convolution, instance norm, ReLU."""
    return Layers(*normed(convolution, RELU))


class ResidualBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3."""

    def __init__(self, channels: int, bias: bool):
        super().__init__()
        self.body = Layers(
            norm_relu(SameConv2d(channels, channels, 3, bias=bias)),
            *normed(SameConv2d(channels, channels, 3, bias=bias)),
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


_AWAY_FROM_THE_KINK = 2.0
"""Shift of a norm whose ReLU is to let most of a standardised channel through."""


@torch.no_grad()
def carry_image(layers: nn.Sequential) -> None:
    """Start a trunk so that it carries its input's first three channels through, up to what norms take away.

    Where a map is halved, its channels become four, one for each pixel of 2x2; residual blocks start as identities. Of
    the result [N, 2 * width, S / 2, S / 2] channel 3 * k + c is colour c of pixel k, row by row.

    Raises:
        ValueError: the trunk is narrower than the 48 channels that this takes at a quarter of the image's side.
    """
    (first, norm), (half, half_norm), (quarter, quarter_norm), *blocks, (up, up_norm) = layers
    if up.in_channels < 48:
        raise ValueError(f"pass_through needs a base_width of at least 12, not {up.in_channels // 4}")
    centre = first.kernel_size[0] // 2
    first.weight[:3] = 0
    first.weight[:3, :3, centre, centre] = torch.eye(3)
    for convolution, channels in ((half, 3), (quarter, 12)):
        convolution.weight[: 4 * channels] = 0
        _set_pixels(convolution.weight, channels, slice(channels), 1.0)
    for block in blocks:
        block.body[-1].weight.zero_()
    put_pixels_together(up, 12)
    for shifted, channels in ((norm, 3), (half_norm, 12), (quarter_norm, 48), (up_norm, 12)):
        shifted.bias[:channels] = _AWAY_FROM_THE_KINK


@torch.no_grad()
def put_pixels_together(up: SameConvTranspose2d, channels: int, first: int = 0, sign: float = 1.0) -> None:
    """Start some output channels, from ``first`` on, as what was taken apart into four times as many."""
    own = slice(first, first + channels)
    up.weight[:, own] = 0
    _set_pixels(up.weight, channels, own, sign)


def _set_pixels(weight: Tensor, channels: int, own: slice, sign: float) -> None:
    """In 4x4 kernels of stride 2, tie channel k * channels + c to pixel k of 2x2 of the c-th own channel."""
    for k in range(4):
        weight[k * channels : (k + 1) * channels, own, 1 + k // 2, 1 + k % 2] = sign * torch.eye(channels)


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
