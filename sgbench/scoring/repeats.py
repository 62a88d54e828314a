"""Whether a model gives the same results each time, and the same whatever other images are in the batch."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.pixels import to_bytes
from sgbench.data.requests import Requests

_LEVELS = 1.0
"""Results that are further apart, on average, differ by more than rounding; of 255."""
_TRIED = 4
"""Test images that a system is tried with."""
DRAWS = "results are drawn at random: figures are those of one draw"


def unsteadiness(translate: Callable[..., Tensor], requests: Sequence[Requests], batch_size: int) -> str:
    """What results of a system depend on besides the image, in words; empty if on nothing.

    Args:
        translate: positions in the test set, groups and a seed -> results uint8.
    """
    for request in (request for request in requests if len(request.positions)):
        group, rows = request.by_value()[0]

        def make(positions: Tensor, seed: int, group: Group = group) -> Tensor:
            return translate(positions, [group], seed)

        if found := unsteady(make, request.positions[rows][: min(_TRIED, batch_size)]):
            return DRAWS if found == "draws" else "results of an image change with the other images of the batch"
    return ""


def unsteady(
    make: Callable[[Tensor, int], Tensor], positions: Tensor, levels: float = _LEVELS
) -> Literal["", "draws", "batch"]:
    """What results depend on besides the image: on draws, on the other images of the batch, or on nothing.

    Args:
        make: positions in the test set [n] and a seed -> results [n, 3, S, S], floats or uint8.
        positions: of a few images, which are tried with another seed, and each alone.
        levels: that rounding may make results differ by on average, of 255.
    """
    together = make(positions, 0)
    if _apart(together, make(positions, 1)) > levels:
        return "draws"
    alone = torch.cat([make(part, 0) for part in positions.split(1)])
    return "batch" if _apart(together, alone) > levels else ""


def _apart(a: Tensor, b: Tensor) -> float:
    levels = [part if part.dtype == torch.uint8 else to_bytes(part) for part in (a, b)]
    return (levels[0].float() - levels[1].float()).abs().mean().item()
