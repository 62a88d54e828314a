"""Measurements of iterations: time in turns, memory, kernels, and what a device can do at most."""

import gc
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from torch.profiler import ProfilerActivity, profile


@dataclass(frozen=True)
class Kernel:
    """What a device spent on kernels of one name: how many, microseconds in all."""

    name: str
    number: int
    microseconds: float


def kernels(run: Callable[[], None], device: torch.device) -> list[Kernel]:
    """The kernels and copies of a run, most time first; on a CPU operators, each without those that it calls."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * on_gpu]
    synchronise(device)
    with profile(activities=activities, acc_events=True) as profiled:
        run()
        synchronise(device)
    rows = []
    for event in profiled.key_averages():
        spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        of_the_device = event.device_type == torch.autograd.DeviceType.CUDA
        named_by_code = getattr(event, "is_user_annotation", False) or event.key.startswith(
            ("Optimizer.", "ProfilerStep")
        )
        if spent > 0 and of_the_device == on_gpu and not named_by_code:
            rows.append(Kernel(event.key, event.count, spent))
    return sorted(rows, key=lambda row: -row.microseconds)


def in_turns(runs: Mapping[str, Callable[[], None]], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of each run in each round; one after another takes its turn, so that what slows one slows all."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(timed(run, device))
    return seconds


def timed(run: Callable[[], None], device: torch.device) -> float:
    """Seconds until the device is done."""
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start


def one_after_another(run: Callable[[], None], number: int, device: torch.device) -> list[float]:
    """Seconds of each of many runs without a wait between them, as a job carries them out; a GPU takes the time."""
    if device.type != "cuda":
        return [timed(run, device) for _ in range(number)]
    ends = [torch.cuda.Event(enable_timing=True) for _ in range(number + 1)]
    ends[0].record()
    for end in ends[1:]:
        run()
        end.record()
    synchronise(device)
    return [before.elapsed_time(after) / 1e3 for before, after in pairwise(ends)]


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times faster: median over rounds."""
    return median(a / b for a, b in zip(slow, fast, strict=True))


def matrix_peak(device: torch.device, dtype: torch.dtype, side: int | None = None, rounds: int = 10) -> float:
    """Operations a second of the fastest of some products of two square matrices.

    Args:
        side: of the matrices; by default one that fills the device.
    """
    side = side or (8192 if device.type == "cuda" else 1024)
    a, b = torch.randn(2, side, side, device=device).to(dtype)
    times = [timed(lambda: a @ b, device) for _ in range(rounds + 2)]
    return 2 * side**3 / min(times[2:])


class PeakMemory:
    """Bytes of a GPU that were taken at most while a context was open, beyond those taken before.

    Attributes:
        allocated: by tensors.
        reserved: by torch's allocator, which holds on to more.
    """

    def __init__(self, device: torch.device):
        self.device, self.allocated, self.reserved = device, 0, 0

    def __enter__(self) -> "PeakMemory":
        if self.device.type == "cuda":
            free(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device), torch.cuda.memory_reserved(self.device)
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            synchronise(self.device)
            self.allocated = torch.cuda.max_memory_allocated(self.device) - self.before[0]
            self.reserved = torch.cuda.max_memory_reserved(self.device) - self.before[1]


def free(device: torch.device) -> None:
    """Give back what nothing holds."""
    gc.collect()
    if device.type == "cuda":
        synchronise(device)
        torch.cuda.empty_cache()


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def full_precision() -> Iterator[None]:
    """Context in which float32 means float32: without TF32, in products as in convolutions."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def hardware(device: torch.device) -> str:
    """What a benchmark ran on, for its file."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    number = f"{threads} thread{'s' * (threads > 1)} on {os.cpu_count()} cores"
    return f"{number} of {processor()}, torch {torch.__version__}"


def processor() -> str:
    """The name of the CPU, where it is known."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()
