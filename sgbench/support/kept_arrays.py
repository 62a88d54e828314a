"""Arrays of the suite's own kept as one compressed .npz, whole or not at all, and read again within limits."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from sgbench.support.archives import Arrays
from sgbench.support.atomic import replacing, write_buffered
from sgbench.support.errors import BrokenFile

T = TypeVar("T")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep arrays under their names."""
    with replacing(path) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, **arrays))


def read_arrays_as(path: Path, what: str, made_of: Callable[[Arrays], T]) -> T:
    """What ``made_of`` makes of the arrays of a file.

    Args:
        what: the file is of, in the message.

    Raises:
        BrokenFile: not such a file; names it.
    """
    try:
        with Arrays(path) as arrays:
            return made_of(arrays)
    except Exception as error:  # a broken file may raise any error
        raise BrokenFile(f"{path}: not a file of {what}: {error}") from error
