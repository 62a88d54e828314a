"""The parts of ``benchmarks/gpu.py`` that one process carries out alone: checks, times, kernels. Each gives rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch

from benchmarks.timing.cases import METHODS, Case, case_of
from benchmarks.timing.checks import checks_of
from benchmarks.timing.measures import PeakMemory, free, in_turns, kernels, one_after_another, ratio
from benchmarks.timing.versions import NEEDS_A_GPU, Version, bytes_of_images, our_steps, plain_steps, runner

REPLAYS, ROUNDS, LARGEST = 50, 7, 10


@dataclass(frozen=True)
class Timed:
    """A case, and the milliseconds that an iteration of it may take."""

    case: Case
    bar: float


TIMED = (
    Timed(case_of("sggan", (2,) * 4, 128, batch_size=8), 45),
    Timed(case_of("sggan", (2,) * 3, 64, batch_size=8), 15),
    Timed(case_of("stargan", (2,) * 4, 128, all_labels=True, batch_size=16), 25),
    Timed(case_of("residualgan", (2,), 128, batch_size=16), 9),
)
CHECKED = tuple(case_of(method, (2,) * 3, 32, batch_size=4, n_critic=2) for method in METHODS)


def timed_cases(dry: bool) -> list[Timed]:
    """The cases with their bars; a tiny one a method for a dry run."""
    return [Timed(t.case.tiny(), t.bar) for t in TIMED[1:]] if dry else list(TIMED)


def shared_case(dry: bool) -> Case:
    """The case that two processes carry out at once: SG-GAN's smaller one."""
    return timed_cases(dry)[0 if dry else 1].case


def check(device: torch.device, dry: bool) -> Iterator[dict[str, Any]]:
    """Every check of every method."""
    for case in CHECKED:
        for found in checks_of(case.tiny() if dry else case, device):
            yield asdict(found)
        free(device)


def time_cases(device: torch.device, dry: bool) -> Iterator[dict[str, Any]]:
    """Times and memory of each case's replays, and the plain reference's times, in bfloat16 all of them."""
    yield from each_case(lambda entry: [time_case(entry, device, dry)], device, dry)


def each_case(
    find: Callable[[Timed], Iterable[dict[str, Any]]], device: torch.device, dry: bool
) -> Iterator[dict[str, Any]]:
    """The rows of all cases.

    Raises:
        ExceptionGroup: some cases broke; raised after the others.
    """
    errors = []
    for entry in timed_cases(dry):
        try:
            yield from find(entry)
        except Exception as error:  # of any kind: the other cases are still wanted
            error.add_note(str(entry.case))
            errors.append(error)
        free(device)
    if errors:
        raise ExceptionGroup("cases that broke", errors)


def time_case(entry: Timed, device: torch.device, dry: bool) -> dict[str, Any]:
    """A row of the times."""
    case, rounds, on_gpu = entry.case, 1 if dry else ROUNDS, device.type == "cuda"
    with PeakMemory(device) as peak:
        replayed = our_steps(case, device, "bfloat16", replayed=True)
        runs = {"ours": runner(replayed)}
        runs["ours"]()
        runs["ours"]()
    images = bytes_of_images(replayed)
    runs["plain"] = runner(plain_steps(case, device, "bfloat16"))
    runs["plain"]()
    no_graph = NEEDS_A_GPU
    try:
        graph_run = runner(plain_steps(case, device, "bfloat16", replayed=True))
        graph_run()
        runs["plain graph"] = graph_run
    except (RuntimeError, ValueError) as error:
        no_graph = " ".join(str(error).split())[:100]
    seconds = in_turns(runs, rounds, device)
    replays = one_after_another(runs["ours"], 1 if dry else REPLAYS, device)
    graph = seconds.get("plain graph")
    return {
        "case": str(case),
        "bar_ms": entry.bar,
        "ms": 1e3 * median(replays),
        "alone_ms": 1e3 * median(seconds["ours"]),
        "tflops": case.flops().total / median(replays) / 1e12,
        "allocated": peak.allocated - images if on_gpu else NEEDS_A_GPU,
        "reserved": peak.reserved - images if on_gpu else NEEDS_A_GPU,
        "dry": dry,
        "images": images,
        "plain_eager_ms": 1e3 * median(seconds["plain"]),
        "times_as_fast_as_eager": ratio(seconds["plain"], seconds["ours"]),
        "plain_graph_ms": 1e3 * median(graph) if graph else no_graph,
        "times_as_fast_as_graph": ratio(graph, seconds["ours"]) if graph else no_graph,
    }


def largest_kernels(device: torch.device, dry: bool) -> Iterator[dict[str, Any]]:
    """The kernels that take the most time, of our replayed step and of the plain reference as a graph."""
    on_gpu = device.type == "cuda"
    before = "before: the plain graph" if on_gpu else f"before: {NEEDS_A_GPU}; the plain step's operators"
    after = "after: replayed" if on_gpu else f"after: {NEEDS_A_GPU}; our step's operators"

    def find(entry: Timed) -> Iterator[dict[str, Any]]:
        case = str(entry.case)
        ours = kernels_of(our_steps(entry.case, device, "bfloat16", replayed=True), device)
        yield {"case": case, "version": after, **ours}
        plain = kernels_of(plain_steps(entry.case, device, "bfloat16", replayed=on_gpu), device)
        yield {"case": case, "version": before, **plain}

    yield from each_case(find, device, dry)


def kernels_of(version: Version, device: torch.device) -> dict[str, Any]:
    """How many kernels an iteration has, their time, and the largest with their shares."""
    run = runner(version)
    run()
    run()
    found = kernels(run, device)
    total = sum(kernel.microseconds for kernel in found) or float("nan")
    return {
        "kernels": sum(kernel.number for kernel in found),
        "ms": total / 1e3,
        "largest": [
            {"name": k.name, "number": k.number, "ms": k.microseconds / 1e3, "share": k.microseconds / total}
            for k in found[:LARGEST]
        ],
    }
