"""Functions of torch and numpy that code from elsewhere replaced are put back, so that others find the real ones.

What is compared is which object a name stands for, in the places that code usually patches: two tenths of a millisecond
for each call. Names that come new, as where a part of torch is imported late, are of no account.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional

_PLACES: dict[str, Any] = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.nn": torch.nn,
    "torch.nn.Module": torch.nn.Module,
    "torch.nn.functional": functional,
    "torch.linalg": torch.linalg,
    "torch.fft": torch.fft,
    "numpy": np,
    "numpy.linalg": np.linalg,
    "numpy.random": np.random,
}
_FOLLOWS = "Storage"
"""Of torch: follows the default type of numbers, which is put back elsewhere."""
_FOLDER = os.path.dirname(torch.__file__) + os.sep


@contextmanager
def functions_put_back(replaced: list[str]) -> Iterator[None]:
    """Context after which public functions and classes of torch and numpy are as they were.

    Args:
        replaced: gets the name of each that was put back.
    """
    before = {name: dict(vars(place)) for name, place in _PLACES.items()}
    try:
        yield
    finally:
        for name, place in _PLACES.items():
            replaced += [f"{name}.{key}" for key in _put_back(place, before[name])]


def _put_back(place: Any, before: Mapping[str, Any]) -> Iterator[str]:
    now = dict(vars(place))
    for key, value in before.items():
        new = now.get(key)
        if new is not value and callable(value) and key[0] != "_" and key != _FOLLOWS and not _wraps(new, value):
            setattr(place, key, value)
            yield key
    for key in now.keys() - before.keys() if isinstance(place, type) else ():
        if any(key in vars(base) for base in place.__mro__[1:]):  # it hides what the class has inherited
            delattr(place, key)
            yield key


def _wraps(new: Any, old: Any) -> bool:
    """Whether torch itself has put a shell around a function of its own, as where its compiler is imported."""
    code = getattr(new, "__code__", None)
    return code is not None and code.co_filename.startswith(_FOLDER) and getattr(new, "__wrapped__", None) is old
