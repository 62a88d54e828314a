"""The branches of SG-GAN's generator, side by side in packed parameters."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods import kernels
from sgbench.methods.casting import lowered
from sgbench.methods.convolutions import SameConvTranspose2d
from sgbench.methods.narrow import NarrowConv2d, narrow
from sgbench.methods.networks import normed
from sgbench.methods.norms import RELU, norm_leaky
from sgbench.methods.same import convolve

Residual = Literal["refined", "residual", "none"]


class Branches(nn.Module):
    """The layers of all groups, side by side: one transposed convolution, one norm, 7x7 convolutions in parts.

    A group's last convolution looks at its own features and, in the variant ``refined``, at the image. Its weights are
    kept in two parts, since the part that looks at the image sees the same image in every branch.
    """

    def __init__(self, num_groups: int, width: int, residual: Residual):
        super().__init__()
        self.num_groups, self.width, self.residual = num_groups, width, residual
        self.deconv, self.norm = normed(SameConvTranspose2d(2 * width, num_groups * width, 4, 2), RELU)
        self.of_features = NarrowConv2d(num_groups * width, 3 * num_groups, 7, groups=num_groups)
        self.of_image = nn.Conv2d(3, 3 * num_groups, 7, padding=3, bias=False) if residual == "refined" else None

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Every branch at once: features [N, 2w, S/2, S/2], images [N, 3, S, S] -> results [N, groups, 3, S, S]."""
        y = self.of_features(self.norm(self.deconv(features)))
        if self.of_image is not None:
            y = y + convolve(x, lowered(self.of_image.weight), None, 1)
        return self._finished(y.unflatten(1, (self.num_groups, 3)), x[:, None])

    def one(self, position: int, features: Tensor, x: Tensor) -> Tensor:
        """The branch of one group alone, [N, 3, S, S]."""
        own, out = (slice(position * n, (position + 1) * n) for n in (self.width, 3))
        f = self.norm.part(self.deconv.part(features, own), own)
        weight, bias = lowered(self.of_features.weight)[out], lowered(self.of_features.bias)[out]
        if self.of_image is not None:
            f, weight = torch.cat([f, x.to(f.dtype)], 1), torch.cat([weight, lowered(self.of_image.weight)[out]], 1)
        return self._finished(narrow(f, weight, bias), x)

    def paired(self, positions: Sequence[int], features: Sequence[Tensor], x: Sequence[Tensor]) -> Tensor:
        """Some branches, each on input of its own: K times [N, 2w, S/2, S/2] and [N, 3, S, S] -> [K, N, 3, S, S]."""
        count, x = len(positions), torch.cat([*x], 1)
        f = self._spread(positions, features)
        f = norm_leaky(f, self._own(self.norm.weight, positions), self._own(self.norm.bias, positions), RELU)
        weight, bias = (self._own(lowered(p), positions) for p in (self.of_features.weight, self.of_features.bias))
        if self.of_image is None:
            return self._finished(narrow(f, weight, bias, count), x).unflatten(1, (count, 3)).transpose(0, 1)
        of_image = self._own(lowered(self.of_image.weight), positions)
        if kernels.usable(f):
            y = narrow(*_joined(f, x.to(f.dtype), weight, of_image, count), bias, count)
        else:
            y = narrow(f, weight, bias, count) + narrow(x, of_image, None, count)
        return self._finished(y, x).unflatten(1, (count, 3)).transpose(0, 1)

    def _spread(self, positions: Sequence[int], features: Sequence[Tensor]) -> Tensor:
        """The transposed convolutions of some branches, [N, K * w, S, S]."""
        weight = picked(lowered(self.deconv.weight).unflatten(1, (self.num_groups, -1)).transpose(0, 1), positions)
        if kernels.usable(features[0]):
            # cuDNN's transposed convolutions in groups are slow; one group alone fills a GPU, and a copy joins results.
            pairs = zip(features, weight, strict=True)
            return torch.cat([F.conv_transpose2d(own, w, None, 2, 1) for own, w in pairs], 1)
        return F.conv_transpose2d(torch.cat([*features], 1), weight.flatten(0, 1), None, 2, 1, groups=len(positions))

    def _own(self, parameter: Tensor, positions: Sequence[int]) -> Tensor:
        """The rows of some groups."""
        return picked(parameter.unflatten(0, (self.num_groups, -1)), positions).flatten(0, 1)

    def _finished(self, y: Tensor, x: Tensor) -> Tensor:
        """Results in [-1, 1]; for the variant ``residual``, x plus a residual in [-1, 1], not clamped."""
        y = torch.tanh(y)
        return x + y if self.residual == "residual" else y

    @torch.no_grad()
    def initialise(self, weight_init: Callable[[Tensor], Tensor]) -> None:
        """Draw the weights of each group as if its layers were its own: some ways of drawing look at their sizes."""
        for position in range(self.num_groups):
            own, out = (slice(position * n, (position + 1) * n) for n in (self.width, 3))
            self.deconv.weight[:, own] = weight_init(torch.empty_like(self.deconv.weight[:, own]))
            parts = [self.of_features.weight[out], *([] if self.of_image is None else [self.of_image.weight[out]])]
            whole = weight_init(torch.cat([torch.empty_like(part) for part in parts], 1))
            for part, drawn in zip(parts, whole.split([part.shape[1] for part in parts], 1), strict=True):
                part.copy_(drawn)

    @torch.no_grad()
    def pass_through(self, gain: float) -> None:
        """Start near tanh(gain * x): the last convolution is a centred impulse on x, and small on the features."""
        nn.init.normal_(self.of_features.weight, std=0.01)
        self.of_image.weight.zero_()
        centre = self.of_image.kernel_size[0] // 2
        self.of_image.weight[:, :, centre, centre] = gain * torch.eye(3).repeat(self.num_groups, 1)


def _joined(f: Tensor, x: Tensor, weight: Tensor, of_image: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Each group's features, images and zeros side by side, and weights for them: one convolution for both parts.

    Zeros make channels a multiple of 8. [N, K * w, S, S], [N, K * 3, S, S] -> [N, K * (w + 8), S, S], channels-last.
    """
    maps = [m.permute(0, 2, 3, 1).unflatten(3, (count, -1)) for m in (f, x)]
    extra = -(weight.shape[1] + of_image.shape[1]) % 8
    both = torch.cat([maps[0], F.pad(maps[1], (0, extra))], 4).flatten(3).permute(0, 3, 1, 2)
    return both, torch.cat([weight, F.pad(of_image, (0, 0, 0, 0, 0, extra))], 1)


def picked(x: Tensor, positions: Sequence[int]) -> Tensor:
    """Some of the first dimension's entries, in this order, without an index on the device."""
    if list(positions) == list(range(len(x))):
        return x
    entries = x.unbind()
    return torch.stack([entries[k] for k in positions])
