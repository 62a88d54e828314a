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
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing.cases import Case
from benchmarks.timing.gpu_parts import check, largest_kernels, shared_case, time_cases
from benchmarks.timing.gpu_report import report
from benchmarks.timing.measures import hardware, synchronise
from benchmarks.timing.versions import our_steps, runner

ROOT = Path(__file__).parents[1]
SECONDS = 240
MOST_MEMORY = 4 * 2**30
"""Bytes beside the images that a replayed step may take."""
TURN_SECONDS = 3.0
LIMITS = {"checks": 120, "times": 90, "together": 45, "kernels": 60}
"""Seconds that a part may take, and no more than are left of all."""


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
        work(shared_case(options.dry), device)
        return 0
    finders = {"checks": check, "times": time_cases, "kernels": largest_kernels}
    finder = finders.get(options.part)
    rows, file = [], rows_file(options, options.part)
    for row in finder(device, options.dry) if finder else together(options):
        rows.append(row)
        partial = file.with_suffix(".new")
        partial.write_text(json.dumps(rows), encoding="utf-8")
        partial.replace(file)
    return 0


def together(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
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
            yield {"case": str(shared_case(options.dry)), "processes": number, "iterations_a_second": rates}


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


if __name__ == "__main__":
    sys.exit(main())
