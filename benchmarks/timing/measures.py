"""Measurements of iterations: time in turns, operators, bytes, memory, kernels, and what a device can do at most."""

import gc
import os
import platform
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sgbench.methods import native

_OF_THE_PROFILER = "profiler"
_ONLY_MEMORY = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view")


class Traffic(TorchDispatchMode):
    """Counts operators, the bytes that they read and write, and the memory of what they make.

    Views do not count, nor does memory that is only set aside: they move nothing. A tensor counts with the bytes that
    it has, at most those of its memory, so that what is expanded counts once. What the C extension does is no
    operator of torch; each call is counted as one, by the formula of what it reads and writes. Kernels that Python
    starts in other ways are not seen.

    Attributes:
        operators: how many there were.
        bytes: read and written, in all.
        peak: the largest number of bytes of tensors made here that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.bytes = self.alive = self.peak = 0
        self._seen: set[int] = set()

    def __enter__(self) -> "Traffic":
        self._extension = native.extension
        if self._extension is not None:
            native.extension = _CountedExtension(self._extension, self)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        native.extension = self._extension

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function.namespace == _OF_THE_PROFILER:
            return result
        given, made = ([x for x in tree_leaves(part) if isinstance(x, Tensor)] for part in ((args, kwargs), result))
        held = {x.untyped_storage()._cdata for x in given}
        new = [x for x in made if x.untyped_storage()._cdata not in held]
        for tensor in new:
            self._watch(tensor.untyped_storage())
        if function._opname in _ONLY_MEMORY:
            return result
        if new or function._schema.is_mutable or not made:
            self.operators += 1
            self.bytes += sum(map(_size, given)) + sum(map(_size, made))
        return result

    def add(self, number_of_bytes: int) -> None:
        """Count something that is no operator of torch."""
        self.operators += 1
        self.bytes += number_of_bytes

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen or storage.device.type == "meta":
            return
        self._seen.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._forget, key, size).atexit = False

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size


class _CountedExtension:
    """The C extension, counted: what its functions read and write."""

    def __init__(self, extension: Any, traffic: Traffic):
        self.extension, self.traffic = extension, traffic

    def norm_forward(self, *arguments: Any) -> None:
        """Reads x, writes y; the last arguments are images, places, channels, eps, slope, whether in bfloat16."""
        images, places, channels, *_, low = arguments[-6:]
        self.traffic.add(2 * images * places * channels * (2 if low else 4))
        self.extension.norm_forward(*arguments)

    def norm_backward(self, *arguments: Any) -> None:
        """Reads g and x, writes x's gradient; the last arguments are those of forward, without eps."""
        images, places, channels, *_, low = arguments[-5:]
        self.traffic.add(3 * images * places * channels * (2 if low else 4))
        self.extension.norm_backward(*arguments)

    def unfold(self, *arguments: Any) -> None:
        """Reads a map, writes patches; before the map's shape comes the size of a number."""
        self.traffic.add(arguments[2] * _of_patches(*arguments[3:]))
        self.extension.unfold(*arguments)

    def fold(self, *arguments: Any) -> None:
        """Reads patches, writes a map; after both shapes comes whether in bfloat16."""
        self.traffic.add((2 if arguments[-1] else 4) * _of_patches(*arguments[2:-1]))
        self.extension.fold(*arguments)


def _of_patches(
    images: int, height: int, width: int, channels: int, kernel: int, stride: int, top: int, left: int, rows: int,
    columns: int,
) -> int:  # fmt: skip
    """Numbers in a map and in its patches."""
    return images * channels * (height * width + rows * columns * kernel**2)


def _size(tensor: Tensor) -> int:
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


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
