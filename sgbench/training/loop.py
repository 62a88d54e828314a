"""The training loop: iterations, learning rates, losses, samples, checkpoints, resuming.

Iteration t is seeded from (seed, t) alone, so no random state is saved, and running a job again resumes it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.batches import Batches
from sgbench.methods.contract import Method, MethodSettings
from sgbench.results.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.support.draws import seed_draws
from sgbench.support.errors import BrokenFile, UserError
from sgbench.training.feeds import make_feed
from sgbench.training.interrupts import interruptible
from sgbench.training.optimisers import load_state, rates_of, set_rates, state_to_keep
from sgbench.training.precision import Precision
from sgbench.training.soundness import fault
from sgbench.training.steps import Steps, make_steps

LOOP_VERSION = 1
"""Part of a job's hash: raised when a change of the loop gives another model for the same method and labels.

Learning rates, seeds and the batches that ``data.batches`` draws count as parts of the loop.
"""

_READ_AT_ONCE = 50
"""Iterations whose losses are brought over from a GPU together."""


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
        UserError: a loss, or at a checkpoint a weight, is not finite.
    """
    loop = loop or Loop()
    total = method.settings.iterations
    rates = {name: rates_of(optimizer) for name, optimizer in method.optimizers.items()}
    start, seconds_before = _resume(method, folder)
    began = time.monotonic() - seconds_before
    last = total if until is None else min(until, total)
    sample_every = max(1, total // loop.num_samples)
    saved_at = time.monotonic()
    method.train()
    steps = make_steps(method, make_feed(batches, method.batches_per_iteration), precision, start)
    history = _History(folder, steps, loop.report, start)
    done = start
    with interruptible() as interrupted:
        for iteration in range(start, last):
            seed_draws(step_seed(seed, iteration))
            for name, optimizer in method.optimizers.items():
                set_rates(optimizer, [rate * rate_factor(method.settings, iteration) for rate in rates[name]])
            history.add(steps.run(iteration), iteration + 1)
            done = iteration + 1
            if loop.sample and (done % sample_every == 0 or done == total):
                _sample(method, done, history, loop.sample)
            stop = interrupted()
            if stop or time.monotonic() - saved_at > loop.checkpoint_seconds:
                _save(method, folder, done, history, time.monotonic() - began)
                saved_at = time.monotonic()
            if stop:
                raise KeyboardInterrupt
    _save(method, folder, done, history, time.monotonic() - began)
    return done


class _History:
    """Losses on their way from the device to the folder. Reading waits for the device, so a GPU's are read in lots.

    Attributes:
        kept: the iteration of the checkpoint in the folder; 0 without one.

    Raises:
        UserError: a loss is not finite; found before anything of that iteration is kept.
    """

    def __init__(
        self, folder: JobFolder, steps: Steps, report: Callable[[int, dict[str, float]], None] | None, kept: int = 0
    ):
        self.folder, self.steps, self.report, self.kept = folder, steps, report, kept
        self.most = 1 if steps.device.type == "cpu" else _READ_AT_ONCE
        self.unread: list[tuple[int, tuple[str, ...], Tensor]] = []
        self.rows: list[dict[str, float]] = []

    def add(self, losses: Tensor, done: int) -> None:
        """Take an iteration's losses; read them now or later."""
        self.unread.append((done, self.steps.names, losses))
        if len(self.unread) >= self.most:
            self.read()

    def read(self) -> None:
        """Bring over what is unread, check and report it."""
        if not self.unread:
            return
        values = iter(torch.cat([losses for _, _, losses in self.unread]).tolist())  # read together: reading waits
        for done, names, _ in self.unread:
            losses = {name: next(values) for name in names}
            if not_finite := [name for name, value in losses.items() if not math.isfinite(value)]:
                raise self.diverged(done, f"{', '.join(not_finite)} not finite")
            self.rows.append({"iteration": done} | losses)
            if self.report:
                self.report(done, losses)
        self.unread.clear()

    def keep(self) -> None:
        """Write everything to the folder."""
        self.read()
        self.folder.add_losses(self.rows)
        self.rows.clear()

    def diverged(self, done: int, what: str) -> UserError:
        """The error that says what went wrong in an iteration, and which checkpoint is left."""
        left = f"{self.folder.checkpoint.name} of iteration {self.kept} is kept" if self.kept else "no checkpoint yet"
        return UserError(f"{self.folder.path}: iteration {done}: {what}; lower the learning rate ({left})")


def step_seed(seed: int, iteration: int) -> int:
    """Seed of all generators at an iteration."""
    return (seed * 1_000_003 + iteration) * 2_654_435_761 % 2**63


def _save(method: Method, folder: JobFolder, iteration: int, history: _History, seconds: float) -> None:
    """Write losses, then the checkpoint: rows after the checkpoint's iteration are dropped on resuming.

    Raises:
        UserError: a loss, weight or moment is not finite; the earlier checkpoint stays.
    """
    _check(method, iteration, history)
    history.keep()
    optimizers = {name: state_to_keep(optimizer) for name, optimizer in method.optimizers.items()}
    write_checkpoint(folder, Checkpoint(iteration, seconds, method.state_dict(), optimizers))
    history.kept = iteration


def _check(method: Method, iteration: int, history: _History) -> None:
    """Refuse a model that diverged.

    Raises:
        UserError: a loss, weight or moment is not finite; the message names the checkpoint that is left.
    """
    history.read()
    moments = {name: optimizer.state_dict() for name, optimizer in method.optimizers.items()}
    if wrong := fault(method.state_dict(), moments):
        raise history.diverged(iteration, wrong)


def _sample(method: Method, iteration: int, history: _History, sample: Callable[[Method, int], None]) -> None:
    """Write a grid in evaluation mode, as scoring sees the model; norms that keep statistics learn nothing of it."""
    modes = [(part, part.training) for part in method.modules()]
    method.eval()
    try:
        sample(method, iteration)
    except UserError:
        _check(method, iteration, history)  # if this is why the results are none, it is said
        raise
    finally:
        for part, mode in modes:
            part.training = mode


def _resume(method: Method, folder: JobFolder) -> tuple[int, float]:
    """Load the checkpoint, if there is one; returns the iterations done and the seconds that they took."""
    if not folder.checkpoint.exists():
        folder.keep_losses(0)
        return 0, 0.0
    try:
        checkpoint = read_checkpoint(folder, next(method.parameters()).device)
    except BrokenFile as error:
        raise UserError(str(error)) from error
    method.load_state_dict(checkpoint.method)
    for name, optimizer in method.optimizers.items():
        load_state(optimizer, checkpoint.optimizers[name])
    folder.keep_losses(checkpoint.iteration)
    return checkpoint.iteration, checkpoint.seconds or 0.0
