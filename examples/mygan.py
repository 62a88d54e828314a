"""MyGAN: an encoder, a decoder that is told what to change, and a discriminator that also classifies.

A small method that works, to begin from: change networks and losses, and check what you have with

    sgbench check mygan:MyGAN --config mygan.yaml
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from sgbench.data.labels import HIDDEN, Attribute, Batch, Group, all_groups
from sgbench.methods.contract import Method, MethodSettings, update
from sgbench.methods.losses import masked_cross_entropy
from sgbench.methods.networks import frozen


class Encoder(nn.Sequential):
    """Images [N, 3, S, S] -> features [N, 4 * width, S / 4, S / 4]."""

    def __init__(self, width: int):
        super().__init__(
            nn.Conv2d(3, width, 7, padding=3),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        )


class Decoder(nn.Module):
    """Features and a vector [N, c] of what is asked for -> images [N, 3, S, S] in [-1, 1]."""

    def __init__(self, num_groups: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4 * width + num_groups, 4 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 3, 7, padding=3),
            nn.Tanh(),
        )

    def forward(self, features: Tensor, asked: Tensor) -> Tensor:
        """The vector is repeated over the plane and stacked on the features."""
        planes = asked.to(features.dtype)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.body(torch.cat([features, planes], 1))


class Discriminator(nn.Module):
    """Images -> (how real they look [N], class logits: a list of [N, m], one for each attribute of m values)."""

    def __init__(self, attributes: Sequence[Attribute], image_size: int, width: int):
        super().__init__()
        self.num_values = [len(attribute.values) for attribute in attributes]
        layers, channels, side = [], 3, image_size
        while side > 4:
            out = min(2 * channels, 8 * width) if layers else width
            layers += [nn.Conv2d(channels, out, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels, side = out, side // 2
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels * side**2, 1 + sum(self.num_values))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Both heads."""
        real, logits = self.head(self.body(x)).split([1, sum(self.num_values)], 1)
        return real[:, 0], list(logits.split(self.num_values, 1))


class MyGAN(Method):
    """MyGAN."""

    display_name = "MyGAN"  # as tables show it
    key = "mygan"  # trained models are kept under it, wherever this file lies
    version = 1  # raise it when the same settings would train another model

    class Settings(MethodSettings):
        """Weights of the losses. Iterations, batch size, rate and width come with every method."""

        lambda_adv: float = 1.0
        lambda_cls: float = 5.0
        lambda_rec: float = 20.0

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        # A group is a value of an attribute, such as smile=smiling. A method is asked for one group at a time.
        self.groups = all_groups(attributes)
        self.encoder = Encoder(settings.base_width)
        self.decoder = Decoder(len(self.groups), settings.base_width)
        self.discriminator = Discriminator(attributes, image_size, settings.base_width)
        # What is asked for, a row for each group: as a vector, and as labels that are hidden but for the group's own.
        asked = torch.full((len(self.groups), len(self.attributes)), HIDDEN, dtype=torch.int8)
        for row, (attribute, value) in enumerate(self.groups):
            asked[row, attribute] = value
        self.register_buffer("asked_labels", asked, persistent=False)
        self.register_buffer("asked_vectors", torch.eye(len(self.groups)), persistent=False)
        # The loop sets the optimisers' rates and keeps their state, so all of them are named here.
        generator = [*self.encoder.parameters(), *self.decoder.parameters()]
        adam = partial(torch.optim.Adam, lr=settings.learning_rate, betas=(0.5, 0.999))
        self.optimizers = {"generator": adam(generator), "discriminator": adam(self.discriminator.parameters())}

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the generator; returns the losses by name."""
        (batch,) = batches
        drawn = torch.randint(len(self.groups), (len(batch.images),), device=batch.images.device)
        features = self.encoder(batch.images)
        results = self.decoder(features, self.asked_vectors[drawn])
        losses = update(self.optimizers["discriminator"], self.discriminator_losses(batch, results.detach()))
        with frozen(self.discriminator):  # its parameters need no gradient now
            terms = self.generator_losses(batch, features, results, self.asked_labels[drawn])
            losses |= update(self.optimizers["generator"], terms)
        return losses

    def discriminator_losses(self, batch: Batch, results: Tensor) -> dict[str, Tensor]:
        """Images are real, results are not; and known labels are seen in images. Hidden ones count for nothing."""
        real, logits = self.discriminator(batch.images)
        generated, _ = self.discriminator(results)
        return {
            "d_adv": (real - 1).square().mean() + generated.square().mean(),
            "d_cls": sum(masked_cross_entropy(logit, batch.labels[:, j]) for j, logit in enumerate(logits)),
        }

    def generator_losses(self, batch: Batch, features: Tensor, results: Tensor, asked: Tensor) -> dict[str, Tensor]:
        """Results look real and have the value that was asked for; asked for nothing, the image comes back."""
        real, logits = self.discriminator(results)
        back = self.decoder(features, self.asked_vectors.new_zeros(len(results), len(self.groups)))
        settings = self.settings
        return {
            "g_adv": settings.lambda_adv * (real - 1).square().mean(),
            "g_cls": settings.lambda_cls * sum(masked_cross_entropy(x, asked[:, j]) for j, x in enumerate(logits)),
            "g_rec": settings.lambda_rec * (batch.images - back).abs().mean(),
        }

    @torch.no_grad()
    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Results [N, 3, S, S] in [-1, 1] for one group. Labels of test images are hidden from this method."""
        asked = self.asked_vectors[self.groups.index(group)].expand(len(images), -1)
        return self.decoder(self.encoder(images), asked)
