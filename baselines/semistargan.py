"""SemiStarGAN (Hsu et al., ACCV 2018): a StarGAN that also learns from images without labels.

Source: the official code (KevinYuimin/SemiStarGAN). The discriminator's classifier is a path of its own; it is asked to
say the same of an image and of its mirror image (consistency), and names the vector with which an unlabelled image is
reconstructed. Departures, and what is done with vectors of which only some entries are known, stand in
docs/departures.md.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.data.labels import Attribute
from sgbench.methods.batch_norm import PartedBatchNorm
from sgbench.methods.contract import Batch, update
from sgbench.methods.convolutions import SameConv2d, WholeConv2d
from sgbench.methods.critics import CriticSettings, StridedCritic, adams
from sgbench.methods.losses import masked_binary_cross_entropy, masked_reconstruction, widened
from sgbench.methods.networks import frozen, initialise, widths_at
from sgbench.methods.star_generator import StarGANGenerator
from sgbench.methods.vector_method import VectorMethod
from sgbench.methods.vectors import VectorCodec

CLASSIFIER_WIDTHS = {
    32: (1, 2, 4, 8),
    64: (1, 2, 4, 8, 8),
    128: (1, 2, 4, 4, 8, 8),
    256: (1, 2, 4, 4, 8, 8),
}
"""The first two layers are the critic's too, which goes on by layers of the same widths, or by those of ``FEW``."""
FEW, MANY = (1, 2, 4, 8), 5
"""Widths of the critic at every size for vectors of fewer than ``MANY`` entries."""
SHARED, SLOPE, NOISE, DROPOUT = 2, 0.2, 0.15, 0.5
WEIGHT_INITS = {
    "normal": partial(nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04),
    "uniform": partial(nn.init.kaiming_uniform_, a=5**0.5),
}


class SemiStarGANDiscriminator(StridedCritic):
    """Critic and classifier, which share two layers: [N, 3, S, S] -> ([N, 1, h, w], logits [N, c])."""

    def __init__(self, num_entries: int, image_size: int, width: int):
        whole = widths_at(image_size, CLASSIFIER_WIDTHS, width)
        critic = whole if num_entries >= MANY else [width * multiple for multiple in FEW]
        super().__init__(critic, kernel_size=4, slope=SLOPE, bias=False, biases=False)
        stages = [[(w, 4, 2) for w in whole[SHARED:] if w == multiple * width] for multiple in (4, 8)]
        stages.append([(4 * width, 1, 1), (2 * width, 1, 1)])
        self.stages, channels = nn.ModuleList(), 2 * width
        for stage in stages:
            layers = nn.ModuleList()
            for after, kernel_size, stride in stage:
                convolution = SameConv2d(channels, after, kernel_size, stride, bias=False)
                layers.append(nn.ModuleList([convolution, PartedBatchNorm(after, SLOPE, eps=1e-5, decay=0.9)]))
                channels = after
            self.stages.append(layers)
        self.last = WholeConv2d(channels, num_entries, 1, bias=False)

    def noisy(self, x: Tensor) -> Tensor:
        """Images, with Gaussian noise of their own in training."""
        if not self.training:
            return x
        noise = torch.randn(x.shape, dtype=x.dtype, device=x.device)  # the same whatever order x lies in memory in
        return x + NOISE * noise

    def shared(self, x: Tensor) -> Tensor:
        """What the critic and the classifier both take: [N, 3, S, S] -> [N, 2 * width, S / 4, S / 4]."""
        return self.features(self.noisy(x), 0, SHARED)

    def scores(self, h: Tensor) -> Tensor:
        """The critic's map of what is shared."""
        return widened(self.adversarial(self.features(h, SHARED)))

    def logits(self, h: Tensor, parts: int = 1, learned: int = 0) -> Tensor:
        """The classifier's logits [N, c] of what is shared; for the parts of a batch see ``PartedBatchNorm``."""
        for stage in self.stages:
            h = F.dropout(h, DROPOUT, self.training)
            for convolution, norm in stage:
                h = norm(convolution(h), parts, learned)
        return widened(self.last(h.mean((2, 3), keepdim=True)))


class SemiStarGAN(VectorMethod):
    """SemiStarGAN; an image is labelled where its whole vector is known."""

    display_name = "SemiStarGAN"
    key = "semistargan"

    class Settings(CriticSettings):
        """Defaults are those of the official code, with its README's batches of 16 images."""

        iterations: PositiveInt = 91_300
        constant_iterations: NonNegativeInt = 45_650
        batch_size: PositiveInt = 16
        labelled_share: float = Field(0.5, ge=0, le=1)
        """Share of a batch that is drawn from labelled images."""
        lambda_con: NonNegativeFloat = 2.0
        """Weight of the consistency of an image's and its mirror image's logits, once a third of training is done."""
        lambda_rec: NonNegativeFloat = 10.0
        """Weight of the reconstruction loss, in which unlabelled images take part after 15 % of training."""
        lambda_id: NonNegativeFloat = 1.0
        """Weight of the identity loss in the first 5 % of training; half of it holds for the next 5 %, then none."""
        weight_init: Literal["normal", "uniform"] = "normal"
        """First weights: N(0, 0.02) within two standard deviations, or StarGAN's, which suit narrow networks: uniform
        within 1 / sqrt(fan-in)."""
        pass_through: NonNegativeFloat = 0.0
        """If positive, the generator starts near tanh(pass_through * x), up to colour and contrast."""
        source_labels: Literal["true", "guessed"] = "true"
        """Whether results are made with the source images' true labels or with those that the discriminator guesses."""

    settings: Settings
    updates: Tensor

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.codec = VectorCodec(attributes)
        num_entries = len(self.codec.entries)
        self.generator = StarGANGenerator(num_entries, settings.base_width)
        width = settings.discriminator_width or settings.base_width
        self.discriminator = SemiStarGANDiscriminator(num_entries, image_size, width)
        initialise(self, WEIGHT_INITS[settings.weight_init], norm_std=0.02)
        if settings.pass_through:
            self.generator.pass_through(settings.pass_through)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimizers = adams(self.generator, self.discriminator, settings)

    @property
    def batches_per_iteration(self) -> int:
        """One fresh batch for each critic update; the generator uses the last of them, with the same targets."""
        return self.settings.n_critic

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """``n_critic`` updates of the discriminator, then one of the generator, which did not change before."""
        losses: dict[str, Tensor] = {}
        for number, batch in enumerate(batches, 1):
            targets = self.draw_targets(batch.labels)
            with torch.set_grad_enabled(number == len(batches)):
                x_fake = self.generator(batch.images, targets)
            self.updates.add_(1)  # counted on the device, where a replayed iteration reads it
            losses |= update(self.optimizers["discriminator"], self.discriminator_losses(batch, x_fake.detach()))
        with frozen(self.discriminator):
            losses |= update(self.optimizers["generator"], self.generator_losses(batch, targets, x_fake))
        return losses

    def draw_targets(self, labels: Tensor) -> Tensor:
        """Target vectors [B, c], any valid one as likely as another; the first labelled image keeps its own."""
        size, device, drawn = len(labels), labels.device, []
        for attribute in self.attributes:
            none = 0 if attribute.exhaustive else 1  # where some images have none of the values, none is a target too
            drawn.append(torch.randint(-none, len(attribute.values), (size,), device=device))
        own, known = self.codec.encode(labels)
        complete = known.all(1)
        kept = complete & (torch.arange(size, device=device) == complete.int().argmax())
        return torch.where(kept[:, None], own, self.codec.encode(torch.stack(drawn, 1))[0])

    def consistency_weight(self) -> Tensor:
        """The share of ``lambda_con`` that holds: exp(-5) at first, 1 from a third of training on."""
        third = max(1, self.settings.iterations * self.settings.n_critic // 3)
        left = 1 - (self.updates / third).clamp_max(1)
        return torch.exp(-5 * left * left)

    def twentieth(self) -> Tensor:
        """How many twentieths of training, its epochs in the official code, are done."""
        return (self.updates - 1) * 20 // (self.settings.iterations * self.settings.n_critic)

    def discriminator_losses(self, batch: Batch, x_fake: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``d_adv``, ``d_gp``, ``d_cls``, ``d_con``. ``x_fake``: the results, without a graph.

        Norms learn of real images and their mirror images, here alone.
        """
        settings, x = self.settings, batch.images
        x_fake = x_fake.to(x.dtype)
        h = self.discriminator.shared(torch.cat([x, x.flip(-1), x_fake, x_fake.flip(-1)]))
        real, fake = self.discriminator.scores(h).chunk(2)
        logits = self.discriminator.logits(h, parts=4, learned=2)
        image, mirrored = logits.unflatten(0, (2, 2, -1)).unbind(1)
        mix = torch.rand(len(x), 1, 1, 1, device=x.device)
        between = self.discriminator.noisy(torch.lerp(x_fake, x, mix.to(x.dtype)))
        vectors, known = (part.repeat(2, 1) for part in self.codec.encode(batch.labels))
        return {
            "d_adv": fake.mean() - real.mean(),
            "d_gp": settings.lambda_gp * self.discriminator.gradient_penalty(between).mean(),
            "d_cls": settings.lambda_cls * masked_binary_cross_entropy(logits[: len(vectors)], vectors, known),
            "d_con": settings.lambda_con * self.consistency_weight() * (image - mirrored).square().mean(),
        }

    def generator_losses(self, batch: Batch, targets: Tensor, x_fake: Tensor) -> dict[str, Tensor]:
        """Weighted terms: ``g_adv``, ``g_cls``, ``g_rec``, ``g_id``.

        Args:
            targets: [B, c], the vectors that were asked for.
            x_fake: [B, 3, S, S], what the generator made of the batch for them.
        """
        settings, x = self.settings, batch.images
        vectors, known = self.codec.encode(batch.labels)
        labelled, epoch = known.all(1), self.twentieth()
        with torch.no_grad():
            source = torch.where(known, vectors, self.guess(x))
        x_rec = self.generator(x_fake, source)
        h = self.discriminator.shared(torch.cat([x_fake, x_fake.flip(-1)]))
        logits, wanted = self.discriminator.logits(h, parts=2), targets.repeat(2, 1)
        unchanged = labelled & (targets == vectors).all(1)
        fading = (epoch == 0) + 0.5 * (epoch == 1)
        return {
            "g_adv": -settings.lambda_adv * self.discriminator.scores(h).mean(),
            "g_cls": settings.lambda_cls * masked_binary_cross_entropy(logits, wanted, torch.ones_like(wanted).bool()),
            "g_rec": settings.lambda_rec * masked_reconstruction(x, x_rec, labelled | (epoch >= 3)),
            "g_id": settings.lambda_id * fading * masked_reconstruction(x, x_fake, unchanged),
        }

    def guess(self, images: Tensor) -> Tensor:
        """The vectors that the discriminator gives images, with noise and dropout while it is trained."""
        return self.codec.classify(self.discriminator.logits(self.discriminator.shared(images)))
