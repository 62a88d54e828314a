"""Whether a model gives the same results each time, and the same whatever other images are in the batch."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from sgbench.data.pixels import to_bytes

_LEVELS = 1.0
"""Results that are further apart, on average, differ by more than rounding; of 255."""
DRAWS = "results are drawn at random: figures are those of one draw"


def unsteady(make: Callable[[Tensor, int], Tensor], positions: Tensor) -> Literal["", "draws", "batch"]:
    """What results depend on besides the image: on draws, on the other images of the batch, or on nothing.

    Args:
        make: positions in the test set [n] and a seed -> results [n, 3, S, S], floats or uint8.
        positions: of a few images, which are tried with another seed, and each alone.
    """
    together = make(positions, 0)
    if _differ(together, make(positions, 1)):
        return "draws"
    return "batch" if _differ(together, torch.cat([make(part, 0) for part in positions.split(1)])) else ""


def _differ(a: Tensor, b: Tensor) -> bool:
    levels = [part if part.dtype == torch.uint8 else to_bytes(part) for part in (a, b)]
    return (levels[0].float() - levels[1].float()).abs().mean().item() > _LEVELS
