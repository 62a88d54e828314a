"""A system as one function from source images to results, however many models it has."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.pixels import to_bytes, to_floats
from sgbench.methods.contract import Method
from sgbench.plan.job import System
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import BrokenFile, UserError
from sgbench.training.precision import Precision

Translate = Callable[[Tensor, Sequence[Group]], Tensor]
"""Positions in the test set, int64 [n], and groups -> results uint8 [n, 3, S, S] on the CPU."""
Models = list[tuple[tuple[int, ...], Method]]
"""The trained models of a system, each with the positions of the study's attributes that it was trained on."""


def load_models(system: System, runs: RunFolder, device: torch.device) -> Models:
    """Load the trained models of a system.

    Raises:
        UserError: a checkpoint is lost, is not as it was written, or is not of the last iteration; says what to do.
    """
    models: Models = []
    for job in system.jobs:
        method = job.build().to(device)
        folder = runs.job(job.name)
        try:
            checkpoint = read_checkpoint(folder, device)
        except BrokenFile as error:
            raise UserError(str(error)) from error
        if checkpoint.iteration != method.settings.iterations:
            raise UserError(
                f"{folder.checkpoint}: is of iteration {checkpoint.iteration}, not of the last; {folder.remedy}"
            )
        method.load_state_dict(checkpoint.method)
        models.append((job.columns, method.eval()))
    return models


def translator(models: Models, images: Tensor, labels: Tensor, device: torch.device, precision: Precision) -> Translate:
    """All models of a system as one function.

    Args:
        images: uint8 [N, 3, S, S], the test images.
        labels: int8 [N, J], the known labels; only methods that need labels of source images read them.
    """

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        x = to_floats(images[positions].to(device))
        autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with torch.no_grad(), autocast:
            for columns, method, numbered in _runs(models, groups):
                x = method.translate(x, labels[positions][:, list(columns)].to(device), numbered).float()
        return to_bytes(x)

    return translate


def _runs(models: Models, groups: Sequence[Group]) -> list[tuple[tuple[int, ...], Method, list[Group]]]:
    """Consecutive groups of the same model together, in the given order, numbered as this model numbers them."""
    runs: list[tuple[tuple[int, ...], Method, list[Group]]] = []
    for group in groups:
        columns, method = next(model for model in models if group.attribute in model[0])
        numbered = Group(columns.index(group.attribute), group.value)
        if runs and runs[-1][1] is method:
            runs[-1][2].append(numbered)
        else:
            runs.append((columns, method, [numbered]))
    return runs
