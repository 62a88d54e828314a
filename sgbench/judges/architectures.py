"""The networks that judges are made of: the paper's ResNet-18, and compact ones of two kinds for juries.

A result that fools one kind of network may not fool the other. The compact networks look at fine detail before they
shrink the image, as a ResNet-18 made for 224 pixels does not, and are trained several times faster.
"""

import math
from typing import Literal

from torch import Tensor, nn
from torchvision.models import resnet18

Architecture = Literal["resnet18", "compact_vgg", "compact_resnet"]
PAPERS: Architecture = "resnet18"
"""The judge of the paper."""

_WIDTH = 32
SMALLEST = 32
"""Image size at which the compact networks have three halvings; larger images are halved further in front."""


def build_network(architecture: Architecture, num_outputs: int, image_size: int) -> nn.Module:
    """A network of random weights: float [N, 3, S, S] -> [N, num_outputs].

    Args:
        image_size: S, a power of 2 from 32 on.
    """
    if architecture == "resnet18":
        return resnet18(num_classes=num_outputs)
    in_front = int(math.log2(image_size // SMALLEST))
    widths = (_WIDTH,) * (in_front + 1) + (2 * _WIDTH, 4 * _WIDTH)
    build = _vgg if architecture == "compact_vgg" else _resnet
    return nn.Sequential(*build(widths), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_outputs))


def _vgg(widths: tuple[int, ...]) -> list[nn.Module]:
    """Plain convolutions after VGG: two for each width, then halved; one more at the end."""
    layers: list[nn.Module] = []
    channels = 3
    for width in widths:
        layers += [_convolution(channels, width), _convolution(width, width), nn.MaxPool2d(2)]
        channels = width
    return [*layers, _convolution(channels, channels)]


def _resnet(widths: tuple[int, ...]) -> list[nn.Module]:
    """Residual blocks: one at the full size, one for each width that halves it, one more at the end."""
    first, *rest = widths
    layers = [_convolution(3, first), _Residual(first, first, 1)]
    channels = first
    for width in rest:
        layers.append(_Residual(channels, width, 2))
        channels = width
    return [*layers, _Residual(channels, channels, 2)]


def _convolution(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut, as in a ResNet-18."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.path = nn.Sequential(
            _convolution(channels, width, stride),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        same = channels == width and stride == 1
        shortcut = [nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)]
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, S, S] -> [N, width, S / stride, S / stride]."""
        return self.activation(self.path(x) + self.shortcut(x))
