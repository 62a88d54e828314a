"""Translations of a few test faces, as they are kept for figures."""

from pathlib import Path

import numpy as np

from sgbench.support.atomic import replacing, write_buffered
from sgbench.support.errors import BrokenFile

Samples = list[list[np.ndarray | None]]
"""For each person, a result uint8 [S, S, 3] for each edit; None where a translation is missing."""


def write_samples(path: Path, samples: Samples) -> None:
    """Keep samples as compressed arrays named ``<person>/<edit>``."""
    arrays = {f"{p}/{e}": image for p, row in enumerate(samples) for e, image in enumerate(row) if image is not None}
    shape = np.array([len(samples), max(map(len, samples), default=0)])
    with replacing(path) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, shape=shape, **arrays))


def read_samples(path: Path) -> Samples:
    """Samples as ``write_samples`` kept them.

    Raises:
        BrokenFile: not such a file.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            people, edits = arrays["shape"]
            return [[arrays.get(f"{p}/{e}") for e in range(edits)] for p in range(people)]
    except Exception as error:  # a broken file may raise any error
        raise BrokenFile(f"{path}: not a file of samples: {error}") from error
