"""Batch norm with a leaky ReLU, by parts of a batch, whose running statistics learn only where a pass says so.

Over a part of a batch it is what an instance norm is over one tall image, and is computed as that.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods.losses import widened
from sgbench.methods.norms import norm_leaky


class PartedBatchNorm(nn.Module):
    """Batch norm with scale and shift, eps 1e-5, then a leaky ReLU.

    In training mode a map is normalised by statistics of its own part of the batch, so that real and generated images
    can go through a network together and are normalised apart; in evaluation mode by running statistics alone, so that
    a result never depends on the batch. Running statistics are buffers, float32 (float64 for a method in float64).
    Which maps they learn from is told by the caller, who does it in one pass: two passes would make their order count.

    Args:
        slope: of negative values of the leaky ReLU.
        decay: share of the running statistics that is kept when they learn.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, slope: float, decay: float):
        super().__init__()
        self.slope, self.decay, self.eps = slope, decay, 1e-5
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, parts: int = 1, learned: int = 0) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W].

        Args:
            parts: how many equal parts the batch has, one after another.
            learned: of how many of them, from the first on, running statistics learn, in training mode.
        """
        if not self.training:
            y = F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, False, 0.0, self.eps)
            return F.leaky_relu(y, self.slope)
        for part in x.detach().chunk(parts)[:learned]:
            self._learn(part)
        n, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1)
        tall = rows.reshape(parts, n // parts * height, width, channels).permute(0, 3, 1, 2)
        y = norm_leaky(tall, self.weight, self.bias, self.slope, self.eps)
        return y.permute(0, 2, 3, 1).reshape(rows.shape).permute(0, 3, 1, 2)

    @torch.no_grad()
    def _learn(self, x: Tensor) -> None:
        """Move the running statistics towards those of a part: variances are the mean squared deviations, as used."""
        variance, mean = torch.var_mean(widened(x), (0, 2, 3), correction=0)
        self.mean.lerp_(mean, 1 - self.decay)
        self.variance.lerp_(variance, 1 - self.decay)
