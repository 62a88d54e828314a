"""Batch norm with its activation, whose statistics are learned from declared passes alone.

Over a batch it is what an instance norm is over one tall image, and is computed as that.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods.norms import IDENTITY, norm_leaky


class BatchNorm(nn.Module):
    """Batch norm with scale and shift, then a leaky ReLU.

    In training mode a batch is normed by its own mean and variance. In evaluation mode the statistics are used that
    were learned, so that a result does not depend on the batch; before any were learned they are 0 and 1. A pass in
    training mode is learned from if it is made within ``learning_statistics``; other passes change nothing. The first
    passes count alike, until there are as many as the decay remembers.

    Attributes:
        mean: float [C], learned; a buffer, part of checkpoints.
        variance: float [C], unbiased, likewise.
        num_passes: int64 scalar, passes that were learned from, likewise.
        learns: whether passes in training mode are learned from now.

    Args:
        slope: of negative values, as ``InstanceNorm`` has it.
        eps: added to the variance; slim's.
        decay: share that is kept of the statistics when a pass is learned from; slim's.
    """

    mean: Tensor
    variance: Tensor
    num_passes: Tensor

    def __init__(self, channels: int, slope: float = IDENTITY, eps: float = 1e-3, decay: float = 0.999):
        super().__init__()
        self.slope, self.eps, self.decay, self.learns = slope, eps, decay, False
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("num_passes", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]; in training mode of more than one place, N * H * W."""
        if not self.training:
            scale = self.weight * (self.variance + self.eps).rsqrt()
            shift = self.bias - self.mean * scale
            y = x.to(scale.dtype) * scale[:, None, None] + shift[:, None, None]
            return F.leaky_relu(y, self.slope).to(x.dtype)
        if self.learns:
            self.learn(x)
        return self.by_parts(x, 1)

    def by_parts(self, x: Tensor, parts: int) -> Tensor:
        """The maps of a batch, each of so many equal parts of it normed by its own mean and variance."""
        x = x.contiguous(memory_format=torch.channels_last)
        n, _, height, width = x.shape
        tall = x.permute(0, 2, 3, 1).reshape(parts, n // parts * height, width, -1).permute(0, 3, 1, 2)
        y = norm_leaky(tall, self.weight, self.bias, self.slope, self.eps)
        return y.permute(0, 2, 3, 1).reshape(n, height, width, -1).permute(0, 3, 1, 2)

    @torch.no_grad()
    def learn(self, x: Tensor) -> None:
        """Learn from the maps of a batch, or of a part of it."""
        variance, mean = torch.var_mean(x.to(self.mean.dtype), (0, 2, 3))
        share = (1 / self.num_passes.add_(1).to(mean.dtype)).clamp_min(1 - self.decay)
        self.mean.lerp_(mean, share)
        self.variance.lerp_(variance, share)


class PartedBatchNorm(BatchNorm):
    """Batch norm of a batch of several parts, so that real and generated images go through a network together.

    Each part is normed apart in training mode. What is learned from is told with each pass.
    """

    def forward(self, x: Tensor, parts: int = 1, learned: int = 0) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W].

        Args:
            parts: how many equal parts the batch has, one after another.
            learned: of how many of them, from the first on, statistics are learned, in training mode.
        """
        if not self.training:
            return super().forward(x)
        for part in x.chunk(parts)[:learned]:
            self.learn(part)
        return self.by_parts(x, parts)


@contextmanager
def learning_statistics(module: nn.Module) -> Iterator[None]:
    """Context in which passes of a module in training mode are what the statistics of its batch norms learn from."""
    before = {part: part.learns for part in module.modules() if isinstance(part, BatchNorm)}
    for norm in before:
        norm.learns = True
    try:
        yield
    finally:
        for norm, learned in before.items():
            norm.learns = learned
