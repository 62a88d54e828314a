"""SG-GAN (Zhang et al., ACM MM 2018): from one image and no label it makes one result per group.

Sources: the paper's tables 4 and 5 and equations 2 to 8, and the authors' code of the time. Departures: the instance
norm comes before the ReLU (as in that code; the paper writes it after), every fake is paired with a real term in the
critic's loss (equation 8 as printed is unbounded), and the equation's penalty has the sign that a critic needs.
"""

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.data.labels import Attribute, Batch, Group, all_groups
from sgbench.methods.contract import Method, MethodSettings, update
from sgbench.methods.losses import gradient_penalty, masked_cross_entropy
from sgbench.methods.networks import SameConv2d, SameConvTranspose2d, frozen, initialise, norm_relu, trunk, widths_at

DISCRIMINATOR_WIDTHS = {32: (1, 2, 4, 8), 64: (1, 2, 4, 8, 8), 128: (1, 2, 4, 8, 8, 16), 256: (1, 2, 4, 8, 8, 16)}
WEIGHT_INITS = {"normal": partial(nn.init.normal_, std=0.02), "he": nn.init.kaiming_normal_}
Residual = Literal["refined", "residual", "none"]


class Branch(nn.Module):
    """The layers of one group: features [N, 2w, S/2, S/2] and images [N, 3, S, S] -> results [N, 3, S, S]."""

    def __init__(self, width: int, residual: Residual):
        super().__init__()
        self.residual = residual
        self.deconv = norm_relu(SameConvTranspose2d(2 * width, width, 4, 2))
        self.conv = SameConv2d(width + 3 * (residual == "refined"), 3, 7)

    def forward(self, features: Tensor, x: Tensor) -> Tensor:
        """Results in [-1, 1]; for the variant ``residual``, x plus a residual in [-1, 1], not clamped."""
        f = self.deconv(features)
        if self.residual == "refined":
            return torch.tanh(self.conv(torch.cat([f, x], 1)))
        y = torch.tanh(self.conv(f))
        return x + y if self.residual == "residual" else y

    @torch.no_grad()
    def pass_through(self, gain: float) -> None:
        """Start near tanh(gain * x): the last convolution is a centred impulse on x, and small on the features."""
        centre = self.conv.kernel_size[0] // 2
        nn.init.normal_(self.conv.weight, std=0.01)
        self.conv.weight[:, -3:] = 0
        self.conv.weight[:, -3:, centre, centre] = gain * torch.eye(3)


class SGGANGenerator(nn.Module):
    """One trunk and a branch for each group."""

    def __init__(self, attributes: Sequence[Attribute], width: int, residual: Residual):
        super().__init__()
        self.trunk = trunk(3, width, bias=True)
        self.branches = nn.ModuleDict({_key(g): Branch(width, residual) for g in all_groups(attributes)})

    def forward(self, x: Tensor, groups: Sequence[Group]) -> list[Tensor]:
        """Results [N, 3, S, S] for ``groups``; other branches are not computed."""
        features = self.trunk(x)
        return [self.branch(group)(features, x) for group in groups]

    def branch(self, group: Group) -> Branch:
        """The branch of a group."""
        return self.branches[_key(group)]


class SGGANDiscriminator(nn.Module):
    """Critic and classifier: [N, 3, S, S] -> ([N, 1, h, w], a list of [N, m_j], one for each attribute)."""

    def __init__(self, attributes: Sequence[Attribute], image_size: int, width: int):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        widths = widths_at(image_size, DISCRIMINATOR_WIDTHS, width)
        for out in widths:
            layers += [SameConv2d(channels, out, 5, 2), nn.LeakyReLU(0.2, inplace=True)]
            channels = out
        self.body = nn.Sequential(*layers)
        self.adversarial = SameConv2d(channels, 1, 3)
        side = image_size >> len(widths)
        self.classifiers = nn.ModuleList(nn.Conv2d(channels, len(a.values), side) for a in attributes)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The critic's map and class logits."""
        h = self.body(x)
        return self.adversarial(h), [classifier(h).flatten(1) for classifier in self.classifiers]

    def critic(self, x: Tensor) -> Tensor:
        """The critic's map alone."""
        return self.adversarial(self.body(x))


class SGGAN(Method):
    """Sparsely grouped multi-task GAN."""

    display_name = "SG-GAN"
    key = "sggan"

    class Settings(MethodSettings):
        """Defaults are the paper's.

        ``rec_reduction``: equation 5 as one mean over all pairs, or as the sum of each pair's mean. ``weight_init``:
        N(0, 0.02), or He's, which suits narrow networks. ``pass_through``: if positive, a branch starts near
        tanh(pass_through * x).
        """

        iterations: PositiveInt = 20_000
        constant_iterations: NonNegativeInt = 10_000
        batch_size: PositiveInt = 8
        n_critic: PositiveInt = 5
        discriminator_learning_rate: PositiveFloat | None = None
        discriminator_width: PositiveInt | None = None
        lambda_gp: NonNegativeFloat = 10.0
        lambda_adv: NonNegativeFloat = 1.0
        lambda_cls: NonNegativeFloat = 1.0
        lambda_rec: NonNegativeFloat = 10.0
        rec_reduction: Literal["mean", "per_output"] = "mean"
        residual: Residual = "refined"
        weight_init: Literal["normal", "he"] = "normal"
        pass_through: NonNegativeFloat = 0.0

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.groups = all_groups(attributes)
        self.generator = SGGANGenerator(attributes, settings.base_width, settings.residual)
        self.discriminator = SGGANDiscriminator(
            attributes, image_size, settings.discriminator_width or settings.base_width
        )
        initialise(self.generator, WEIGHT_INITS[settings.weight_init], norm_std=0.02)
        initialise(self.discriminator, WEIGHT_INITS[settings.weight_init])
        if settings.pass_through:
            if settings.residual != "refined":
                raise ValueError("pass_through needs residual: refined")
            for group in self.groups:
                self.generator.branch(group).pass_through(settings.pass_through)
        d_rate = settings.discriminator_learning_rate or settings.learning_rate
        adam = partial(torch.optim.Adam, betas=(0.5, 0.999), fused=True)
        self.optimizers = {
            "generator": adam(self.generator.parameters(), lr=settings.learning_rate),
            "discriminator": adam(self.discriminator.parameters(), lr=d_rate),
        }

    @property
    def batches_per_iteration(self) -> int:
        """One fresh batch for each critic update; the generator uses the last of them."""
        return self.settings.n_critic

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """``n_critic`` updates of the discriminator, then one of the generator."""
        losses: dict[str, Tensor] = {}
        for batch in batches:
            losses |= update(self.optimizers["discriminator"], self.discriminator_losses(batch))
        with frozen(self.discriminator):
            losses |= update(self.optimizers["generator"], self.generator_losses(batches[-1].images))
        return losses

    def discriminator_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms, sums over groups: ``d_adv``, ``d_gp``, ``d_cls``."""
        settings, x = self.settings, batch.images
        with torch.no_grad():
            fakes = torch.cat(self.generator(x, self.groups)).to(x.dtype)
        scores, logits = self.discriminator(torch.cat([x, fakes]))
        score, fake_score = scores.float().split([len(x), len(fakes)])
        mix = torch.rand(len(fakes), device=x.device)
        reals = x.repeat(len(self.groups), 1, 1, 1)
        penalty = gradient_penalty(self.discriminator.critic, reals, fakes, mix)
        count = len(self.groups)
        return {
            "d_adv": count * (fake_score.mean() - score.mean()),
            "d_gp": settings.lambda_gp * count * penalty.mean(),
            "d_cls": settings.lambda_cls
            * sum(masked_cross_entropy(logit[: len(x)], batch.labels[:, j]) for j, logit in enumerate(logits)),
        }

    def generator_losses(self, x: Tensor) -> dict[str, Tensor]:
        """Weighted terms, sums over groups: ``g_adv``, ``g_cls``, ``g_rec``."""
        settings, size, count = self.settings, len(x), len(self.groups)
        fakes = torch.cat(self.generator(x, self.groups))
        score, logits = self.discriminator(fakes)
        g_cls = sum(
            F.cross_entropy(
                logits[group.attribute][k * size : (k + 1) * size], x.new_full((size,), group.value, dtype=torch.long)
            )
            for k, group in enumerate(self.groups)
        )
        pairs = self.reconstruction_errors(fakes.split(size))
        g_rec = pairs.mean() if settings.rec_reduction == "mean" else pairs.sum()
        return {
            "g_adv": -settings.lambda_adv * count * score.float().mean(),
            "g_cls": settings.lambda_cls * g_cls,
            "g_rec": settings.lambda_rec * g_rec,
        }

    def reconstruction_errors(self, fakes: Sequence[Tensor]) -> Tensor:
        """Equation 5: mean |G(x_j^i)_j^i' - x_j^i'| for each attribute's ordered pairs of values (i, i'), [pairs]."""
        by_group = dict(zip(self.groups, fakes, strict=True))
        features = dict(
            zip(self.groups, self.generator.trunk(torch.cat(list(fakes))).split(len(fakes[0])), strict=True)
        )
        errors = []
        for j, attribute in enumerate(self.attributes):
            for i, other in permutations(range(len(attribute.values)), 2):
                source, target = Group(j, i), Group(j, other)
                again = self.generator.branch(target)(features[source], by_group[source])
                errors.append((again - by_group[target]).float().abs().mean())
        return torch.stack(errors)

    @torch.no_grad()
    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Results of the group's branch, clamped to [-1, 1]; the labels are not read."""
        (result,) = self.generator(images, [group])
        return result.clamp(-1, 1)


def _key(group: Group) -> str:
    return f"{group.attribute}_{group.value}"
