"""Train a judge from random weights on true labels. It never sees a test image.

Its balanced accuracy on the test images says whether its verdicts count.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.data.pixels import to_floats
from sgbench.data.store.packed import PackedImages
from sgbench.judges.judge import Architecture, Judge, balanced
from sgbench.methods.losses import masked_cross_entropy
from sgbench.training.precision import Precision

_HELD_AT_ONCE = 1000
JUDGE_VERSION = 1
"""Part of a judge's hash: raised when the same settings and images would give another judge."""


class JudgeSettings(BaseModel):
    """How the judge is trained; if its balanced accuracy is below ``floor``, its verdicts do not count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    held_out: float = Field(0.1, gt=0, lt=1)
    max_repeats: float = Field(100.0, ge=1)
    colour_jitter: float = Field(0.1, ge=0, lt=1)
    floor: float = Field(0.9, ge=0.5, le=1)
    precision: Precision = "float32"
    seed: int = 0


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
    """Train on true labels for the whole schedule and keep the epoch that was best on the held-out tenth.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        positions: int64 [N], the training images among them.
        labels: int8 [N, J], their true labels; < 0 is masked.
        advance: called after each batch.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng([settings.seed, 0x70D6E])
    order = torch.from_numpy(rng.permutation(len(positions)))
    num_held = max(1, round(settings.held_out * len(positions)))
    held, rest = order[:num_held], order[num_held:]
    shares = balanced_shares(labels[rest], settings.max_repeats)
    judge = Judge(attributes, architecture).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(judge.parameters(), settings.learning_rate)
    steps = -(-len(rest) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * steps)
    best, best_state = -1.0, judge.state_dict()
    for epoch in range(settings.epochs):
        judge.train()
        drawn = rest[torch.from_numpy(rng.choice(len(rest), size=len(rest), p=shares))]
        for step, rows in enumerate(drawn.split(settings.batch_size)):
            x = _augment(images[positions[rows]].to(device), settings.colour_jitter)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                logits = judge.logits(x)
            known = labels[rows].to(device)
            loss = sum(masked_cross_entropy(logit.float(), known[:, j]) for j, logit in enumerate(logits))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if advance:
                advance(Epoch(epoch, settings.epochs, (step + 1) / steps, best, loss.detach()))
        judge.eval()
        scores = balanced(_held_out(judge, images, positions[held]), labels[held])
        score = min((s for s in scores if not math.isnan(s)), default=0.0)
        if score > best:
            best = score
            best_state = {name: value.clone() for name, value in judge.state_dict().items()}
    judge.load_state_dict(best_state)
    return judge.eval()


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


def _augment(images: Tensor, jitter: float) -> Tensor:
    """Float images in [-1, 1], flipped with probability 1/2, brightness and each channel's gain slightly changed."""
    n = len(images)
    x = to_floats(images)
    flip = torch.rand(n, device=x.device) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(-1), x)
    gain = 1 + jitter * (2 * torch.rand(n, 3, 1, 1, device=x.device) - 1)
    shift = jitter * (2 * torch.rand(n, 1, 1, 1, device=x.device) - 1)
    return (x * gain + shift).clamp(-1, 1).contiguous(memory_format=torch.channels_last)
