"""Checks and times of training on one GPU, in at most four minutes.

    python -m benchmarks.gpu --out FOLDER
    python -m benchmarks.gpu --out FOLDER --device cpu --dry

Four parts, each in a process of its own: fast paths against float32 step by step; times of replays against their bars
and against the plain references, carried out and as a plain CUDA graph; two processes at once; and which kernels take
the time, before and after. What a part has found is kept if it runs out of time. Writes ``gpu.md`` and ``gpu.json``.
The dry run goes through the same code with tiny networks on a CPU and says what needs a GPU.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.timing.cases import METHODS, Case, case_of
from benchmarks.timing.checks import checks_of
from benchmarks.timing.gpu_report import report
from benchmarks.timing.measures import PeakMemory, free, hardware, in_turns, kernels, ratio, synchronise, timed
from benchmarks.timing.versions import (
    NEEDS_A_GPU,
    Version,
    bytes_of_images,
    our_steps,
    plain_steps,
    runner,
)

ROOT = Path(__file__).parents[1]
SECONDS = 240
LIMITS = {"checks": 110, "times": 90, "together": 45, "kernels": 60}
"""Seconds that a part may take, and no more than are left of all."""
MOST_MEMORY = 4 * 2**30
"""Bytes beside the images that a replayed step may take."""
REPLAYS, ROUNDS, TURN_SECONDS, LARGEST = 20, 7, 3.0, 10


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
CHECKED = tuple(case_of(method, (2,) * 3, 64, batch_size=4, n_critic=2) for method in METHODS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts and write what they found; 1 if a check failed or a part broke."""
    options = parser().parse_args(arguments)
    if options.part:
        return part(options)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    found: dict[str, Any] = {"hardware": hardware(torch.device(options.device)), "dry": options.dry, "parts": {}}
    for name in options.parts:
        left = SECONDS - (time.monotonic() - began)
        found["parts"][name] = run_part(name, options, min(LIMITS[name], left))
        found["seconds"] = round(time.monotonic() - began, 1)
        (options.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (options.out / "gpu.md").write_text(report(found, MOST_MEMORY), encoding="utf-8")
    print((options.out / "gpu.md").read_text(encoding="utf-8"))
    failed = [row for row in found["parts"].get("checks", {}).get("rows", []) if row["passed"] is False]
    broken = [name for name, result in found["parts"].items() if result["status"] != "done"]
    return int(bool(failed or broken))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsed = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parsed.add_argument("--out", type=Path, required=True, help="the folder that gpu.md and gpu.json go to")
    parsed.add_argument("--device", default="cuda")
    parsed.add_argument("--dry", action="store_true", help="tiny networks: only to see that it runs")
    parsed.add_argument(
        "--parts", type=lambda text: text.split(","), default=list(LIMITS), help=f"of {', '.join(LIMITS)}"
    )
    parsed.add_argument("--part", choices=(*LIMITS, "worker"), help=argparse.SUPPRESS)
    return parsed


def run_part(name: str, options: argparse.Namespace, limit: float) -> dict[str, Any]:
    """A part's rows, and whether it came to its end, in a process that is ended when its time is over."""
    file = rows_file(options, name)
    file.unlink(missing_ok=True)
    began = time.monotonic()
    if limit <= 0:
        return {"status": "no time was left", "seconds": 0.0, "rows": []}
    process = subprocess.Popen(
        command(name, options),
        cwd=ROOT,
        env=os.environ | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"} if name == "checks" else None,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, errors = process.communicate(timeout=limit)
        status = "done" if process.returncode == 0 else f"broke: {' '.join(errors.split())[-600:]}"
    except subprocess.TimeoutExpired:
        end(process)
        status = f"was ended after {limit:.0f} seconds"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    file.unlink(missing_ok=True)
    return {"status": status, "seconds": round(time.monotonic() - began, 1), "rows": rows}


def end(process: subprocess.Popen) -> None:
    """Ask a process to end, and end it if it does not."""
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def rows_file(options: argparse.Namespace, name: str) -> Path:
    """Where a part keeps what it has found so far."""
    return options.out.resolve() / f"{name}.part.json"


def command(name: str, options: argparse.Namespace) -> list[str]:
    """The command line of a part."""
    dry = ["--dry"] * options.dry
    out = str(options.out.resolve())
    return [sys.executable, "-m", "benchmarks.gpu", "--part", name, "--out", out, "--device", options.device, *dry]


def part(options: argparse.Namespace) -> int:
    """Run one part and keep each row when it is found."""
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    if options.part == "worker":
        work(shared_case(options), device)
        return 0
    finders = {"checks": check, "times": time_cases, "together": together, "kernels": largest_kernels}
    rows, file = [], rows_file(options, options.part)
    for row in finders[options.part](options, device):
        rows.append(row)
        partial = file.with_suffix(".new")
        partial.write_text(json.dumps(rows), encoding="utf-8")
        partial.replace(file)
    return 0


def timed_cases(options: argparse.Namespace) -> list[Timed]:
    """The cases with their bars; a tiny one a method for a dry run."""
    return [Timed(t.case.tiny(), t.bar) for t in TIMED[1:]] if options.dry else list(TIMED)


def shared_case(options: argparse.Namespace) -> Case:
    """The case that two processes carry out at once: SG-GAN's smaller one."""
    return timed_cases(options)[0 if options.dry else 1].case


def check(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """Every check of every method."""
    for case in CHECKED:
        for found in checks_of(case.tiny() if options.dry else case, device):
            yield asdict(found)
        free(device)


def time_cases(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """Times and memory of each case's replays, and the plain reference's times, in bfloat16 all of them."""
    for entry in timed_cases(options):
        yield time_case(entry, device, dry=options.dry)
        free(device)


def time_case(entry: Timed, device: torch.device, dry: bool) -> dict[str, Any]:
    """A row of the times."""
    case, rounds, on_gpu = entry.case, 1 if dry else ROUNDS, device.type == "cuda"
    with PeakMemory(device) as peak:
        replayed = our_steps(case, device, "bfloat16", replayed=True)
        runs = {"ours": runner(replayed)}
        runs["ours"]()
        runs["ours"]()
    images = bytes_of_images(replayed)
    runs |= plain_runs(case, device)
    for run in runs.values():
        run()
    seconds = in_turns(runs, rounds, device)
    replays = [timed(runs["ours"], device) for _ in range(1 if dry else REPLAYS)]
    sustained = timed(lambda: [runs["ours"]() for _ in replays], device) / len(replays)
    graph = seconds.get("plain graph")
    return {
        "case": str(case),
        "bar_ms": entry.bar,
        "ms": 1e3 * median(replays),
        "sustained_ms": 1e3 * sustained,
        "tflops": case.flops().total / median(replays) / 1e12,
        "allocated": peak.allocated - images if on_gpu else NEEDS_A_GPU,
        "reserved": peak.reserved - images if on_gpu else NEEDS_A_GPU,
        "dry": dry,
        "images": images,
        "plain_eager_ms": 1e3 * median(seconds["plain"]),
        "times_as_fast_as_eager": ratio(seconds["plain"], seconds["ours"]),
        "plain_graph_ms": 1e3 * median(graph) if graph else NEEDS_A_GPU,
        "times_as_fast_as_graph": ratio(graph, seconds["ours"]) if graph else NEEDS_A_GPU,
    }


def plain_runs(case: Case, device: torch.device) -> dict[str, Any]:
    """The plain reference in bfloat16: carried out, and where that can be, as a CUDA graph."""
    runs = {"plain": runner(plain_steps(case, device, "bfloat16"))}
    if device.type == "cuda":
        runs["plain graph"] = runner(plain_steps(case, device, "bfloat16", replayed=True))
    return runs


def together(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """Iterations a second of one process, then of two at once."""
    seconds = 0.3 if options.dry else TURN_SECONDS
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(options)) for _ in range(2)]
        for process in workers:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"a worker ended early, with status {process.wait()}")
        for number in (1, 2):
            for process in workers[:number]:
                process.stdin.write(f"{seconds}\n")
                process.stdin.flush()
            rates = [float(process.stdout.readline()) for process in workers[:number]]
            yield {"case": str(shared_case(options)), "processes": number, "iterations_a_second": rates}


class worker:
    """Context of a process that carries out iterations for as many seconds as it is told."""

    def __init__(self, options: argparse.Namespace):
        self.command = command("worker", options)

    def __enter__(self) -> subprocess.Popen:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self.process

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()


def work(case: Case, device: torch.device) -> None:
    """Answer each number of seconds on standard input with iterations a second."""
    run = runner(our_steps(case, device, "bfloat16", replayed=True))
    run()
    synchronise(device)
    print("ready", flush=True)
    for line in sys.stdin:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < float(line):
            run()
            synchronise(device)
            done += 1
        print(done / (time.perf_counter() - start), flush=True)


def largest_kernels(options: argparse.Namespace, device: torch.device) -> Iterator[dict[str, Any]]:
    """The kernels that take the most time, of the plain reference as a graph and of ours."""
    for entry in timed_cases(options):
        graph = device.type == "cuda"
        before = plain_steps(entry.case, device, "bfloat16", replayed=graph)
        after = our_steps(entry.case, device, "bfloat16", replayed=True)
        of_plain = "before: the plain graph" if graph else f"before: {NEEDS_A_GPU}; the plain step's operators"
        of_ours = "after: replayed" if graph else f"after: {NEEDS_A_GPU}; our step's operators"
        for name, version in ((of_plain, before), (of_ours, after)):
            yield {"case": str(entry.case), "version": name, **kernels_of(version, device)}
        del before, after, version
        free(device)


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


if __name__ == "__main__":
    sys.exit(main())
