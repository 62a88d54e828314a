"""The networks that AttGAN and STGAN share: an encoder of halved maps, and a decoder that is told what to change."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sgbench.methods.batch_norm import BatchNorm
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.norms import RELU

SLOPE = 0.2
"""Of negative values, in encoders and discriminators."""
WIDTHS = {32: (1, 2, 4), 64: (1, 2, 4, 8), 128: (1, 2, 4, 8, 16), 256: (1, 2, 4, 8, 16)}
"""Of the encoder's and the discriminator's layers at each image size: a last map of 4x4, or of 8x8 at 256."""


def with_vectors(maps: Sequence[Tensor], vectors: Tensor) -> Tensor:
    """Maps [N, C, h, w] one upon another, and below them vectors [N, c] repeated over the plane."""
    planes = vectors.to(maps[0].dtype)[:, :, None, None].expand(-1, -1, *maps[0].shape[2:])
    return torch.cat([*maps, planes], 1)


class HalvingEncoder(nn.Module):
    """Stride-2 convolutions with batch norm and leaky ReLU.

    Args:
        widths: channels after each of them.
    """

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(SameConv2d(before, after, 4, 2, bias=False), BatchNorm(after, SLOPE))
            for before, after in zip([3, *widths], widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images [N, 3, S, S] -> a map for each layer, [N, width, S / 2^k, S / 2^k]."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps


class InjectedDecoder(nn.Module):
    """Deconvolutions of an encoder's maps and of vectors that say what to change.

    The vector is stacked on the last map. After each of the first layers the encoder's map of that side is stacked on
    the result, and the vector once more.

    Args:
        widths: of the encoder.
        num_entries: of the vectors.
        num_injected: layers after which map and vector are stacked.
    """

    def __init__(self, widths: Sequence[int], num_entries: int, num_injected: int):
        super().__init__()
        self.num_injected = num_injected
        self.layers, channels = nn.ModuleList(), widths[-1] + num_entries
        for k, (width, shortcut) in enumerate(zip(widths[:0:-1], widths[-2::-1], strict=True)):
            up = SameConvTranspose2d(channels, width, 4, 2, bias=False)
            self.layers.append(nn.Sequential(up, BatchNorm(width, RELU)))
            channels = width + (shortcut + num_entries if k < num_injected else 0)
        self.last = SameConvTranspose2d(channels, 3, 4, 2)

    def forward(self, maps: Sequence[Tensor], vectors: Tensor) -> Tensor:
        """Maps as ``HalvingEncoder`` gives them and vectors [N, c] -> images [N, 3, S, S] in [-1, 1]."""
        x = with_vectors(maps[-1:], vectors)
        for k, layer in enumerate(self.layers):
            x = layer(x)
            if k < self.num_injected:
                x = with_vectors([x, maps[-2 - k]], vectors)
        return torch.tanh(self.last(x))


class EncoderDecoder(nn.Module):
    """A generator that encodes images once, and decodes them for as many vectors as are wanted.

    Args:
        widths: channels after each layer of the encoder.
        num_entries: of a vector.
        num_injected: layers of the decoder after which the encoder's map and the vector are stacked on the result.
    """

    def __init__(self, widths: Sequence[int], num_entries: int, num_injected: int):
        super().__init__()
        self.encode = HalvingEncoder(widths)
        self.decoder = InjectedDecoder(widths, num_entries, num_injected)

    def decode(self, maps: Sequence[Tensor], vectors: Tensor) -> Tensor:
        """The encoder's maps and vectors [N, c] -> images [N, 3, S, S] in [-1, 1]."""
        return self.decoder(maps, vectors)

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """[N, 3, S, S] and [N, c] -> [N, 3, S, S]."""
        return self.decode(self.encode(x), vectors)
