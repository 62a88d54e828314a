"""The arrays of a file of scores: each is compared with what it must be before it is read, and there are no others."""

import numpy as np

from sgbench.support.archives import Arrays
from sgbench.support.reading import NotRead
from sgbench.support.strict import parse_json

NUM_LOGITS = 1008
"""Of Inception's network."""
_GENERAL = ("ids", "labels", "about")
_MOST_BYTES = 64 * 2**20
"""Of each of them; nothing else says how large they are."""
_MOST_TERMS = 1008
"""Terms of an image and a metric."""
_Kind = tuple[str, tuple[int, ...]]
"""An array's type and shape."""


def read_arrays(arrays: Arrays) -> dict[str, np.ndarray]:
    """All arrays, by their names.

    Raises:
        NotRead: one has another name, type or size than it should; names it.
        LookupError, TypeError, ValueError: the file says nothing that can be understood of what is in it.
    """
    found = {name: arrays.read(name, _MOST_BYTES) for name in _GENERAL}
    about = parse_json(str(found["about"]))
    sizes = [len(attribute["values"]) for attribute in about["attributes"]]
    wanted: dict[str, _Kind] = {}
    for target in about["targets"]:
        wanted |= _of_target(arrays, f"{target}/", len(found["ids"]) * max(sizes), sizes, len(about["judges"]))
    for name in (name for name in arrays.names if name not in found):
        if name not in wanted:
            raise NotRead(f"it has an array {name!r}, which is none of a file of scores")
        header = arrays.header(name)
        if (str(header.dtype), header.shape) != wanted[name]:
            raise NotRead(f"{name} is {header.dtype} {list(header.shape)}, not {wanted[name][0]} {[*wanted[name][1]]}")
        found[name] = arrays.read(name, header.num_bytes)
    return found


def _of_target(arrays: Arrays, target: str, most: int, sizes: list[int], num_judges: int) -> dict[str, _Kind]:
    """What the arrays of a target must be; it may lack logits.

    Args:
        target: how their names begin.
        most: results that there can be.
        sizes: values of each attribute.
    """
    (rows,) = arrays.header(f"{target}positions").shape
    if rows > most:
        raise NotRead(f"{target}positions has {rows:,} entries; of these images there are at most {most:,}")
    kinds: dict[str, _Kind] = {
        f"{target}positions": ("int64", (rows,)),
        f"{target}values": ("int8", (rows,)),
        f"{target}logits": ("float32", (rows, NUM_LOGITS)),
    }
    for name in (name for name in arrays.names if name.startswith(f"{target}terms/")):
        kinds[name] = ("float64", (rows, min(_MOST_TERMS, arrays.header(name).shape[-1])))
    for k in range(num_judges):
        kinds |= {f"{target}posterior/{k}/{j}": ("float64", (rows, size)) for j, size in enumerate(sizes)}
    return kinds
