"""A job's checkpoint: all that training needs to go on, and all that translating needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sgbench.results.job_folder import JobFolder
from sgbench.support.atomic import write_buffered
from sgbench.support.errors import BrokenFile, shown, summary
from sgbench.support.sealed import opened, sealing
from sgbench.support.tensors import load_tensors

_JOB = "job"
"""Under which the name of the job's folder is kept."""


@dataclass(frozen=True)
class Checkpoint:
    """A model at an iteration.

    Attributes:
        iteration: iterations done.
        seconds: that they took; None where it was not kept.
        method: the method's state dict.
        optimizers: state dict of each optimiser.
    """

    iteration: int
    seconds: float | None
    method: Mapping[str, Any]
    optimizers: Mapping[str, Mapping[str, Any]]


def write_checkpoint(folder: JobFolder, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint, with its hash, whole or not at all."""
    with sealing(folder.checkpoint) as partial:
        write_buffered(partial, lambda file: torch.save({_JOB: folder.path.name} | _plain(checkpoint), file))


def read_checkpoint(folder: JobFolder, device: torch.device | str = "cpu", mapped: bool = False) -> Checkpoint:
    """The checkpoint with its tensors on a device.

    Args:
        mapped: leave tensors in the file until they are used.

    Raises:
        BrokenFile: it is missing, is not as it was written, or is another job's; names it and what to do.
    """

    def read(path: Path) -> Checkpoint:
        state = load_tensors(path, device, mapped)
        if (job := state.pop(_JOB, folder.path.name)) != folder.path.name:  # earlier versions kept no name
            raise BrokenFile(f"{path}: is the checkpoint of the job {shown(job)}; {folder.remedy}")
        return Checkpoint(**{"seconds": None, **state})

    return opened(folder.checkpoint, read, folder.remedy)


def progress(folder: JobFolder) -> tuple[int, float]:
    """Iterations of a checkpoint and the seconds that they took, as they are written: nothing is checked or changed.

    Raises:
        BrokenFile: it cannot be read; names it.
    """
    try:
        state = load_tensors(folder.checkpoint, mapped=True)
        return int(state["iteration"]), float(state.get("seconds") or 0.0)
    except Exception as error:  # torch raises almost any error for a file that it has not written
        raise BrokenFile(f"{folder.checkpoint}: cannot be read ({summary(error)}); {folder.remedy}") from error


def check_checkpoint(folder: JobFolder) -> None:
    """Refuse a checkpoint that is missing, is not as it was written, cannot be read, or is another job's.

    Raises:
        BrokenFile: names it and what to do.
    """
    try:
        read_checkpoint(folder, mapped=True)
    except BrokenFile:
        raise
    except Exception as error:  # torch raises almost any error for a file that it has not written
        raise BrokenFile(f"{folder.checkpoint}: cannot be read ({summary(error)}); {folder.remedy}") from error


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    return {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
