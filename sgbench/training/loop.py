"""The training loop: iterations, learning rates, losses, samples, checkpoints, resuming.

Iteration t is seeded from (seed, t) alone, so no random state is saved, and running a job again resumes it.
"""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from sgbench.data.batches import Batches
from sgbench.methods.casting import cast_once
from sgbench.methods.contract import Method, MethodSettings
from sgbench.results.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.support.errors import UserError
from sgbench.training.interrupts import interruptible
from sgbench.training.precision import Precision

LOOP_VERSION = 1
"""Part of a job's hash: raised when a change of the loop gives another model for the same method and labels.

Learning rates, seeds and the batches that ``data.batches`` draws count as parts of the loop.
"""


@dataclass(frozen=True)
class Loop:
    """Options of the loop that do not change the trained model.

    Attributes:
        checkpoint_seconds: seconds between checkpoints.
        num_samples: number of sample grids over the whole training.
        report: called after each iteration with (iterations done, losses as floats).
        sample: called with (method, iterations done) to write a grid.
    """

    checkpoint_seconds: float = 60.0
    num_samples: int = 8
    report: Callable[[int, dict[str, float]], None] | None = None
    sample: Callable[[Method, int], None] | None = None


def rate_factor(settings: MethodSettings, iteration: int) -> float:
    """Share of the full learning rate at an iteration: 1 at first, then falling linearly to 0 at the end."""
    decay = settings.iterations - settings.constant_iterations
    return min(1.0, (settings.iterations - iteration) / decay) if decay > 0 else 1.0


def train(
    method: Method,
    batches: Batches,
    folder: JobFolder,
    seed: int,
    precision: Precision = "float32",
    loop: Loop | None = None,
    until: int | None = None,
) -> int:
    """Train to the last iteration, or resume from the folder's checkpoint; returns the iterations done.

    An interrupt or termination signal leaves a checkpoint and is raised again as KeyboardInterrupt.

    Args:
        until: stop after so many iterations and leave a checkpoint.

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
    rows: list[dict[str, float]] = []
    done = start
    with interruptible() as interrupted:
        for iteration in range(start, last):
            torch.manual_seed(step_seed(seed, iteration))
            for name, optimizer in method.optimizers.items():
                for group, rate in zip(optimizer.param_groups, rates[name], strict=True):
                    group["lr"] = rate * rate_factor(method.settings, iteration)
            drawn = batches.at(iteration, method.batches_per_iteration)
            with autocast, cast_once():
                losses = {name: float(value) for name, value in method.step(drawn, iteration).items()}
            done = iteration + 1
            rows.append({"iteration": done} | losses)
            if not_finite := [name for name, value in losses.items() if not math.isfinite(value)]:
                raise UserError(
                    f"{folder.path}: iteration {done}: {', '.join(not_finite)} not finite; lower the learning rate"
                )
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


def step_seed(seed: int, iteration: int) -> int:
    """Seed of torch's generator at an iteration."""
    return (seed * 1_000_003 + iteration) * 2_654_435_761 % 2**63


def _save(method: Method, folder: JobFolder, iteration: int, rows: list[dict[str, float]], seconds: float) -> None:
    """Write losses, then the checkpoint: rows after the checkpoint's iteration are dropped on resuming."""
    folder.add_losses(rows)
    rows.clear()
    optimizers = {name: optimizer.state_dict() for name, optimizer in method.optimizers.items()}
    write_checkpoint(folder, Checkpoint(iteration, seconds, method.state_dict(), optimizers))


def _resume(method: Method, folder: JobFolder) -> tuple[int, float]:
    """Load the checkpoint, if there is one; returns the iterations done and the seconds that they took."""
    if not folder.checkpoint.exists():
        folder.keep_losses(0)
        return 0, 0.0
    checkpoint = read_checkpoint(folder, next(method.parameters()).device)
    method.load_state_dict(checkpoint.method)
    for name, optimizer in method.optimizers.items():
        optimizer.load_state_dict(checkpoint.optimizers[name])
    folder.keep_losses(checkpoint.iteration)
    return checkpoint.iteration, checkpoint.seconds or 0.0
