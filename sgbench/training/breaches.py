"""Finds what keeps a method's iteration from being recorded once and replayed, and says it in words."""

import linecache
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_READS = dict.fromkeys(("_local_scalar_dense", "item", "equal", "is_nonzero"), "reads a value on the host")
_SHAPES = dict.fromkeys(
    ("nonzero", "masked_select", "repeat_interleave", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
    "makes a tensor whose shape depends on values",
)
_CONSTANTS = {"lift_fresh": "makes a tensor of numbers that lie on the host"}
_BREACHES = _READS | _SHAPES | _CONSTANTS
_MASKED = ("index", "index_put", "index_put_", "_index_put_impl_")
_COPIES = ("_to_copy", "copy_")
_NOT_A_METHODS = str(Path(torch.__file__).parent), str(Path(__file__).parent)
_STDLIB = str(Path(sysconfig.get_path("stdlib")))


def find_breach(load: Callable[[int], object], carry_out: Callable[[int], object], iteration: int) -> str | None:
    """The first thing in a method's iteration that cannot be replayed; None if there is none.

    Two iterations are carried out. They must run the same operations on the same shapes with the same Python numbers:
    those of the first would be replayed for ever. What a method draws from another generator than torch's is not seen.

    Args:
        load: puts an iteration's batches in place.
        carry_out: runs an iteration on them.
    """
    runs = []
    for t in (iteration, iteration + 1):
        load(t)
        with _Watch() as watch:
            carry_out(t)
        if watch.breach:
            return watch.breach
        runs.append(watch.operations)
    for (one, place), (other, _) in zip(*runs, strict=False):
        if one != other:
            return f"iterations differ: {_words(one)} in one, {_words(other)} in the next, in {place}"
    if len(runs[0]) != len(runs[1]):
        return f"one iteration runs {len(runs[0])} operations, the next {len(runs[1])}"
    return None


class _Watch(TorchDispatchMode):
    """Lists every operation with its place, and notes the first that looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[tuple, str]] = []
        self.breach: str | None = None

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name, place = function._schema.name.partition("::")[2], _place()
        why = _BREACHES.get(name)
        if name in _MASKED and any(isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1]):
            why = _SHAPES["nonzero"]
        result = function(*args, **(kwargs or {}))
        if name in _COPIES and len({x.device for x in (*args, result) if isinstance(x, Tensor)}) > 1:
            why = "moves values from one device to another"
        if why and not self.breach:
            self.breach = f"it {why} ({name}) in {place}"
        self.operations.append(((name, *map(_seen, tree_leaves((args, kwargs, result)))), place))
        return result


def _seen(leaf: Any) -> Any:
    """What of an argument or a result must stay the same: shapes and numbers."""
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape)
    return leaf if isinstance(leaf, int | float) else None


def _place() -> str:
    """File, line and text of the innermost caller that belongs to the method."""
    frame = sys._getframe(2)
    while frame and not _may_be_a_methods(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return "the method"
    path = frame.f_code.co_filename
    return f"{Path(path).name}, line {frame.f_lineno}: {linecache.getline(path, frame.f_lineno).strip()}"


def _may_be_a_methods(path: str) -> bool:
    """Whether a file is neither torch's, nor the loop's, nor of Python itself, which may hold what is installed."""
    of_python = path.startswith(_STDLIB) and not {"site-packages", "dist-packages"} & set(Path(path).parts)
    return not (of_python or path.startswith(_NOT_A_METHODS))


def _words(operation: tuple) -> str:
    name, *rest = operation
    return f"{name} of {', '.join(str(part) for part in rest if part is not None)}"
