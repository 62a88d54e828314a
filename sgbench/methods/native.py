"""The C extension for CPUs, if it was built: addresses of tensors' memory go in, nothing comes out.

While torch writes down a program (``torch.export``) tensors have no memory, and the program must run anywhere; while
operations are counted, torch must see them. Then neither the extension nor ``kernels`` are used, and what decides
between ways takes torch's plain operators.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_INTERFACE = 4
"""Of the extension: one that was built from earlier code takes other arguments."""
try:
    from sgbench.methods import _native as extension
except ImportError:  # built without a C compiler
    extension = None
else:
    if getattr(extension, "INTERFACE", 1) != _INTERFACE:
        warnings.warn(f"{extension.__file__} is of an earlier version and left alone; install again", stacklevel=2)
        extension = None


_seen = False


@contextmanager
def seen_by_torch() -> Iterator[None]:
    """Context in which every product is one of torch's operators, so that torch can count them."""
    global _seen
    before, _seen = _seen, True
    try:
        yield
    finally:
        _seen = before


def only_plain() -> bool:
    """Whether nothing but torch's plain operators may be used. No other place decides it."""
    return _seen or torch.compiler.is_exporting()


def usable(x: Tensor) -> bool:
    """Whether the extension is to be used for x."""
    return extension is not None and x.device.type == "cpu" and not only_plain()
