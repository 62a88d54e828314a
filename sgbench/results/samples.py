"""Translations of a few test faces, as they are kept for figures."""

from itertools import chain
from pathlib import Path

import numpy as np

from sgbench.support.archives import Arrays
from sgbench.support.kept_arrays import read_arrays_as, write_arrays
from sgbench.support.reading import NotRead

Samples = list[list[np.ndarray | None]]
"""For each person, a result uint8 [S, S, 3] for each edit; None where a translation is missing."""
_MOST, _MOST_SHAPE, _MOST_PIXELS = 2**17, 16, 3 * 256**2
"""Samples of a file; bytes of their number and of each of them."""


def write_samples(path: Path, samples: Samples) -> None:
    """Keep samples as compressed arrays named ``<person>/<edit>``."""
    arrays = {f"{p}/{e}": image for p, row in enumerate(samples) for e, image in enumerate(row) if image is not None}
    shape = np.array([len(samples), max(map(len, samples), default=0)])
    write_arrays(path, {"shape": shape} | arrays)


def read_samples(path: Path) -> Samples:
    """Samples as ``write_samples`` kept them.

    Raises:
        BrokenFile: not such a file.
    """
    return read_arrays_as(path, "samples", _samples)


def _samples(arrays: Arrays) -> Samples:
    people, edits = arrays.read("shape", _MOST_SHAPE).tolist()
    if not 0 <= people * edits <= _MOST:
        raise NotRead(f"shape says {people} people and {edits} edits; at most {_MOST:,} samples are read")
    wanted = [[f"{p}/{e}" for e in range(edits)] for p in range(people)]
    if unknown := set(arrays.names) - {"shape", *chain(*wanted)}:
        raise NotRead(f"{min(unknown)!r} is no sample of {people} people and {edits} edits")
    there = set(arrays.names)
    return [[_image(arrays, name) if name in there else None for name in row] for row in wanted]


def _image(arrays: Arrays, name: str) -> np.ndarray:
    shape, dtype, *_ = arrays.header(name)
    if dtype != np.uint8 or len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3:
        raise NotRead(f"{name} is {dtype} {list(shape)}, a sample uint8 [S, S, 3]")
    return arrays.read(name, _MOST_PIXELS)
