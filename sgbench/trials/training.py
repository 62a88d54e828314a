"""What a method must do when it is trained: the same from the same seed, also with a break, and on a GPU by replay."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from sgbench.results.checkpoints import Checkpoint, read_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign
from sgbench.training.feeds import ResidentFeed
from sgbench.training.loop import train
from sgbench.training.steps import Steps, breach_of
from sgbench.trials.trial import Check, Trial

_WHOLE, _PART = 4, 2
"""Iterations that are trained without and with a break."""
SLOWER = "a GPU trains it step by step, which is slower: "


def same_seed(trial: Trial) -> str:
    """Two trainings from one seed are equal, whatever the process did before."""
    with TemporaryDirectory() as folder:
        one, two = (_trained(trial, Path(folder) / name, _WHOLE) for name in ("one", "two"))
    if name := _difference(one, two):
        raise UserError(
            f"{trial.name}: two trainings from one seed differ in {name}; draw from the default generators of torch, "
            "NumPy or Python, which are seeded before each iteration, and from no other source"
        )
    return ""


def resumed(trial: Trial) -> str:
    """Training goes on from a checkpoint as if there had been no break."""
    with TemporaryDirectory() as folder:
        whole = _trained(trial, Path(folder) / "whole", _WHOLE)
        _trained(trial, Path(folder) / "parts", _PART)
        parts = _trained(trial, Path(folder) / "parts", _WHOLE)
    if name := _difference(whole, parts):
        raise UserError(
            f"{trial.name}: {_WHOLE} iterations differ in {name} from {_PART} and {_WHOLE - _PART} more after a break; "
            "what step() needs must follow from its arguments or lie in state_dict() or an optimiser: keep a tensor "
            "with self.register_buffer(name, tensor)"
        )
    return ""


def replayed(trial: Trial) -> str:
    """Iterations can be recorded once and replayed on a GPU; a method that cannot be is allowed."""
    method = trial.built().train()
    groups = [group for optimizer in method.optimizers.values() for group in optimizer.param_groups]
    if any("capturable" not in group for group in groups):
        return f"{SLOWER}an optimiser has no option `capturable`"
    for optimizer in method.optimizers.values():
        optimizer.step = _still  # which on a CPU computes in another way than on a GPU
    feed = ResidentFeed(trial.batches, method.batches_per_iteration, trial.batches.images)
    with foreign(trial.name):
        breach = breach_of(Steps(method, feed, trial.job.precision), 0)
    return f"{SLOWER}{breach}" if breach else ""


def _still(closure: Callable[[], Tensor] | None = None) -> Tensor | None:
    return closure() if closure else None


CHECKS: dict[str, Check] = {
    "the same from the same seed": same_seed,
    "the same after a break": resumed,
    "replay on a GPU": replayed,
}
"""All checks of training, each of which trains anew."""


def _trained(trial: Trial, folder: Path, until: int) -> Checkpoint:
    """The checkpoint after so many iterations of a new instance, going on from the folder's."""
    folder.mkdir(exist_ok=True)
    job_folder, method = JobFolder(folder), trial.built()
    seed_draws(
        until + len(folder.name)
    )  # other numbers than the last time, for a method that draws before it is seeded
    with foreign(trial.name):
        train(method, trial.batches, job_folder, trial.job.seed, trial.job.precision, until=until)
    try:
        return read_checkpoint(job_folder)
    except Exception as error:  # torch raises almost any error for what is no tensor
        raise UserError(
            f"{trial.name}: its checkpoint cannot be read ({summary(error)}); keep tensors alone in it"
        ) from error


def _difference(one: Checkpoint, two: Checkpoint) -> str:
    """The name of the first part of the state that differs; empty if none does."""
    ours, others = dict(_parts(one)), dict(_parts(two))
    return next((name for name in ours | others if not _equal(ours.get(name), others.get(name))), "")


def _parts(checkpoint: Checkpoint) -> Iterator[tuple[str, Any]]:
    yield from checkpoint.method.items()
    for name, optimizer in checkpoint.optimizers.items():
        for parameter, values in optimizer["state"].items():
            items = values.items() if isinstance(values, Mapping) else (("state", values),)
            yield from ((f"{part} of the optimiser {name}, parameter {parameter}", value) for part, value in items)


def _equal(one: object, two: object) -> bool:
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        return torch.equal(one, two)
    return type(one) is type(two) and one == two
