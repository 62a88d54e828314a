"""Known answers for a test set: counterfactuals and background, made on first use and kept in memory-mapped files."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.outside import OutsideSource
from sgbench.data.requests import Requests
from sgbench.data.source import Source
from sgbench.support.cores import torch_threads
from sgbench.support.names import shortened, tag
from sgbench.support.sealed import made_once

_CHUNK = 64
_BACKGROUND = "background"
_MOST_BYTES = 100
"""Of an attribute's name in the name of a file."""
Make = Callable[[Tensor], Tensor]
"""Makes pixels for positions, int64 [n]."""


@dataclass(frozen=True)
class References:
    """Known answers for a test set.

    Attributes:
        counterfactuals: for each target, uint8 [M, 3, S, S] in the order of its requests, memory-mapped; None if they
            are unknown.
        background: bool [N, S, S]; None if it is unknown.
    """

    counterfactuals: list[Tensor] | None
    background: Tensor | None


def open_references(
    source: Source,
    test: Tensor,
    requests: Sequence[Requests],
    cache: Path,
    advance: Callable[[int, int], None] | None = None,
) -> References:
    """Counterfactuals and background of a data set that knows them, made on first use and kept in ``cache``.

    Only the suite's own data sets are asked in several threads: code from elsewhere may draw from a generator that all
    threads share.
    """
    knows_counterfactuals = source.counterfactual(test[:1], ()) is not None
    knows_background = source.background(test[:1]) is not None
    key = hashlib.sha256(f"{source.fingerprint}{[a.name for a in source.attributes]}".encode())
    key.update(test.numpy().tobytes())
    folder = cache / f"{source.name}-{source.settings.image_size}-references-{key.hexdigest()[:16]}"
    total = len(test) + sum(len(r.positions) for r in requests)
    done = 0

    def counted(number: int) -> None:
        nonlocal done
        done += number
        if advance:
            advance(done, total)

    def opened(name: str, jobs: list[tuple[Tensor, Make]]) -> Tensor:
        write = partial(_write, jobs, counted, not isinstance(source, OutsideSource))
        array = made_once(folder / f"{name}.npy", write, partial(np.load, mmap_mode="c"))
        return torch.from_numpy(array)

    background = opened(_BACKGROUND, [(test, source.background)]) if knows_background else None
    if not knows_counterfactuals:
        return References(None, background)
    counterfactuals = []
    for request in requests:
        jobs = [
            (test[request.positions[rows]], partial(source.counterfactual, groups=[group]))
            for group, rows in request.by_value()
        ]
        counterfactuals.append(opened(_file_name(source.attributes[request.target].name), jobs))
    return References(counterfactuals, background)


def _file_name(attribute: str) -> str:
    """Of an attribute's counterfactuals, also where file systems take large letters for small ones."""
    name = shortened(attribute, _MOST_BYTES)
    return f"{name}-{tag(name)}" if name.casefold() == _BACKGROUND else name


def _write(jobs: Sequence[tuple[Tensor, Make]], counted: Callable[[int], None], in_threads: bool, path: Path) -> None:
    """Write the output of each job, one job after another, with only a few chunks in memory at a time."""
    total = sum(len(index) for index, _ in jobs)
    make = jobs[0][1]
    sample = make(jobs[0][0][:1]).numpy()
    with path.open("wb") as file, _threads() if in_threads else nullcontext(map) as each:
        header = {"descr": sample.dtype.str, "fortran_order": False, "shape": (total, *sample.shape[1:])}
        np.lib.format.write_array_header_1_0(file, header)
        for index, make in jobs:
            for part in each(make, index.split(_CHUNK)):
                file.write(np.ascontiguousarray(part.numpy()).data)
                counted(len(part))


@contextmanager
def _threads() -> Iterator[Callable[..., Iterator[Tensor]]]:
    """A ``map`` with as many threads as torch has; each computes alone: with more they would wait for each other."""
    workers = torch.get_num_threads()
    alone = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    with torch_threads(workers), alone as pool:  # what threads set, others can come to see
        yield pool.map
