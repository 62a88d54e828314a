"""A system as a function from images to translated images, whichever number of models it takes; and the controls."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.method import Method
from sgbench.plan import Folders, System
from sgbench.training import Precision, load_parameters

Translate = Callable[[Tensor, Sequence[Group]], Tensor]
"""Places in the test set, int64 [n], and groups -> results uint8 [n, 3, S, S] on the CPU."""


def to_bytes(images: Tensor) -> Tensor:
    """Float images in [-1, 1], clamped and rounded to 8 bits: uint8 on the CPU."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


Models = list[tuple[tuple[int, ...], Method]]
"""The trained models of a system, each with the study's attributes that it was trained on."""


def load_models(system: System, folders: Folders, device: torch.device) -> Models:
    """The trained models of a system."""
    models: Models = []
    for job in system.jobs:
        method = job.entry.cls(job.attributes, job.image_size, job.entry.settings, job.labels.labels).to(device)
        load_parameters(method, folders.job(job))
        models.append((job.columns, method.eval()))
    return models


def translator(models: Models, images: Tensor, labels: Tensor, device: torch.device, precision: Precision) -> Translate:
    """The models of a system, hidden behind one function.

    Args:
        images: uint8 [N, 3, S, S], the test images.
        labels: int8 [N, J], all that is known of them; only methods that need source labels read it.
    """

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        x = images[positions].to(device).float().div(127.5).sub(1)
        autocast = torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with torch.no_grad(), autocast:
            for columns, method, own in _runs(models, groups):
                x = method.translate(x, labels[positions][:, list(columns)].to(device), own).float()
        return to_bytes(x)

    return translate


def _runs(models: Models, groups: Sequence[Group]) -> list[tuple[tuple[int, ...], Method, list[Group]]]:
    """Neighbouring groups of one model together, in the order named, numbered as that model numbers them."""
    runs: list[tuple[tuple[int, ...], Method, list[Group]]] = []
    for group in groups:
        columns, method = next(model for model in models if group.attribute in model[0])
        own = Group(columns.index(group.attribute), group.value)
        if runs and runs[-1][1] is method:
            runs[-1][2].append(own)
        else:
            runs.append((columns, method, [own]))
    return runs
