"""A critic of convolutions and leaky ReLUs, whose gradient with respect to its input is a chain of its own.

Such a critic is linear between the kinks of its ReLUs, where second derivatives are 0. So the gradient at an image is a
product of the weights and of the slopes that the image has in each layer, and an ordinary backward pass through that
product is the whole derivative of a gradient penalty. Differentiating twice computes the same, and passes zeros through
the forward pass besides: half as much arithmetic again.
"""

from collections.abc import Sequence
from functools import partial

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from sgbench.methods.adam import Adam
from sgbench.methods.contract import MethodSettings, Width
from sgbench.methods.convolutions import SameConv2d
from sgbench.methods.leaky import convolve_leaky, leaky, leaky_adjoint, leaky_slope
from sgbench.methods.losses import widened
from sgbench.methods.norms import IDENTITY


class CriticSettings(MethodSettings):
    """Settings of a method whose discriminator is a critic that also classifies."""

    n_critic: PositiveInt = 5
    """Updates of the discriminator for each of the generator."""
    discriminator_learning_rate: PositiveFloat | None = None
    """Adam's rate of the discriminator; null for the generator's."""
    discriminator_width: Width | None = None
    """Channels of the discriminator's first layer; null for base_width."""
    lambda_gp: NonNegativeFloat = 10.0
    """Weight of the gradient penalty."""
    lambda_adv: NonNegativeFloat = 1.0
    """Weight of the adversarial loss."""
    lambda_cls: NonNegativeFloat = 1.0
    """Weight of the classification loss."""


class StridedCritic(nn.Module):
    """Stride-2 convolutions with leaky ReLU, then a 3x3 convolution to one channel: [N, 3, S, S] -> [N, 1, h, w].

    Args:
        widths: channels after each convolution.
        slope: of negative values.
        bias: whether the last convolution has one.
        biases: whether the others have.
    """

    def __init__(self, widths: Sequence[int], kernel_size: int, slope: float, bias: bool, biases: bool = True):
        super().__init__()
        channels = [3, *widths]
        self.slope = slope
        self.slopes = [IDENTITY, *[slope] * (len(widths) - 1)]
        self.convolutions = nn.ModuleList(
            SameConv2d(before, after, kernel_size, 2, biases)
            for before, after in zip(channels[:-1], widths, strict=True)
        )
        self.adversarial = SameConv2d(channels[-1], 1, 3, bias=bias)

    def features(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """The last map before the critic's own convolution, or that of some of the layers from what the first takes."""
        bias, slope = None, IDENTITY
        for convolution in [*self.convolutions][first:last]:
            x, bias = convolve_leaky(convolution, x, bias, slope)
            slope = self.slope
        return leaky(x, bias, self.slope)

    def forward(self, x: Tensor) -> Tensor:
        """The critic's map."""
        return self.adversarial(self.features(x))

    def input_gradient(self, x: Tensor) -> Tensor:
        """The gradient of the map's sum with respect to ``x``, [N, 3, S, S], differentiable in the weights once."""
        maps, h, bias = [], x, None
        with torch.no_grad():
            for convolution, slope in zip(self.convolutions, self.slopes, strict=True):
                maps.append((h, bias, slope))
                h, bias = convolve_leaky(convolution, h, bias, slope)
        side = h.shape[-1]
        g = self.adversarial.adjoint(h.new_ones(1, 1, side, side), side, side).expand_as(h)
        g = leaky_slope(g, h, bias, self.slope)
        for convolution, before in reversed([*zip(self.convolutions, maps, strict=True)]):
            g = leaky_adjoint(convolution, g, *before)
        return g

    def gradient_penalty(self, x: Tensor) -> Tensor:
        """The gradient penalty of WGAN-GP (Gulrajani et al., 2017) for each sample.

        Args:
            x: [B, 3, S, S], images between real and generated ones.

        Returns:
            [B]: (L2 norm of the critic's gradient, minus 1) squared.
        """
        gradient = self.input_gradient(x)
        return (torch.linalg.vector_norm(widened(gradient), dim=(1, 2, 3)) - 1) ** 2


def adams(generator: nn.Module, discriminator: nn.Module, settings: CriticSettings) -> dict[str, Adam]:
    """Adam (0.5, 0.999) of both networks, each with its rate."""
    adam = partial(Adam, betas=(0.5, 0.999))
    return {
        "generator": adam(generator.parameters(), lr=settings.learning_rate),
        "discriminator": adam(
            discriminator.parameters(), lr=settings.discriminator_learning_rate or settings.learning_rate
        ),
    }


def critic_terms(critic: nn.Module, x: Tensor, results: Tensor, lambda_gp: float) -> tuple[dict[str, Tensor], Tensor]:
    """What a critic that also classifies learns without labels, and the logits [N, c] that it gives real images.

    Args:
        critic: with ``features`` of images, and ``adversarial`` and ``classify`` of these, and ``gradient_penalty``.
        x: real images [N, 3, S, S].
        results: a generator's, as many, without a graph.

    Returns:
        ``d_adv``, and ``d_gp`` weighted; the logits.
    """
    results = results.to(x.dtype)
    features = critic.features(torch.cat([x, results]))
    scores = widened(critic.adversarial(features))
    logits = critic.classify(features[: len(x)])
    mix = torch.rand(len(x), 1, 1, 1, device=x.device)
    penalty = critic.gradient_penalty(torch.lerp(results, x, mix.to(x.dtype)))
    adversarial = scores[len(x) :].mean() - scores[: len(x)].mean()
    return {"d_adv": adversarial, "d_gp": lambda_gp * penalty.mean()}, logits
