"""SG-GAN (Zhang et al., ACM MM 2018): from one image and no label it makes one result per group.

Sources: the paper's tables 4 and 5 and equations 2 to 8, and the authors' code of the time. Departures: the instance
norm comes before the ReLU (as in that code; the paper writes it after), every fake is paired with a real term in the
critic's loss (equation 8 as printed is unbounded), and the equation's penalty has the sign that a critic needs.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.data.labels import Attribute, Batch, Group, all_groups
from sgbench.methods.branches import Branches, Residual, picked
from sgbench.methods.contract import Method, update
from sgbench.methods.convolutions import WholeConv2d
from sgbench.methods.critics import CriticSettings, StridedCritic, adams
from sgbench.methods.losses import masked_cross_entropy, widened
from sgbench.methods.networks import frozen, initialise, trunk, widths_at
from sgbench.methods.shared_head import SharedHead

DISCRIMINATOR_WIDTHS = {32: (1, 2, 4, 8), 64: (1, 2, 4, 8, 8), 128: (1, 2, 4, 8, 8, 16), 256: (1, 2, 4, 8, 8, 16)}
Heads = Literal["separate", "shared"]
WEIGHT_INITS = {"normal": partial(nn.init.normal_, std=0.02), "he": nn.init.kaiming_normal_}


class SGGANGenerator(nn.Module):
    """One trunk and a branch for each group, or one head for all of them."""

    def __init__(self, attributes: Sequence[Attribute], width: int, residual: Residual, heads: Heads = "separate"):
        super().__init__()
        self.groups = all_groups(attributes)
        self.trunk = trunk(3, width, bias=True)
        self.branches = {"separate": Branches, "shared": SharedHead}[heads](len(self.groups), width, residual)

    def forward(self, x: Tensor) -> Tensor:
        """Results of all groups, [groups, N, 3, S, S]."""
        return self.branches(self.trunk(x), x).transpose(0, 1)

    def edit(self, x: Tensor, group: Group) -> Tensor:
        """Results of one group, [N, 3, S, S]; other branches are not computed."""
        return self.branches.one(self.groups.index(group), self.trunk(x), x)


class SGGANDiscriminator(StridedCritic):
    """Critic and classifier: [N, 3, S, S] -> ([N, 1, h, w], a list of [N, m_j], one for each attribute)."""

    def __init__(self, attributes: Sequence[Attribute], image_size: int, width: int):
        widths = widths_at(image_size, DISCRIMINATOR_WIDTHS, width)
        super().__init__(widths, kernel_size=5, slope=0.2, bias=True)
        self.num_values = [len(a.values) for a in attributes]
        self.classifier = WholeConv2d(widths[-1], sum(self.num_values), image_size >> len(widths))

    def classify(self, features: Tensor) -> list[Tensor]:
        """Class logits of the critic's features."""
        return list(self.classifier(features).split(self.num_values, 1))


class SGGAN(Method):
    """Sparsely grouped multi-task GAN."""

    display_name = "SG-GAN"
    key = "sggan"
    version = 2

    class Settings(CriticSettings):
        """Defaults are the paper's."""

        iterations: PositiveInt = 20_000
        constant_iterations: NonNegativeInt = 10_000
        batch_size: PositiveInt = 8
        lambda_rec: NonNegativeFloat = 10.0
        """Weight of the reconstruction loss, equation 5."""
        rec_reduction: Literal["mean", "per_output"] = "mean"
        """Equation 5 as one mean over all pairs, or as the sum of each pair's mean."""
        residual: Residual = "refined"
        """What a branch gives: a residual image that is refined, one that is not, or the result itself (none)."""
        weight_init: Literal["normal", "he"] = "normal"
        """First weights: N(0, 0.02), or He's, which suits narrow networks."""
        pass_through: NonNegativeFloat = 0.0
        """If positive, a branch starts near tanh(pass_through * x)."""
        heads: Heads = "separate"
        """A branch for each group, as in the paper, or one head for all groups (shared)."""

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.groups = all_groups(attributes)
        self.generator = SGGANGenerator(attributes, settings.base_width, settings.residual, settings.heads)
        self.discriminator = SGGANDiscriminator(
            attributes, image_size, settings.discriminator_width or settings.base_width
        )
        initialise(self.generator, WEIGHT_INITS[settings.weight_init], norm_std=0.02)
        self.generator.branches.initialise(WEIGHT_INITS[settings.weight_init])
        initialise(self.discriminator, WEIGHT_INITS[settings.weight_init])
        if settings.pass_through:
            if settings.residual != "refined":
                raise ValueError("pass_through needs residual: refined")
            self.generator.branches.pass_through(settings.pass_through)
        self.optimizers = adams(self.generator, self.discriminator, settings)

    @property
    def batches_per_iteration(self) -> int:
        """One fresh batch for each critic update; the generator uses the last of them."""
        return self.settings.n_critic

    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """``n_critic`` updates of the discriminator, then one of the generator.

        The generator does not change before its own update, so the last batch's results serve both networks.
        """
        losses: dict[str, Tensor] = {}
        for batch in batches[:-1]:
            with torch.no_grad():
                fakes = self.generator(batch.images)
            update(self.optimizers["discriminator"], self.discriminator_losses(batch, fakes))
        last = batches[-1]
        fakes = self.generator(last.images)
        losses |= update(self.optimizers["discriminator"], self.discriminator_losses(last, fakes.detach()))
        with frozen(self.discriminator):
            losses |= update(self.optimizers["generator"], self.generator_losses(fakes))
        return losses

    def discriminator_losses(self, batch: Batch, fakes: Tensor) -> dict[str, Tensor]:
        """Weighted terms, sums over groups: ``d_adv``, ``d_gp``, ``d_cls``.

        Args:
            fakes: [groups, B, 3, S, S], what the generator makes of the batch, without a graph.
        """
        settings, x, count = self.settings, batch.images, len(self.groups)
        fakes = fakes.to(x.dtype)
        features = self.discriminator.features(torch.cat([x, fakes.flatten(0, 1)]))
        scores = widened(self.discriminator.adversarial(features))
        logits = self.discriminator.classify(features[: len(x)])
        mix = torch.rand(count, len(x), 1, 1, 1, device=x.device)
        penalty = self.discriminator.gradient_penalty(torch.lerp(fakes, x, mix.to(x.dtype)).flatten(0, 1))
        return {
            "d_adv": count * (scores[len(x) :].mean() - scores[: len(x)].mean()),
            "d_gp": settings.lambda_gp * count * penalty.mean(),
            "d_cls": settings.lambda_cls
            * sum(masked_cross_entropy(logit, batch.labels[:, j]) for j, logit in enumerate(logits)),
        }

    def generator_losses(self, fakes: Tensor) -> dict[str, Tensor]:
        """Weighted terms, sums over groups: ``g_adv``, ``g_cls``, ``g_rec``.

        Args:
            fakes: [groups, B, 3, S, S], what the generator makes of a batch.
        """
        settings, count = self.settings, len(self.groups)
        features = self.discriminator.features(fakes.flatten(0, 1))
        g_cls = sum(
            self._classification(logit.unflatten(0, fakes.shape[:2]), attribute)
            for attribute, logit in enumerate(self.discriminator.classify(features))
        )
        pairs = self.reconstruction_errors(fakes)
        g_rec = pairs.mean() if settings.rec_reduction == "mean" else pairs.sum()
        return {
            "g_adv": -settings.lambda_adv * count * widened(self.discriminator.adversarial(features)).mean(),
            "g_cls": settings.lambda_cls * g_cls,
            "g_rec": settings.lambda_rec * g_rec,
        }

    def _classification(self, logits: Tensor, attribute: int) -> Tensor:
        """Cross-entropy of an attribute's results [groups, N, m] to their groups' values, summed over its groups."""
        own = [k for k, group in enumerate(self.groups) if group.attribute == attribute]
        asked = torch.arange(len(own), device=logits.device).repeat_interleave(logits.shape[1])
        return len(own) * F.cross_entropy(logits[own[0] : own[-1] + 1].flatten(0, 1), asked)

    def reconstruction_errors(self, fakes: Tensor) -> Tensor:
        """Equation 5: mean |G(x_j^i)_j^i' - x_j^i'| for each attribute's ordered pairs of values (i, i'), [pairs].

        In each round every target's branch takes the result of another value of its attribute.

        Args:
            fakes: [groups, N, 3, S, S].
        """
        features = self.generator.trunk(fakes.flatten(0, 1))
        errors = []
        for ahead in range(1, max(len(a.values) for a in self.attributes)):
            targets = [k for k, g in enumerate(self.groups) if ahead < len(self.attributes[g.attribute].values)]
            sources = [self._source_of(self.groups[k], ahead) for k in targets]
            given = ([maps[k] for k in sources] for maps in (features.chunk(len(fakes)), fakes.unbind()))
            again = self.generator.branches.paired(targets, *given)
            errors.append(widened(again - picked(fakes, targets)).abs().mean((1, 2, 3, 4)))
        return torch.cat(errors)

    def _source_of(self, target: Group, ahead: int) -> int:
        """Position of the group whose value comes ``ahead`` places before the target's, going round."""
        num_values = len(self.attributes[target.attribute].values)
        return self.groups.index(target._replace(value=(target.value - ahead) % num_values))

    @torch.no_grad()
    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Results of the group's branch, clamped to [-1, 1]; the labels are not read."""
        return self.generator.edit(images, group).clamp(-1, 1)

    @torch.no_grad()
    def every_edit(self, images: Tensor) -> Tensor:
        """Results of all branches, whose trunk is computed once."""
        return self.generator(images).transpose(0, 1).clamp(-1, 1)
