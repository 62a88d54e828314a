"""Train a judge from random weights on true labels. It never sees a test image.

Its balanced accuracy on the test images says whether its verdicts count.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sgbench.data.labels import Attribute
from sgbench.data.pixels import to_floats
from sgbench.data.store.packed import PackedImages
from sgbench.judges.architectures import Architecture
from sgbench.judges.augmentation import Mix, draw_mix, jittered
from sgbench.judges.distortion import distort
from sgbench.judges.judge import Judge, balanced
from sgbench.methods.losses import masked_cross_entropy, widened
from sgbench.support.errors import UserError
from sgbench.support.settings_model import SettingsModel
from sgbench.training.precision import WantedPrecision
from sgbench.training.soundness import fault

_HELD_AT_ONCE = 1000
_SHORTEST_CYCLE = 8
"""Batches that a schedule with a warm-up is made for at least, since fewer have no room for both parts."""
_DECAY = 0.98
"""Of the moving average of weights, for each batch."""
_DRAWN, _PHOTOGRAPHS = 0.98, 0.85
"""Floors; docs/jury.md says how they were chosen."""
JUDGE_VERSION = 1
"""Part of a judge's hash: raised when the same settings and images would give another judge."""


class JudgeSettings(SettingsModel):
    """How a judge is trained, and when it is believed."""

    epochs: PositiveInt = 10
    """Passes over the training images."""
    batch_size: int = Field(128, ge=2)
    """Images of an update."""
    learning_rate: PositiveFloat = 1e-3
    """AdamW's rate, which falls by a cosine."""
    held_out: float = Field(0.1, gt=0, lt=1)
    """Share of the training images that show which epoch is best; averaged judges leave them out too."""
    max_repeats: float = Field(100.0, ge=1)
    """How much more often than one of the median combination of labels an image of a rare one may be drawn."""
    colour_jitter: float = Field(0.1, ge=0, lt=1)
    """Strength of small changes of colour, where distortion is 0."""
    weight_decay: NonNegativeFloat = 0.0
    """AdamW's; without it AdamW is Adam."""
    warm_up: float = Field(0.0, ge=0, lt=1)
    """Share of the schedule in which the rate rises before it falls."""
    distortion: NonNegativeFloat = 0.0
    """Strength of what is done to training images: shifts, blur, compression, noise; with 0 they are only flipped."""
    mixed: float = Field(0.0, ge=0, le=1)
    """Share of the training images that are mixed with another one, and their labels likewise."""
    averaged: bool = False
    """Whether the weights are a moving average over the second half of the schedule, instead of those of the best
    epoch."""
    floor: float | None = Field(None, ge=0, le=1)
    """Balanced accuracy on real test images below which verdicts on an attribute do not count; null for that of the
    data: 0.98 where images are drawn, 0.85 for photographs."""
    precision: WantedPrecision = "float32"
    """What the network computes in: float32, bfloat16, or auto: bfloat16 where the device has it in hardware."""
    seed: int = 0
    """Seed of the first weights and of the order of images."""


def floor_of(drawn: bool) -> float:
    """The floor of a judge of drawn images or of photographs, where the settings give none."""
    return _DRAWN if drawn else _PHOTOGRAPHS


@dataclass(frozen=True)
class Epoch:
    """Progress: epochs done, epochs in all, share of this epoch done, best held-out balanced accuracy so far, loss."""

    done: int
    total: int
    share: float
    score: float
    loss: Tensor


def train_judge(
    images: PackedImages | Tensor,
    positions: Tensor,
    labels: Tensor,
    attributes: Sequence[Attribute],
    settings: JudgeSettings,
    device: torch.device,
    advance: Callable[[Epoch], None] | None = None,
    architecture: Architecture = "resnet18",
) -> Judge:
    """Train on true labels for the whole schedule; keep the epoch that was best on the held-out tenth, or an average.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        positions: int64 [N], the training images among them.
        labels: int8 [N, J], their true labels; < 0 is masked.
        advance: called after each batch.

    Raises:
        UserError: fewer than two images are left to train on, or the judge diverged.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng([settings.seed, 0x70D6E])
    order = torch.from_numpy(rng.permutation(len(positions)))
    num_held = max(1, round(settings.held_out * len(positions)))
    held, rest = order[:num_held], order[num_held:]
    if len(rest) < 2:
        raise UserError(
            f"a judge needs at least 2 images to train on, but has {len(rest)}: of {len(positions)} training images "
            f"{num_held} show which epoch is best; give more images, or lower data.num_test"
        )
    shares = balanced_shares(labels[rest], settings.max_repeats)
    judge = Judge(attributes, architecture, images.shape[-1]).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    sizes = batch_sizes(len(rest), settings.batch_size)
    steps = len(sizes)
    schedule = _schedule(optimizer, settings, settings.epochs * steps)
    average = AveragedModel(judge, multi_avg_fn=get_ema_multi_avg_fn(_DECAY), use_buffers=True)
    averaged_from = settings.epochs * steps // 2
    best, best_state = -1.0, judge.state_dict()
    for epoch in range(settings.epochs):
        judge.train()
        drawn = rest[torch.from_numpy(rng.choice(len(rest), size=len(rest), p=shares))]
        for step, rows in enumerate(drawn.split(sizes)):
            x, known = to_floats(images[positions[rows]].to(device), torch.get_default_dtype()), labels[rows].to(device)
            mix = draw_mix(len(rows), settings.mixed, device)
            x = _augment(x if mix is None else mix.of_images(x), settings)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                logits = judge.logits(x)
            loss = sum(_loss(widened(logit), known[:, j], mix) for j, logit in enumerate(logits))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if settings.averaged and epoch * steps + step >= averaged_from:
                average.update_parameters(judge)
            if advance:
                advance(Epoch(epoch, settings.epochs, (step + 1) / steps, best, loss.detach()))
        if wrong := fault(judge.state_dict(), {}):  # a loss that is not finite leaves such weights
            raise UserError(
                f"judge {architecture} {settings.seed}: epoch {epoch + 1}: {wrong}; lower its learning_rate, which is "
                f"{settings.learning_rate:g}"
            )
        if settings.averaged:
            continue
        judge.eval()
        scores = balanced(_held_out(judge, images, positions[held]), labels[held])
        score = min((s for s in scores if not math.isnan(s)), default=0.0)
        if score > best:
            best = score
            best_state = {name: value.clone() for name, value in judge.state_dict().items()}
    judge.load_state_dict(average.module.state_dict() if settings.averaged else best_state)
    return judge.eval()


def batch_sizes(number: int, batch_size: int) -> list[int]:
    """Images of each batch of an epoch; the last may have fewer.

    One image that would be left joins the batch before: in training, batch norm needs more than one value, and at 32
    pixels a ResNet-18 ends in maps of one place.
    """
    sizes = [batch_size] * (number // batch_size)
    left = number % batch_size
    if left == 1 and sizes:
        sizes[-1] += 1
    elif left:
        sizes.append(left)
    return sizes


def _schedule(optimizer: torch.optim.Optimizer, settings: JudgeSettings, steps: int) -> LRScheduler:
    """The rate falls by a cosine; with a warm-up it rises by one first, and momentum falls and rises against it."""
    if not settings.warm_up:
        return CosineAnnealingLR(optimizer, steps)
    total = max(steps, _SHORTEST_CYCLE) + 1
    rising = max(settings.warm_up, 2 / total)
    return OneCycleLR(optimizer, settings.learning_rate, total_steps=total, pct_start=rising)


def balanced_shares(labels: Tensor, max_repeats: float) -> np.ndarray:
    """How likely each image is drawn, [N]. All label combinations are equally likely, as far as ``max_repeats`` allows.

    If all images were equally likely, a judge would learn correlated attributes as one. On the embedded faces it then
    calls a woman with painted lips a woman whatever else is changed, and the exact counterfactual scores below a half.

    Args:
        labels: int8 [N, J].
        max_repeats: limit on how much more often an image is drawn than an image of the median combination.
    """
    _, which, counts = np.unique(labels.numpy(), axis=0, return_inverse=True, return_counts=True)
    weights = 1 / counts[which.ravel()]
    weights = np.minimum(weights, max_repeats * np.median(weights))
    return weights / weights.sum()


def _held_out(judge: Judge, images: PackedImages | Tensor, positions: Tensor) -> list[Tensor]:
    """Posteriors of some images, with only a part of the images in memory at once."""
    parts = [judge.posteriors(images[part]) for part in positions.split(_HELD_AT_ONCE)]
    return [torch.cat(head) for head in zip(*parts, strict=True)]


def _loss(logits: Tensor, labels: Tensor, mix: Mix | None) -> Tensor:
    """Cross-entropy of one attribute over the images whose label is known, by the shares of both labels if mixed."""
    if mix is None:
        return masked_cross_entropy(logits, labels)
    return masked_cross_entropy(logits, labels, mix.share) + masked_cross_entropy(
        logits, labels[mix.partner], 1 - mix.share
    )


def _augment(x: Tensor, settings: JudgeSettings) -> Tensor:
    """Training images [N, 3, S, S] in [-1, 1], distorted, or only flipped with slightly changed colours."""
    x = distort(x, settings.distortion) if settings.distortion else jittered(x, settings.colour_jitter)
    return x.contiguous(memory_format=torch.channels_last)
