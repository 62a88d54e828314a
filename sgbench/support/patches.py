"""Functions that code from elsewhere replaced, and hooks that it hung on all modules, are put back as they were.

What is compared is which object a name stands for, in the places that code usually patches: some tenths of a
millisecond for each call. Names that come new, as where a part of torch is imported late, are of no account.
"""

import builtins
import inspect
import math
import operator
import os
import random
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.nn.modules import module
from torch.optim import optimizer

_MODULES: dict[str, ModuleType] = {
    "torch": torch,
    "torch.autograd": torch.autograd,
    "torch.nn": torch.nn,
    "torch.nn.functional": functional,
    "torch.nn.init": torch.nn.init,
    "torch.optim": torch.optim,
    "torch.linalg": torch.linalg,
    "torch.fft": torch.fft,
    "numpy": np,
    "numpy.linalg": np.linalg,
    "numpy.random": np.random,
    "PIL.Image": Image,
    "builtins": builtins,
    "math": math,
    "os": os,
    "random": random,
    "time": time,
    "warnings": warnings,
}
_CLASSES: dict[str, type] = {"torch.Tensor": torch.Tensor, "PIL.Image.Image": Image.Image} | {
    f"{name}.{key}": value
    for name, base in (("torch.nn", torch.nn.Module), ("torch.optim", torch.optim.Optimizer))
    for key, value in vars(_MODULES[name]).items()
    if isinstance(value, type) and issubclass(value, base)
}
_PLACES: dict[str, Any] = _MODULES | _CLASSES
_HOOKED = {"torch.nn.Module": module, "torch.optim.Optimizer": optimizer}
"""Where torch keeps the hooks of everything of a kind."""
_HOOKS = "_global_"
_ELSEWHERE = ("Storage", "showwarning")
"""Torch's follows the default type of numbers; both are put back by ``global_state``."""
_FOLDER = os.path.dirname(torch.__file__) + os.sep


@contextmanager
def functions_put_back(replaced: list[str]) -> Iterator[None]:
    """Context after which functions, classes and their methods are as they were, and no module has new hooks.

    Args:
        replaced: gets the name of each that was put back.
    """
    before = {name: dict(vars(place)) for name, place in _PLACES.items()}
    hooks = {name: _hooks(place) for name, place in _HOOKED.items()}
    try:
        yield
    finally:
        for name, place in _PLACES.items():
            replaced += [f"{name}.{key}" for key in _put_back(place, before[name])]
        for name, place in _HOOKED.items():
            if _hooks(place) != hooks[name]:
                replaced.append(f"the hooks of every {name}")
                for key, own in hooks[name].items():
                    vars(place)[key].clear()
                    vars(place)[key].update(own)


def _hooks(place: ModuleType) -> dict[str, dict]:
    return {key: dict(own) for key, own in vars(place).items() if key.startswith(_HOOKS) and isinstance(own, dict)}


def _put_back(place: Any, before: Mapping[str, Any]) -> Iterator[str]:
    now, is_class = vars(place), isinstance(place, type)
    if len(now) == len(before) and all(map(operator.is_, now.values(), before.values())):  # nearly always, and faster
        return
    for key, value in before.items():
        new = now.get(key)
        if new is not value and _counts(key, value, is_class) and not _wraps(new, value):
            setattr(place, key, value)
            yield key
    for key in vars(place).keys() - before.keys() if is_class else ():
        inherited = [vars(base)[key] for base in place.__mro__[1:] if key in vars(base)]
        if inherited and not _wraps(vars(place)[key], inherited[0]):  # it hides what the class has inherited
            delattr(place, key)
            yield key


def _counts(key: str, value: Any, is_class: bool) -> bool:
    """Whether a name is one of a function, and may not be another: of a module only those that are public."""
    return callable(value) and (is_class or key[0] != "_") and key not in _ELSEWHERE


def _wraps(new: Any, old: Any) -> bool:
    """Whether torch itself has put a shell around a function of its own.

    It does so where its compiler is imported, and around the steps of a kind of optimisers where the first is made.
    """
    code = getattr(new, "__code__", None)
    own = code is not None and code.co_filename.startswith(_FOLDER)
    return own and new is not inspect.unwrap(new) is inspect.unwrap(old)
