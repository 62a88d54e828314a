"""Measures how time and memory grow: each measurement in a process of its own, and a power fitted to several."""

import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Cost:
    """What a call took.

    Attributes:
        seconds: of processor time, which other work on the machine changes less than the clock's.
        mebibytes: how far the process's memory rose above what it had before the call.
    """

    seconds: float
    mebibytes: float


def measured(call: Callable[[], object]) -> Cost:
    """Make a call in a copy of this process, which ends with it.

    Raises:
        RuntimeError: the call failed.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(call, sender))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"a measurement ended with status {child.exitcode}")
    return receiver.recv()


def _measure(call: Callable[[], object], sender: "multiprocessing.connection.Connection") -> None:
    before = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    start = time.process_time()
    call()
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sender.send(Cost(seconds, max(0, peak - before) / 2**20))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size that fits the values: the slope of a least-squares line through their logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def growth_row(name: str, costs: Mapping[int, Cost], fitted_from: int) -> dict[str, str]:
    """A row of a table: time at each size beside the smallest that is fitted, and the powers of time and memory.

    Args:
        costs: by size, ascending.
        fitted_from: smaller sizes are shown but not fitted.
    """
    fitted = {size: cost for size, cost in costs.items() if size >= fitted_from}
    first = fitted[fitted_from]
    row = {"": name} | {f"{size:,}": f"{cost.seconds / first.seconds:.2f}" for size, cost in costs.items()}
    row["Power of time"] = f"{exponent(list(fitted), [cost.seconds for cost in fitted.values()]):.2f}"
    row["MiB, least to most"] = f"{first.mebibytes:.0f} to {list(fitted.values())[-1].mebibytes:.0f}"
    row["Power of memory"] = f"{exponent(list(fitted), [max(1.0, cost.mebibytes) for cost in fitted.values()]):.2f}"
    return row


def hardware() -> str:
    """The machine, in a few words."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"one of {os.cpu_count()} cores of {names[0] if names else platform.processor()}"
