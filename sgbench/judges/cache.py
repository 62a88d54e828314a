"""The judges of a study, trained once and kept under a hash of everything that determines them."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from sgbench.data.source import Source
from sgbench.data.store.packed import PackedImages
from sgbench.judges.architectures import Architecture
from sgbench.judges.judge import Judge
from sgbench.judges.training import JUDGE_VERSION, Epoch, JudgeSettings, train_judge
from sgbench.results.judge_files import JudgeFiles
from sgbench.support.atomic import write_buffered
from sgbench.support.environment import origin
from sgbench.support.global_state import own_state
from sgbench.support.hashing import hash_of_array, hash_of_value
from sgbench.support.sealed import made_once
from sgbench.support.tensors import load_tensors

_BLOCK = 1024


def judge_hash(source: Source, train: Tensor, settings: JudgeSettings, architecture: Architecture) -> str:
    """A judge's hash, computed from its settings, architecture, data set, attributes and training images."""
    identity = {
        "settings": settings.model_dump(mode="json", exclude={"floor"}),
        "version": JUDGE_VERSION,
        "architecture": architecture,
        "source": source.fingerprint,
        "attributes": [[a.name, list(a.values), a.exhaustive] for a in source.attributes],
        "train": hash_of_array(train.numpy()),
    }
    return hash_of_value(identity)


@own_state()
def open_judge(
    source: Source,
    images: PackedImages | Tensor,
    train: Tensor,
    settings: JudgeSettings,
    architecture: Architecture,
    files: JudgeFiles,
    device: torch.device,
    advance: Callable[[Epoch], None] | None = None,
) -> Judge:
    """The cached judge, or a new one trained on the training images' true labels.

    A training image with the same pixels as a test image is left out; the judge's facts say how many there were.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        train: int64 [N], positions of the training images; no other image is looked at but for twins.
        files: where the judge is kept, under its hash.
    """

    def make(partial: Path) -> None:
        kept = without_twins(images, train)
        labels = source.labels[kept]
        judge = train_judge(images, kept, labels, source.attributes, settings, device, advance, architecture)
        facts = {"architecture": architecture, "seed": settings.seed}
        facts |= {"training images": len(kept), "left out": len(train) - len(kept)}
        write_buffered(partial, lambda file: torch.save(judge.state_dict(), file))
        files.write_facts(facts, origin(device), partial)

    if problem := files.discard_broken():
        warnings.warn(problem, stacklevel=2)
    judge = Judge(source.attributes, architecture, source.settings.image_size)
    made_once(files.weights, make, lambda path: judge.load_state_dict(load_tensors(path)))
    return judge.to(device, memory_format=torch.channels_last).eval()


def without_twins(images: PackedImages | Tensor, train: Tensor) -> Tensor:
    """The training images whose pixels differ from every test image, int64 [n <= N], in the same order."""
    is_test = torch.ones(len(images), dtype=torch.bool)
    is_test[train] = False
    tested = {key for _, key in _hashes(images, is_test.nonzero().flatten())}
    return torch.tensor([i for i, key in _hashes(images, train) if key not in tested], dtype=torch.int64)


def _hashes(images: PackedImages | Tensor, positions: Tensor) -> Iterator[tuple[int, bytes]]:
    """(position, hash of its pixels) of each image."""
    for part in positions.split(_BLOCK):
        for i, pixels in zip(part.tolist(), images[part].numpy(), strict=True):
            yield i, hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
