"""The C extension for CPUs, if it was built: addresses of tensors' memory go in, nothing comes out.

While torch writes down a program (``torch.export``) tensors have no memory, and the program must run anywhere: then
neither the extension nor ``kernels`` are used, and what decides between ways takes torch's plain operators.
"""

import warnings

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


def is_written_down() -> bool:
    """Whether operations are written down for a program instead of being computed. No other place decides it."""
    return torch.compiler.is_exporting()


def usable(x: Tensor) -> bool:
    """Whether the extension is to be used for x."""
    return extension is not None and x.device.type == "cpu" and not is_written_down()
