"""A system as one function from source images to results, however many models it has."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from sgbench.data.checked import checked
from sgbench.data.labels import HIDDEN, Group
from sgbench.data.pixels import to_bytes, to_floats
from sgbench.methods.contract import Method
from sgbench.plan.job import System
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.results.run_folder import RunFolder
from sgbench.settings.apart import is_foreign
from sgbench.support.draws import seed_draws
from sgbench.support.errors import BrokenFile, UserError, summary
from sgbench.support.global_state import foreign
from sgbench.training.precision import Precision

Edit = Callable[[Tensor, Tensor, Sequence[Group], int], Tensor]
"""Any images uint8 [n, 3, S, S], their labels int8 [n, J], groups, a seed -> results uint8 [n, 3, S, S] on the CPU."""
Translate = Callable[[Tensor, Sequence[Group]], Tensor]
"""Positions in the test set, int64 [n], and groups -> results uint8 [n, 3, S, S] on the CPU."""


class Model(NamedTuple):
    """A trained model of a system.

    Attributes:
        columns: positions of the study's attributes that it was trained on.
        place: its folder, for messages; empty before it is trained.
        sees_labels: whether it is given the source images' labels, which are hidden from it otherwise.
    """

    columns: tuple[int, ...]
    method: Method
    place: str
    sees_labels: bool = False

    def known(self, labels: Tensor) -> Tensor:
        """What the method is given of the source images' labels."""
        return labels if self.sees_labels else torch.full_like(labels, HIDDEN)

    def translate(self, x: Tensor, labels: Tensor, groups: Sequence[Group], seed: int = 0) -> Tensor:
        """The method's results, float32.

        Args:
            seed: of what a method from elsewhere may draw; those of the suite draw nothing.

        Raises:
            UserError: they are not finite, or far outside [-1, 1].
        """
        labels = self.known(labels)
        name = self.method.display_name
        brought = is_foreign(type(self.method))
        with foreign(name) if brought else nullcontext():
            if brought:
                seed_draws(seed)
            try:
                results = self.method.translate(x, labels, groups)
            except Exception as error:
                if not brought or isinstance(error, UserError):
                    raise
                told = f"failed on images {list(x.shape)}: {type(error).__name__}: {summary(error)}"
                raise UserError(f"{name}: {told}; mend the method") from error
        try:
            return checked(results, tuple(x.shape), name)
        except UserError as error:
            kept = f", or delete {self.place} to train it again" if self.place else ""
            raise UserError(f"{error}; mend the method{kept}") from error


def load_models(system: System, runs: RunFolder, device: torch.device) -> list[Model]:
    """Load the trained models of a system.

    Raises:
        UserError: a checkpoint is lost, is not as it was written, or is not of the last iteration; says what to do.
    """
    models = []
    for job in system.jobs:
        folder = runs.job(job.name)
        method = trained(job.build(), folder, device)
        models.append(Model(job.columns, method, str(folder.path), job.entry.source_labels == "true"))
    return models


def trained(method: Method, folder: JobFolder, device: torch.device) -> Method:
    """A method as its job's folder keeps it at the end of training, on a device and ready to translate.

    Raises:
        UserError: the checkpoint is lost, is not as it was written, or is not of the last iteration; says what to do.
    """
    try:
        checkpoint = read_checkpoint(folder, device)
    except BrokenFile as error:
        raise UserError(str(error)) from error
    if checkpoint.iteration != method.settings.iterations:
        raise UserError(
            f"{folder.checkpoint}: is of iteration {checkpoint.iteration}, not of the last; {folder.remedy}"
        )
    method = method.to(device)
    method.load_state_dict(checkpoint.method)
    return method.eval()


def editor(models: Sequence[Model], device: torch.device, precision: Precision) -> Edit:
    """All models of a system as one function of images and labels."""

    def edit(images: Tensor, labels: Tensor, groups: Sequence[Group], seed: int) -> Tensor:
        x = to_floats(images.to(device))
        autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with torch.no_grad(), autocast:
            for model, numbered in _runs(models, groups):
                x = model.translate(x, labels[:, list(model.columns)].to(device), numbered, seed)
        return to_bytes(x)

    return edit


def translator(edit: Edit, images: Tensor, labels: Tensor) -> Translate:
    """A system as a function of test images alone.

    What a method from elsewhere draws is seeded by the images, so that a resumed study has the same results. Another
    number as the third argument gives another draw.

    Args:
        images: uint8 [N, 3, S, S], the test images.
        labels: int8 [N, J], their known labels.
    """

    def translate(positions: Tensor, groups: Sequence[Group], seed: int = 0) -> Tensor:
        return edit(images[positions], labels[positions], groups, seed + int(positions[0]))

    return translate


def _runs(models: Sequence[Model], groups: Sequence[Group]) -> list[tuple[Model, list[Group]]]:
    """Consecutive groups of the same model together, in the given order, numbered as this model numbers them."""
    runs: list[tuple[Model, list[Group]]] = []
    for group in groups:
        model = next(model for model in models if group.attribute in model.columns)
        numbered = Group(model.columns.index(group.attribute), group.value)
        if runs and runs[-1][0] is model:
            runs[-1][1].append(numbered)
        else:
            runs.append((model, [numbered]))
    return runs
