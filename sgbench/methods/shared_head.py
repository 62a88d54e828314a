"""One head for all groups instead of a branch for each: what SG-GAN's architecture is compared with."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sgbench.methods.branches import Residual
from sgbench.methods.casting import lowered
from sgbench.methods.convolutions import SameConvTranspose2d
from sgbench.methods.narrow import narrow
from sgbench.methods.networks import normed
from sgbench.methods.norms import RELU


class SharedHead(nn.Module):
    """Features that all groups share, up to a 7x7 convolution with three channels for each group.

    It takes the place of ``Branches`` and has its methods. Only the last convolution knows one group from another.
    """

    def __init__(self, num_groups: int, width: int, residual: Residual):
        super().__init__()
        self.num_groups, self.residual = num_groups, residual
        self.deconv, self.norm = normed(SameConvTranspose2d(2 * width, width, 4, 2), RELU)
        self.last = nn.Conv2d(width + (3 if residual == "refined" else 0), 3 * num_groups, 7, padding=3)

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """All results: features [N, 2w, S/2, S/2], images [N, 3, S, S] -> [N, groups, 3, S, S]."""
        y = self._results(features, x, lowered(self.last.weight), lowered(self.last.bias))
        return self._finished(y.unflatten(1, (self.num_groups, 3)), x[:, None])

    def one(self, position: int, features: Tensor, x: Tensor) -> Tensor:
        """The results of one group alone, [N, 3, S, S]."""
        own = slice(3 * position, 3 * position + 3)
        weight, bias = lowered(self.last.weight)[own], lowered(self.last.bias)[own]
        return self._finished(self._results(features, x, weight, bias), x)

    def paired(self, positions: Sequence[int], features: Sequence[Tensor], x: Sequence[Tensor]) -> Tensor:
        """Some groups, each on input of its own: K times [N, 2w, S/2, S/2] and [N, 3, S, S] -> [K, N, 3, S, S]."""
        return torch.stack([self.one(*given) for given in zip(positions, features, x, strict=True)])

    def _results(self, features: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        f = self.norm(self.deconv(features))
        if self.residual == "refined":
            f = torch.cat([f, x.to(f.dtype)], 1)
        return narrow(f, weight, bias)

    def _finished(self, y: Tensor, x: Tensor) -> Tensor:
        """Results in [-1, 1]; for the variant ``residual``, x plus a residual in [-1, 1], not clamped."""
        y = torch.tanh(y)
        return x + y if self.residual == "residual" else y

    def initialise(self, weight_init: Callable[[Tensor], Tensor]) -> None:
        """Nothing: the layers are drawn as they are."""

    @torch.no_grad()
    def pass_through(self, gain: float) -> None:
        """Start near tanh(gain * x): the last convolution is a centred impulse on x, and small on the features."""
        nn.init.normal_(self.last.weight, std=0.01)
        of_image, centre = self.last.weight[:, -3:], self.last.kernel_size[0] // 2
        of_image.zero_()
        of_image[:, :, centre, centre] = gain * torch.eye(3).repeat(self.num_groups, 1)
