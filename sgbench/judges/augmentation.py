"""What is done to a judge's training images beside distortion: mixing them with each other, flips and small changes.

Mixing images, and their labels likewise, is mixup (Zhang et al., "mixup: beyond empirical risk minimization", 2018).
Judges trained so agree better on what lies between two values, as results often do: it is judged by how near it is to
each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mix:
    """How each image of a batch is mixed with another one of it.

    Attributes:
        share: [B], the share of the image itself; 1 for those that are left as they are.
        partner: int64 [B], the image that makes up the rest.
    """

    share: Tensor
    partner: Tensor

    def of_images(self, x: Tensor) -> Tensor:
        """Mixed images [B, 3, S, S]."""
        share = self.share[:, None, None, None]
        return share * x + (1 - share) * x[self.partner]


def draw_mix(number: int, mixed: float, device: torch.device) -> Mix | None:
    """Mix each image with probability ``mixed``, its share uniform in [0, 1]; None without mixing."""
    if not mixed:
        return None
    share = torch.rand(number, device=device)
    share = torch.where(torch.rand(number, device=device) < mixed, share, torch.ones_like(share))
    return Mix(share, torch.randperm(number, device=device))


def jittered(x: Tensor, jitter: float) -> Tensor:
    """Images flipped with probability 1/2, with slightly changed brightness and gain of each channel."""
    n = len(x)
    flip = torch.rand(n, device=x.device) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(-1), x)
    gain = 1 + jitter * (2 * torch.rand(n, 3, 1, 1, device=x.device) - 1)
    shift = jitter * (2 * torch.rand(n, 1, 1, 1, device=x.device) - 1)
    return (x * gain + shift).clamp(-1, 1)
