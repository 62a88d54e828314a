"""Triton kernels. Their modules import Triton, so they are imported where ``usable`` has said yes, and only there."""

from functools import cache

import torch
from torch import Tensor

from sgbench.methods.native import only_plain


def usable(x: Tensor) -> bool:
    """Whether kernels, and what else is faster on a GPU alone, are to be used for x. No other place decides it.

    Triton launches on the current device, so x must lie there.
    """
    if x.device.type != "cuda" or only_plain() or x.dtype not in (torch.bfloat16, torch.float32):
        return False
    return _has_triton() and x.device.index == torch.cuda.current_device()


@cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True
