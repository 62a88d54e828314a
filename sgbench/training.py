"""The training loop: iterations, learning rates, statistics, samples, checkpoints, resuming.

Iteration t is seeded from (seed, t) alone, so no generator's state is saved and running again is resuming.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from sgbench.atomic import replacing, write_buffered, write_text
from sgbench.data.batches import Batches
from sgbench.errors import UserError
from sgbench.method import Method, MethodSettings

Precision = Literal["float32", "bfloat16"]
LOOP_VERSION = 1
"""Part of a job's hash: raised when the same method on the same labels would come out otherwise, by the loop's doing.

Its rates, its seeds and the batches that ``data.batches`` draws count.
"""


@dataclass(frozen=True)
class Loop:
    """How a job is trained, none of which changes what is trained.

    Attributes:
        checkpoint_seconds: time between checkpoints.
        num_samples: sample grids over the whole training.
        report: called after each iteration with (iterations done, losses as floats).
        sample: called with (method, iterations done) to write a grid.
    """

    checkpoint_seconds: float = 60.0
    num_samples: int = 8
    report: Callable[[int, dict[str, float]], None] | None = None
    sample: Callable[[Method, int], None] | None = None


def rate_factor(settings: MethodSettings, iteration: int) -> float:
    """Share of the full learning rate at an iteration, from 1 falling linearly to 0 at the end."""
    decay = settings.iterations - settings.constant_iterations
    return min(1.0, (settings.iterations - iteration) / decay) if decay > 0 else 1.0


def train(
    method: Method,
    batches: Batches,
    folder: Path,
    seed: int,
    precision: Precision = "float32",
    loop: Loop | None = None,
    until: int | None = None,
) -> int:
    """Train to the last iteration, or resume from the folder's checkpoint; returns the iterations done.

    Writes ``checkpoint.pt`` (parameters, optimisers, iteration, seconds spent) and ``stats.jsonl`` (a row of losses an
    iteration). An interrupt or termination signal leaves a checkpoint and is raised again as KeyboardInterrupt.

    Args:
        until: stop after so many iterations, as an interrupt would.

    Raises:
        UserError: a loss is not finite.
    """
    loop = loop or Loop()
    total = method.settings.iterations
    rates = {name: [g["lr"] for g in optimizer.param_groups] for name, optimizer in method.optimizers.items()}
    start, seconds_before = _resume(method, folder)
    began = time.monotonic() - seconds_before
    last = total if until is None else min(until, total)
    device_type = next(method.parameters()).device.type
    autocast = (
        torch.autocast(device_type, torch.bfloat16, cache_enabled=False) if precision == "bfloat16" else nullcontext()
    )
    sample_every = max(1, total // loop.num_samples)
    saved_at = time.monotonic()
    method.train()
    rows: list[str] = []
    done = start
    with _interruptible() as interrupted:
        for iteration in range(start, last):
            torch.manual_seed(step_seed(seed, iteration))
            for name, optimizer in method.optimizers.items():
                for group, rate in zip(optimizer.param_groups, rates[name], strict=True):
                    group["lr"] = rate * rate_factor(method.settings, iteration)
            drawn = batches.at(iteration, method.batches_per_iteration)
            with autocast:
                losses = {name: float(value) for name, value in method.step(drawn, iteration).items()}
            done = iteration + 1
            rows.append(json.dumps({"iteration": done} | losses))
            if wild := [name for name, value in losses.items() if not math.isfinite(value)]:
                raise UserError(f"{folder}: iteration {done}: {', '.join(wild)} not finite; lower the learning rate")
            if loop.report:
                loop.report(done, losses)
            if loop.sample and (done % sample_every == 0 or done == total):
                loop.sample(method, done)
            stop = interrupted()
            if stop or time.monotonic() - saved_at > loop.checkpoint_seconds:
                _save(method, folder, done, rows, time.monotonic() - began)
                saved_at = time.monotonic()
            if stop:
                raise KeyboardInterrupt
    _save(method, folder, done, rows, time.monotonic() - began)
    return done


def load_parameters(method: Method, folder: Path) -> int:
    """Load a checkpoint's parameters for translating; returns its iteration."""
    state = torch.load(folder / "checkpoint.pt", map_location=next(method.parameters()).device, weights_only=True)
    method.load_state_dict(state["method"])
    return state["iteration"]


def read_seconds(folder: Path) -> float | None:
    """Time spent in the iterations up to a folder's checkpoint; None where it was not kept."""
    state = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True, mmap=True)
    return state.get("seconds")


def _save(method: Method, folder: Path, iteration: int, rows: list[str], seconds: float) -> None:
    """Write the statistics first: rows beyond the checkpoint's iteration are dropped on resuming."""
    stats = folder / "stats.jsonl"
    earlier = stats.read_text() if stats.exists() else ""
    write_text(stats, earlier + "".join(f"{row}\n" for row in rows))
    rows.clear()
    state = {
        "iteration": iteration,
        "seconds": seconds,
        "method": method.state_dict(),
        "optimizers": {name: optimizer.state_dict() for name, optimizer in method.optimizers.items()},
    }
    with replacing(folder / "checkpoint.pt") as partial:
        write_buffered(partial, lambda file: torch.save(state, file))


def _resume(method: Method, folder: Path) -> tuple[int, float]:
    """Iterations done, and the seconds that they took."""
    if not (folder / "checkpoint.pt").exists():
        (folder / "stats.jsonl").unlink(missing_ok=True)
        return 0, 0.0
    state = torch.load(folder / "checkpoint.pt", map_location=next(method.parameters()).device, weights_only=True)
    method.load_state_dict(state["method"])
    for name, optimizer in method.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    rows = (folder / "stats.jsonl").read_text().splitlines()
    kept = [row for row in rows if json.loads(row)["iteration"] <= state["iteration"]]
    write_text(folder / "stats.jsonl", "".join(f"{row}\n" for row in kept))
    return state["iteration"], state.get("seconds", 0.0)


def step_seed(seed: int, iteration: int) -> int:
    """Seed of torch's generator at an iteration."""
    return (seed * 1_000_003 + iteration) * 2_654_435_761 % 2**63


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a flag that the loop reads between iterations."""
    caught: list[int] = []

    def note(number: int, frame: object) -> None:
        caught.append(number)
        signal.signal(number, previous[number])

    try:
        previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: no signals arrive here
        yield lambda: False
        return
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
