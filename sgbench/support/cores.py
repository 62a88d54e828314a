"""The cores that this process may use, fewer perhaps than the machine has, and the threads that torch computes with.

Two things restrict a process: the set of cores that it may be put on (its affinity), and a share of their time (the CPU
quota of its cgroup, which containers and batch systems set).
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

LOOKING = 2
"""Threads that judges are trained and results are looked at with, however many cores there are: the order of sums, and
so the last digits of figures, depends on this number. Jobs have a number of their own, which is a setting."""


def usable_cores(root: Path = Path("/")) -> int:
    """Number of cores that this process may use; a part of a core counts as one.

    Args:
        root: the folder that ``proc`` and ``sys`` lie in.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *(max(1, math.ceil(quota)) for quota in _quotas(root))])


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch compute on the CPU with so many threads while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _quotas(root: Path) -> Iterator[float]:
    """The cores that each cgroup of this process may fill, where it has such a limit."""
    for mount, group in _cgroups(root):
        for folder in (mount / group, *(mount / group).parents):
            if not folder.is_relative_to(mount):
                break
            quota, period = _limit(folder)
            if quota > 0:
                yield quota / period


def _cgroups(root: Path) -> Iterator[tuple[Path, str]]:
    """The cgroups that decide on CPU time: where their kind is mounted, and the path below it."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, kinds, group = line.split(":", 2)
        if kinds == "":  # version 2, where all kinds are one
            yield root / "sys/fs/cgroup", group.lstrip("/")
        elif "cpu" in kinds.split(","):
            yield root / "sys/fs/cgroup/cpu", group.lstrip("/")


def _limit(folder: Path) -> tuple[float, float]:
    """Microseconds of CPU time in each period, and the period; (-1, 1) where nothing limits it."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not period:
        quota, period = (_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    return (float(quota), float(period)) if quota not in ("", "max") and period else (-1.0, 1.0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
