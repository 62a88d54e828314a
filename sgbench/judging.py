"""The judges of a study, trained once and kept under a hash of all that made them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sgbench.atomic import make_once, write_buffered, write_text
from sgbench.data.source import Source
from sgbench.data.store import PackedImages
from sgbench.environment import read_origin, write_origin
from sgbench.features.judge import JUDGE_VERSION, Architecture, Epoch, Judge, JudgeSettings, train_judge
from sgbench.plan import digest

_BLOCK = 1024


def judge_hash(source: Source, train: Tensor, settings: JudgeSettings, architecture: Architecture) -> str:
    """Of settings, architecture, data, attributes and training images."""
    identity = {
        "settings": settings.model_dump(mode="json", exclude={"floor"}),
        "version": JUDGE_VERSION,
        "architecture": architecture,
        "source": source.fingerprint,
        "attributes": [[a.name, list(a.values), a.exhaustive] for a in source.attributes],
        "train": hashlib.sha256(train.numpy().tobytes()).hexdigest(),
    }
    return digest(identity)


def open_judge(
    source: Source,
    images: PackedImages | Tensor,
    train: Tensor,
    settings: JudgeSettings,
    architecture: Architecture,
    cache: Path,
    device: torch.device,
    advance: Callable[[Epoch], None] | None = None,
) -> Judge:
    """The cached judge, or a new one trained on the training images' true labels.

    A training image whose pixels are those of a test image is left out: ``judge_facts`` tells how many there were.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        train: int64 [N], positions of the training images; all others are test images.
    """
    path = _path(cache, judge_hash(source, train, settings, architecture))

    def make(partial: Path) -> None:
        own = without_twins(images, train)
        judge = train_judge(images, own, source.labels[own], source.attributes, settings, device, advance, architecture)
        facts = {"architecture": architecture, "training images": len(own), "left out": len(train) - len(own)}
        write_text(path.with_suffix(".json"), json.dumps(facts, indent=1) + "\n")
        write_origin(path.with_suffix(".origin.json"), device)
        write_buffered(partial, lambda file: torch.save(judge.state_dict(), file))

    make_once(path, make)
    judge = Judge(source.attributes, architecture)
    judge.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return judge.to(device, memory_format=torch.channels_last).eval()


def judge_facts(cache: Path, own_hash: str) -> dict[str, Any]:
    """Architecture, training images used and left out as twins of test images, SHA-256 of the weights, origin."""
    path = _path(cache, own_hash)
    if not path.exists():
        return {}
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    weights = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return facts | weights | {"origin": read_origin(path.with_suffix(".origin.json"))}


def without_twins(images: PackedImages | Tensor, train: Tensor) -> Tensor:
    """The training images whose pixels no test image has, int64 [n <= N], in their order."""
    is_test = torch.ones(len(images), dtype=torch.bool)
    is_test[train] = False
    tested = {key for _, key in _hashes(images, is_test.nonzero().flatten())}
    return torch.tensor([i for i, key in _hashes(images, train) if key not in tested], dtype=torch.int64)


def _hashes(images: PackedImages | Tensor, positions: Tensor):
    """(position, hash of its pixels) of each image."""
    for part in positions.split(_BLOCK):
        for i, pixels in zip(part.tolist(), images[part].numpy(), strict=True):
            yield i, hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()


def _path(cache: Path, own_hash: str) -> Path:
    return cache / f"{own_hash[:16]}.pt"
