"""What the plain methods have in common."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def block(conv: nn.Module, activation: nn.Module) -> list[nn.Module]:
    """A convolution or deconvolution, affine instance norm without running statistics, and an activation."""
    return [conv, nn.InstanceNorm2d(conv.out_channels, affine=True), activation]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with norms, ReLU between them, plus the input."""

    def __init__(self, width: int, bias: bool):
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=bias) for _ in range(2))
        self.layers = nn.Sequential(*block(first, nn.ReLU()), second, nn.InstanceNorm2d(width, affine=True))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def gradient_penalty(critic: Callable[[Tensor], Tensor], x: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(norm of the gradient of the critic's summed map at the mixture - 1)^2, mean over images.

    Args:
        mix: the share of the real image x in each mixture, [B].
    """
    share = mix.view(-1, 1, 1, 1)
    mixture = (share * x + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixture).sum(), mixture, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def update(optimizer: torch.optim.Optimizer, losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """One step down the sum of the terms; returns them without their graph."""
    optimizer.zero_grad()
    sum(losses.values()).backward()
    optimizer.step()
    return {name: loss.detach() for name, loss in losses.items()}
