"""Plain ResidualGAN: two networks translate one binary attribute, each by adding a residual to the image."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import WIDTHS
from .shared import block, update

GENERATED = 2
"""The discriminator's third class."""


class Deconv(nn.Module):
    """A 3x3 deconvolution to twice the side: the gradient of a 3x3 convolution of stride 2 with "same" padding."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        self.out_channels = out_channels
        self.deconv = nn.ConvTranspose2d(channels, out_channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.deconv(x)[:, :, :-1, :-1]


class Generator(nn.Module):
    """An image to a residual, which is to be added to it."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            *block(nn.Conv2d(3, width, 5, padding=2), nn.LeakyReLU(0.2)),
            *block(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(0.2)),
            *block(nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.LeakyReLU(0.2)),
            *block(Deconv(4 * width, 2 * width), nn.LeakyReLU(0.2)),
            *block(Deconv(2 * width, width), nn.LeakyReLU(0.2)),
            nn.ZeroPad2d((1, 2, 1, 2)),
            nn.Conv2d(width, 3, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Discriminator(nn.Module):
    """Stride-2 convolutions, then three logits: value 0, value 1, generated."""

    def __init__(self, image_size: int, width: int):
        super().__init__()
        layers, channels = [], 3
        for multiple in WIDTHS["residualgan"][image_size]:
            conv = nn.Conv2d(channels, multiple * width, 4, 2, 1)
            layers += block(conv, nn.LeakyReLU(0.2)) if layers else [conv, nn.LeakyReLU(0.2)]
            channels = multiple * width
        convolutions = [k for k, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
        self.lower = nn.Sequential(*layers[: convolutions[-2] + 1])
        self.upper = nn.Sequential(*layers[convolutions[-2] + 1 :])
        self.last = nn.Conv2d(channels, 3, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, 3], and the map of the next-to-last stride-2 convolution before its norm and activation."""
        phi = self.lower(x)
        return self.last(self.upper(phi)).flatten(1), phi


def initialise(network: nn.Module) -> None:
    """Weights normal with deviation 0.02, none beyond two deviations; norms' scales 1, all biases 0."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
            nn.init.zeros_(layer.bias)


class PlainResidualGAN:
    """Networks, optimisers, losses and updates.

    Args:
        alpha: weight of the residual's size at 128 pixels; it is scaled to the image size.
        beta: weight of the perceptual term.
    """

    def __init__(
        self,
        image_size: int = 128,
        generator_width: int = 64,
        discriminator_width: int = 64,
        lambda_cls: float = 1.0,
        lambda_dual: float = 1.0,
        alpha: float = 5e-5,
        beta: float = 5e-6,
        learning_rate: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.9),
        device: torch.device | str = "cpu",
    ):
        self.lambda_cls, self.lambda_dual, self.beta = lambda_cls, lambda_dual, beta
        self.alpha = alpha * (128 / image_size) ** 2
        self.generators = nn.ModuleList(Generator(generator_width) for _ in range(2)).to(device)
        self.discriminator = Discriminator(image_size, discriminator_width).to(device)
        initialise(self.generators)
        initialise(self.discriminator)
        self.generator_optimizers = [torch.optim.Adam(g.parameters(), learning_rate, betas) for g in self.generators]
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), learning_rate, betas)

    def discriminator_losses(self, images: Sequence[Tensor]) -> dict[str, Tensor]:
        """The discriminator's terms, given images of value 0 and images of value 1, [B, 3, S, S] each."""
        with torch.no_grad():
            results = [x + generator(x) for x, generator in zip(images, self.generators, strict=True)]
        real = sum(self.cross_entropy(x, value) for value, x in enumerate(images))
        fake = sum(self.cross_entropy(result, GENERATED) for result in results)
        return {"d_real": real, "d_fake": fake}

    def generator_losses(self, source: int, x: Tensor) -> dict[str, Tensor]:
        """The weighted terms of the network that translates images x of value ``source`` to the other value."""
        target = 1 - source
        residual = self.generators[source](x)
        result = x + residual
        logits, phi = self.discriminator(result)
        with torch.no_grad():
            phi_of_source = self.discriminator.lower(x)
        dual = self.cross_entropy(result + self.generators[target](result), source)
        return {
            "g_cls": self.lambda_cls * F.cross_entropy(logits, classes(x, target)),
            "g_dual": self.lambda_dual * dual,
            "g_sparse": self.alpha * residual.abs().sum((1, 2, 3)).mean(),
            "g_perc": self.beta * (phi_of_source - phi).abs().sum((1, 2, 3)).mean(),
        }

    def cross_entropy(self, x: Tensor, label: int) -> Tensor:
        """Cross entropy of the discriminator's logits to one class, mean over images."""
        return F.cross_entropy(self.discriminator(x)[0], classes(x, label))

    def train_discriminator(self, images: Sequence[Tensor]) -> dict[str, Tensor]:
        """One update of the discriminator."""
        return update(self.discriminator_optimizer, self.discriminator_losses(images))

    def train_generator(self, source: int, x: Tensor) -> dict[str, Tensor]:
        """One update of one network; the weights of the others get no gradients."""
        others = [self.discriminator, self.generators[1 - source]]
        for network in others:
            network.requires_grad_(False)
        losses = update(self.generator_optimizers[source], self.generator_losses(source, x))
        for network in others:
            network.requires_grad_(True)
        return losses

    def step(self, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """An iteration: the discriminator, G0 and G1, one after another on the same images of value 0 and of value 1.

        Returns:
            The terms of the discriminator, of G0 and of G1, each before its own update and after the others' before.
        """
        terms = [self.train_discriminator(images)]
        return terms + [self.train_generator(source, x) for source, x in enumerate(images)]


def classes(x: Tensor, label: int) -> Tensor:
    """One class for every image of x."""
    return torch.full((len(x),), label, device=x.device)
