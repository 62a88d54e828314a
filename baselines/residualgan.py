"""ResidualGAN (Shen and Liu, CVPR 2017): two networks that learn what to add to an image, one for each direction.

Source of layers, rates and weights: Residual_Image_Learning_GAN, by SG-GAN's authors; Shen and Liu released no code.
Departures: a discriminator of three classes and a dual term, as the paper has them and that code has not; the sparsity
weight is scaled with the number of pixels; discriminators for other sizes than 128 end in the same 4x4 map.
"""

from collections.abc import Sequence
from functools import partial

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.data.labels import Attribute, Group
from sgbench.methods.adam import Adam
from sgbench.methods.contract import Batch, Method, MethodSettings, Width, update
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d, WholeConv2d
from sgbench.methods.losses import widened
from sgbench.methods.networks import Layers, frozen, initialise, normed, widths_at

DISCRIMINATOR_WIDTHS = {32: (1, 2, 4), 64: (1, 2, 4, 8), 128: (1, 2, 4, 8, 16), 256: (1, 2, 4, 8, 16, 16)}
GENERATED = 2
"""The discriminator's third class, after the attribute's values 0 and 1."""
SLOPE = 0.2
"""Of negative values, in every leaky ReLU."""


class ResidualGANGenerator(nn.Module):
    """Images [N, 3, S, S] -> residuals [N, 3, S, S], without bounds: there is no tanh."""

    def __init__(self, width: int):
        super().__init__()
        self.body = Layers(
            *normed(SameConv2d(3, width, 5), SLOPE),
            *normed(SameConv2d(width, 2 * width, 4, 2), SLOPE),
            *normed(SameConv2d(2 * width, 4 * width, 4, 2), SLOPE),
            *normed(SameConvTranspose2d(4 * width, 2 * width, 3, 2), SLOPE),
            *normed(SameConvTranspose2d(2 * width, width, 3, 2), SLOPE),
            SameConv2d(width, 3, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The residual to add to each image."""
        return self.body(x)


class ResidualGANDiscriminator(nn.Module):
    """Images [N, 3, S, S] -> (logits [N, 3]: value 0, value 1, generated; features phi [N, C, 8, 8])."""

    def __init__(self, image_size: int, width: int):
        super().__init__()
        first, *widths = widths_at(image_size, DISCRIMINATOR_WIDTHS, width)
        layers = [SameConv2d(3, first, 4, 2), nn.LeakyReLU(SLOPE, inplace=True)]
        channels = first
        for out in widths:
            layers += normed(SameConv2d(channels, out, 4, 2), SLOPE)
            channels = out
        layers.append(WholeConv2d(channels, 3, 4))
        rest = 4  # after phi: its norm, the last stride-2 convolution, its norm, the logits
        self.features = Layers(*layers[:-rest])
        self.classifier = Layers(*layers[-rest:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and the output of the next-to-last stride-2 convolution, before norm and activation."""
        phi = self.features(x)
        return self.classifier(phi), phi


class ResidualGAN(Method):
    """Two residual networks and a discriminator of three classes, for one attribute of two values."""

    display_name = "ResidualGAN"
    key = "residualgan"
    version = 2
    one_attribute = True
    sampling = "by_value"

    class Settings(MethodSettings):
        """``alpha`` and ``beta`` are those of SG-GAN's authors' code."""

        iterations: PositiveInt = 50_000
        constant_iterations: NonNegativeInt = 20_000
        batch_size: PositiveInt = 16
        """Images of each value in a batch."""
        discriminator_learning_rate: PositiveFloat | None = None
        """Adam's rate of the discriminator; null for the generator's."""
        discriminator_width: Width | None = None
        """Channels of the discriminator's first layer; null for base_width."""
        alpha: NonNegativeFloat = 5e-5
        """Weight of the residual's L1 norm at 128 pixels; scaled by (128 / image_size) squared."""
        beta: NonNegativeFloat = 5e-6
        """Weight of the features' L1 distance."""
        lambda_dual: NonNegativeFloat = 1.0
        """Weight of the dual learning loss."""

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        if len(attributes) != 1 or len(attributes[0].values) != 2:
            given = "; ".join(f"{a.name}: {', '.join(a.values)}" for a in attributes) or "none"
            raise ValueError(
                f"ResidualGAN learns exactly one attribute with two values, not {given}; every attribute of "
                "ResidualGAN needs two values: leave the method out with --methods, or choose other attributes with "
                "--attributes"
            )
        self.attributes, self.settings = tuple(attributes), settings
        self.sparsity = settings.alpha * (128 / image_size) ** 2
        self.generators = nn.ModuleList(ResidualGANGenerator(settings.base_width) for _ in range(2))
        self.discriminator = ResidualGANDiscriminator(image_size, settings.discriminator_width or settings.base_width)
        initialise(self, partial(nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04))  # truncated as in TensorFlow
        d_rate = settings.discriminator_learning_rate or settings.learning_rate
        adam = partial(Adam, betas=(0.5, 0.9))
        self.optimizers = {
            "generator_0": adam(self.generators[0].parameters(), lr=settings.learning_rate),
            "generator_1": adam(self.generators[1].parameters(), lr=settings.learning_rate),
            "discriminator": adam(self.discriminator.parameters(), lr=d_rate),
        }

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """One update of the discriminator, of network 0 and of network 1, in this order and on the same batch.

        No network changes between the discriminator's update and its own, so its residuals serve both.
        """
        (batch,) = batches
        x_real = batch.images.chunk(2)
        residuals = [generator(x) for generator, x in zip(self.generators, x_real, strict=True)]
        losses = update(self.optimizers["discriminator"], self.discriminator_losses(x_real, residuals))
        with frozen(self.discriminator):
            with torch.no_grad():
                phi = self.discriminator.features(batch.images).chunk(2)
            by_source = []
            for source in (0, 1):
                with frozen(self.generators[1 - source]):
                    terms = self.generator_losses(x_real[source], residuals[source], phi[source], source)
                    by_source.append(update(self.optimizers[f"generator_{source}"], terms))
        return losses | {name: by_source[0][name] + by_source[1][name] for name in by_source[0]}

    def discriminator_losses(self, x_real: Sequence[Tensor], residuals: Sequence[Tensor]) -> dict[str, Tensor]:
        """Sums over both values: ``d_real``, ``d_fake``.

        Args:
            x_real: images of value 0, as many images of value 1.
            residuals: what their networks add to them.
        """
        size = len(x_real[0])
        x_fake = [x + residual.detach() for x, residual in zip(x_real, residuals, strict=True)]
        logits, _ = self.discriminator(torch.cat([*x_real, *x_fake]))
        values = torch.arange(2, device=logits.device).repeat_interleave(size)
        return {
            "d_real": 2 * F.cross_entropy(logits[: 2 * size], values),
            "d_fake": 2 * _cross_entropy(logits[2 * size :], GENERATED),
        }

    def generator_losses(self, x: Tensor, residual: Tensor, phi: Tensor, source: int) -> dict[str, Tensor]:
        """Weighted terms of the network that changes value ``source``: ``g_cls``, ``g_dual``, ``g_sparse``, ``g_perc``.

        Only this network may be trained by them, so freeze the others.

        Args:
            x: [B, 3, S, S], images of this value.
            residual: what this network adds to them.
            phi: the discriminator's features of them.
        """
        settings, target = self.settings, 1 - source
        x_fake = x + residual
        x_back = x_fake + self.generators[target](x_fake)
        logits, phi_fake = self.discriminator(torch.cat([x_fake, x_back]))
        return {
            "g_cls": _cross_entropy(logits[: len(x)], target),
            "g_dual": settings.lambda_dual * _cross_entropy(logits[len(x) :], source),
            "g_sparse": self.sparsity * _l1(residual),
            "g_perc": settings.beta * _l1(phi - phi_fake[: len(x)]),
        }

    @torch.no_grad()
    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """The image plus the residual of the network that leads to the group's value, clamped to [-1, 1]."""
        return (images + self.generators[1 - group.value](images)).clamp(-1, 1)


def _cross_entropy(logits: Tensor, value: int) -> Tensor:
    """Mean cross-entropy of logits [N, 3] to one class."""
    return F.cross_entropy(logits, torch.full((len(logits),), value, device=logits.device))


def _l1(x: Tensor) -> Tensor:
    """L1 norm of each sample, in float32, mean over samples."""
    return widened(x).abs().flatten(1).sum(1).mean()
