"""A job's checkpoint: all that training needs to go on, and all that translating needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sgbench.results.job_folder import JobFolder
from sgbench.support.atomic import write_buffered
from sgbench.support.sealed import opened, sealing
from sgbench.support.tensors import load_tensors


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
        write_buffered(partial, lambda file: torch.save(_plain(checkpoint), file))


def read_checkpoint(folder: JobFolder, device: torch.device | str = "cpu", mapped: bool = False) -> Checkpoint:
    """The checkpoint with its tensors on a device.

    Args:
        mapped: leave tensors in the file until they are used.

    Raises:
        BrokenFile: it is missing, or is not as it was written; names it and what to do.
    """

    def read(path: Path) -> Checkpoint:
        state = load_tensors(path, device, mapped)
        return Checkpoint(**{"seconds": None, **state})

    return opened(folder.checkpoint, read, folder.remedy)


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    return {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
