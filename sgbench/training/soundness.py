"""Whether a model that was trained can be kept: looked at only where a checkpoint is written, for looking waits."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

HUGE = 1e6
"""Weights of a network lie around 1; with such ones as these nothing is left of float32's digits."""


def fault(method: Mapping[str, Any], optimizers: Mapping[str, Mapping[str, Any]]) -> str:
    """What is wrong with weights or moments, in words; empty if nothing is.

    Args:
        method: a state dict.
        optimizers: the state dict of each optimiser.
    """
    for name, size in _sizes(method):
        if not size <= HUGE:  # so that NaN is found too
            return f"weights {name} are {_in_words(size)}"
    for optimizer, state in optimizers.items():
        for parameter, moments in state["state"].items():
            for name, size in _sizes(moments):
                if not size < float("inf"):
                    return f"{name} of the optimiser {optimizer}, parameter {parameter}, is {_in_words(size)}"
    return ""


def _sizes(tensors: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The largest magnitude in each tensor of floats; NaN if one of its values is."""
    for name, tensor in tensors.items():
        if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel():
            yield name, float(tensor.detach().abs().max())


def _in_words(size: float) -> str:
    return f"as large as {size:.3g}" if size < float("inf") else "not finite"
