"""The arrays of a file of scores: each is compared with what it must be before it is read, and there are no others."""

from typing import get_args

import numpy as np

from sgbench.results.chains import Kind, prefix_of
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
_Shaped = tuple[str, tuple[int, ...]]
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
    wanted: dict[str, _Shaped] = {}
    most, num_judges = len(found["ids"]) * max(sizes), len(about["judges"])
    for target in about["targets"]:
        wanted |= _of_target(arrays, f"{target}/", most, sizes, num_judges)
    for kind, target in about.get("chains", []):
        if kind not in get_args(Kind) or target not in about["targets"]:
            raise NotRead(f"it has a chain of the kind {kind!r} and the target {target!r}")
        wanted |= _of_chain(arrays, prefix_of(kind, target), most, sizes[target], num_judges)
    for name in (name for name in arrays.names if name not in found):
        if name not in wanted:
            raise NotRead(f"it has an array {name!r}, which is none of a file of scores")
        header = arrays.header(name)
        if (str(header.dtype), header.shape) != wanted[name]:
            raise NotRead(f"{name} is {header.dtype} {list(header.shape)}, not {wanted[name][0]} {[*wanted[name][1]]}")
        found[name] = arrays.read(name, header.num_bytes)
    return found


def _of_target(arrays: Arrays, target: str, most: int, sizes: list[int], num_judges: int) -> dict[str, _Shaped]:
    """What the arrays of a target must be; it may lack logits.

    Args:
        target: how their names begin.
        most: results that there can be.
        sizes: values of each attribute.
    """
    rows, kinds = _of_rows(arrays, target, most)
    kinds[f"{target}logits"] = ("float32", (rows, NUM_LOGITS))
    for k in range(num_judges):
        kinds |= {f"{target}posterior/{k}/{j}": ("float64", (rows, size)) for j, size in enumerate(sizes)}
    return kinds


def _of_chain(arrays: Arrays, chain: str, most: int, size: int, num_judges: int) -> dict[str, _Shaped]:
    """What the arrays of a chain must be; it may lack posteriors.

    Args:
        chain: how their names begin.
        size: values of its target.
    """
    rows, kinds = _of_rows(arrays, chain, most)
    return kinds | {f"{chain}posterior/{k}": ("float64", (rows, size)) for k in range(num_judges)}


def _of_rows(arrays: Arrays, start: str, most: int) -> tuple[int, dict[str, _Shaped]]:
    """How many results there are, and what the arrays must be that say which they are, and those of terms."""
    (rows,) = arrays.header(f"{start}positions").shape
    if rows > most:
        raise NotRead(f"{start}positions has {rows:,} entries; of these images there are at most {most:,}")
    kinds: dict[str, _Shaped] = {f"{start}positions": ("int64", (rows,)), f"{start}values": ("int8", (rows,))}
    for name in (name for name in arrays.names if name.startswith(f"{start}terms/")):
        kinds[name] = ("float64", (rows, min(_MOST_TERMS, arrays.header(name).shape[-1])))
    return rows, kinds
