"""A system's results of a few test images, those of every request: kept so that a page can show what was scored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgbench.support.archives import Arrays
from sgbench.support.kept_arrays import read_arrays_as, write_arrays
from sgbench.support.reading import NotRead

MOST_PEOPLE = 200
"""Test images that a gallery can show."""
_MOST_TARGETS, _MOST_RESULTS, _MOST_SIDE = 64, 2**14, 1024
_MOST_BYTES = 2**30
"""Of the results of a target."""


@dataclass(frozen=True)
class Pictures:
    """Results of one target.

    Attributes:
        target: position of the target attribute.
        positions: int64 [M], positions of the source images in the test set.
        values: int8 [M], the values asked for.
        images: uint8 [M, S, S, 3].
    """

    target: int
    positions: np.ndarray
    values: np.ndarray
    images: np.ndarray


Gallery = tuple[Pictures, ...]
"""Results by target."""


def write_gallery(path: Path, gallery: Gallery) -> None:
    """Keep a gallery as compressed arrays: ``targets``; of each ``<target>/positions``, ``/values`` and ``/images``."""
    arrays = {"targets": np.array([own.target for own in gallery], np.int64)}
    for own in gallery:
        arrays |= {f"{own.target}/{name}": getattr(own, name) for name in _PARTS}
    write_arrays(path, arrays)


def read_gallery(path: Path) -> Gallery:
    """A gallery as ``write_gallery`` kept it.

    Raises:
        BrokenFile: not such a file.
    """
    return read_arrays_as(path, "a gallery", _gallery)


_PARTS = {"positions": np.dtype(np.int64), "values": np.dtype(np.int8), "images": np.dtype(np.uint8)}


def _gallery(arrays: Arrays) -> Gallery:
    targets = arrays.read("targets", 8 * _MOST_TARGETS)
    if targets.dtype != np.int64 or targets.ndim != 1 or (targets < 0).any():
        raise NotRead(f"targets is {targets.dtype} {list(targets.shape)}, not a row of positions")
    wanted = ["targets", *(f"{target}/{name}" for target in targets.tolist() for name in _PARTS)]
    if sorted(wanted) != sorted(arrays.names):
        odd = min(set(wanted) ^ set(arrays.names), default="targets")
        raise NotRead(f"{odd!r} is missing, is there twice, or is no part of a gallery of targets {targets.tolist()}")
    return tuple(_pictures(arrays, target) for target in targets.tolist())


def _pictures(arrays: Arrays, target: int) -> Pictures:
    """The results of a target; each array is held against what it must be before it is read."""
    headers = {name: arrays.header(f"{target}/{name}") for name in _PARTS}
    number, side = headers["images"].shape[:1], headers["images"].shape[1:2]
    shapes = {"positions": number, "values": number, "images": (*number, *side, *side, 3)}
    for name, header in headers.items():
        if header.dtype != _PARTS[name] or header.shape != shapes[name]:
            raise NotRead(
                f"{target}/{name} is {header.dtype} {list(header.shape)}, not {_PARTS[name]} {[*shapes[name]]}"
            )
    if number[0] > _MOST_RESULTS or side[0] > _MOST_SIDE:
        raise NotRead(f"{target}/images has {number[0]:,} results of {side[0]} pixels; more than a gallery can have")
    return Pictures(target, **{name: arrays.read(f"{target}/{name}", _MOST_BYTES) for name in _PARTS})
