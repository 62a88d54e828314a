"""The judge of a study, trained once and kept under a hash of all that made it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sgbench.atomic import make_once, write_buffered
from sgbench.data.source import Source
from sgbench.features.judge import Epoch, Judge, JudgeSettings, train_judge
from sgbench.plan import digest


def judge_hash(source: Source, train: Tensor, settings: JudgeSettings) -> str:
    """Of settings, data, attributes and training images."""
    identity = {
        "settings": settings.model_dump(mode="json", exclude={"floor"}),
        "source": source.fingerprint,
        "attributes": [a.name for a in source.attributes],
        "train": hashlib.sha256(train.numpy().tobytes()).hexdigest(),
    }
    return digest(identity)


def open_judge(
    source: Source,
    images: Tensor,
    train: Tensor,
    settings: JudgeSettings,
    cache: Path,
    device: torch.device,
    advance: Callable[[Epoch], None] | None = None,
) -> Judge:
    """The cached judge, or a new one trained on the training images' true labels.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        train: int64 [N], positions of the training images.
    """
    path = cache / f"{judge_hash(source, train, settings)[:16]}.pt"

    def make(partial: Path) -> None:
        judge = train_judge(images, train, source.labels[train], source.attributes, settings, device, advance)
        write_buffered(partial, lambda file: torch.save(judge.state_dict(), file))

    make_once(path, make)
    judge = Judge(source.attributes)
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge.to(device, memory_format=torch.channels_last).eval()
