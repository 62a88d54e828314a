"""A submission given as a Python function that takes images, labels and groups and returns results.

``function(images float32 [n, 3, S, S] in [-1, 1], labels int8 [n, J], groups) -> float [n, 3, S, S] in [-1, 1]``. It
may also return uint8 results, which are not changed. Floats are clamped and rounded like other systems' results.

It runs in this process, and what it changes there is put back after each call.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from sgbench.data.checked import check_scale, checked
from sgbench.data.labels import Group
from sgbench.data.pixels import LEVEL, to_bytes, to_floats
from sgbench.data.requests import make_requests
from sgbench.scoring.repeats import DRAWS, unsteady
from sgbench.scoring.translator import translator
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.results import Results
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign

_TRIED = 4
"""Number of test images per group that a model is tried with."""

Translator = Callable[[Tensor, Tensor, Sequence[Group]], Tensor]


def open_function(function: Callable, inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    """Open the results of a function, a method or a callable object such as an nn.Module.

    Raises:
        UserError: a module, or a part of it, is in training mode, or it fails or returns no valid results for a few
            test images.
    """
    name = _name(function)
    owner = getattr(function, "__self__", function)
    if isinstance(owner, nn.Module) and any(part.training for part in owner.modules()):
        raise UserError(f"{name} is in training mode, where results depend on the batch; call its eval() first")
    return serve_model(function, name, None, inputs, device, batch_size)


def serve_model(
    model: Translator, name: str, fingerprint: str | None, inputs: Inputs, device: torch.device, batch_size: int
) -> Results:
    """Results of a model, made when they are needed, at most ``batch_size`` at a time.

    What a model draws at random is seeded by the images, so that the same model gives the same results.

    Raises:
        UserError: the model fails, its results are not in [-1, 1], or they depend on the other images of the batch;
            this is tried here with a few test images.
    """

    def make(levels: Tensor, labels: Tensor, groups: Sequence[Group], seed: int) -> Tensor:
        images = to_floats(levels.to(device))
        shape = tuple(images.shape)
        try:
            with foreign(name), torch.no_grad():
                seed_draws(seed)
                results = model(images, labels.to(device), tuple(groups))
        except UserError:
            raise
        except Exception as error:  # the code of a submission may raise any error
            raise UserError(f"{name}: failed on images {list(shape)}: {summary(error)}") from error
        whole = isinstance(results, Tensor) and results.dtype == torch.uint8 and not results.is_nested
        kept = results.cpu() if whole and results.shape == shape else checked(results, shape, name)
        return kept.clone()  # a model may write its next results into the same memory

    def edit(images: Tensor, labels: Tensor, groups: Sequence[Group], seed: int) -> Tensor:
        starts = range(0, len(images), batch_size)
        parts = zip(starts, images.split(batch_size), labels.split(batch_size), strict=True)
        made = [make(x, y, groups, seed + start) for start, x, y in parts]
        return torch.cat([part if part.dtype == torch.uint8 else to_bytes(part) for part in made])

    def tried(positions: Tensor, group: Group, seed: int = 0) -> Tensor:
        return make(inputs.images[positions], inputs.labels[positions], [group], seed + int(positions[0]))

    of_test_images = translator(edit, inputs.images, inputs.labels)

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return torch.cat([of_test_images(part, groups) for part in positions.split(batch_size)])

    def has(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return torch.ones(len(positions), dtype=torch.bool)

    low, high = 0.0, 0.0
    floats = False
    requests = make_requests(inputs.labels, inputs.attributes)
    asked = [(group, request.positions[rows][:_TRIED]) for request in requests for group, rows in request.by_value()]
    for group, positions in asked:  # a wrong model is refused before anything is scored
        for part in positions.split(batch_size):
            results = tried(part, group)
            if results.dtype != torch.uint8:
                low = results.min().item() if not floats else min(low, results.min().item())
                high = max(high, results.max().item())
                floats = True
    if floats:
        check_scale(low, high, int(inputs.images.min()), name)
    if max(-low, high) > 1 + LEVEL:
        warnings.warn(f"{name}: values from {low:.4g} to {high:.4g} are clamped to [-1, 1]", stacklevel=2)
    if asked:
        group, positions = max(asked, key=lambda pair: len(pair[1]))
        _check_repeats(lambda part, seed: tried(part, group, seed), positions[:batch_size], name)
    return Results(translate, has, Path(name).name, fingerprint, edit=edit)


def _check_repeats(make: Callable[[Tensor, int], Tensor], positions: Tensor, name: str) -> None:
    """Try a model with a few images: with other seeds, and with each image alone.

    Raises:
        UserError: results depend on the other images of the batch.
    """
    found = unsteady(make, positions)
    if found == "draws":
        warnings.warn(f"{name}: {DRAWS}", stacklevel=3)
    if found == "batch":
        raise UserError(
            f"{name}: results of an image change with the other images of the batch, as those of a model in training "
            "mode; call its eval() first"
        )


def _name(function: Callable) -> str:
    subject = function if hasattr(function, "__qualname__") else type(function)
    return f"{subject.__module__}:{subject.__qualname__}"
