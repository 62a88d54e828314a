"""The C extension for CPUs, if it was built: addresses of tensors' memory go in, nothing comes out."""

import warnings

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
