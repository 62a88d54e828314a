"""What varies between embedded faces: hashed random numbers, one stream per named factor.

Every number is a hash (splitmix64's finaliser) of the seed, the face's index and the factor's name, so a face never
depends on its batch, and a new factor does not change the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import torch
from torch import Tensor


def _shift(z: Tensor, bits: int) -> Tensor:
    """Logical shift right of int64."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _mix(z: Tensor) -> Tensor:
    """splitmix64's finaliser; multiplication of int64 wraps around like that of uint64."""
    z = (z ^ _shift(z, 30)) * -0x40A7B892E31B1A47
    z = (z ^ _shift(z, 27)) * -0x6B2FB644ECCEEE15
    return z ^ _shift(z, 31)


@dataclass(frozen=True)
class Factors:
    """The random numbers of some faces.

    Attributes:
        seed: seed of the data set.
        index: int64 [N], indices of the faces.
    """

    seed: int
    index: Tensor

    def raw(self, name: str, count: int = 1) -> Tensor:
        """Uniform random numbers in [0, 1): float64 [N, count]."""
        stream = _mix(torch.tensor(self.seed * 0x9E3779B1 + crc32(name.encode())))
        face = _mix(self.index[:, None] * 0x9E3779B1 + stream)
        return _shift(_mix(face + _mix(torch.arange(1, count + 1))), 11).double() / 2.0**53

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A uniform random number: float32 [N, 1, 1, 1] in [low, high)."""
        return (low + (high - low) * self.raw(name)).float()[:, :, None, None]

    def chance(self, name: str, probability: float) -> Tensor:
        """1 with the probability given, else 0: float32 [N, 1, 1, 1]."""
        return (self.uniform(name) < probability).float()

    def centred(self, name: str, low: float, high: float) -> Tensor:
        """Like ``uniform`` with most of the mass near the middle (the mean of three draws)."""
        return (low + (high - low) * self.raw(name, 3).mean(1, keepdim=True)).float()[:, :, None, None]

    def colour(self, name: str, low: float = 0.15, high: float = 0.85) -> Tensor:
        """Any colour: float32 [N, 3, 1, 1], each channel in [low, high)."""
        return (low + (high - low) * self.raw(name, 3)).float()[:, :, None, None]

    def palette(self, name: str, colours: Sequence[Sequence[float]], spread: float = 0.03) -> Tensor:
        """One of the colours, each channel moved by up to ``spread``: float32 [N, 3, 1, 1]."""
        pick = (self.raw(name) * len(colours)).long()[:, 0]
        chosen = torch.tensor(colours)[pick][:, :, None, None]
        return chosen + self.colour(name + "/spread", -spread, spread)

    def along(self, name: str, colours: Sequence[Sequence[float]], spread: float = 0.02) -> Tensor:
        """A colour on the path through the colours given: float32 [N, 3, 1, 1]."""
        path = torch.tensor(colours)
        place = self.raw(name).float()[:, 0] * (len(colours) - 1)
        start = place.long().clamp(max=len(colours) - 2)
        part = (place - start)[:, None]
        chosen = path[start] * (1 - part) + path[start + 1] * part
        return chosen[:, :, None, None] + self.colour(name + "/spread", -spread, spread)

    def lattice(self, name: str, cells: int, channels: int = 1) -> Tensor:
        """Random values in [-1, 1) for noise: float32 [N, channels, cells, cells]."""
        values = 2 * self.raw(name, channels * cells * cells) - 1
        return values.float().view(-1, channels, cells, cells)
