"""Whether a model gives the same results each time, and the same whatever other images are in the batch."""

import random
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sgbench.data.pixels import to_bytes
from sgbench.support.errors import UserError

_LEVELS = 1.0
"""Results that are further apart, on average, differ by more than rounding; of 255."""


def seed_draws(seed: int) -> None:
    """Seed what a model may draw from: the generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (models still draw from it)
    random.seed(seed)


def check_repeats(make: Callable[[Tensor, int], Tensor], positions: Tensor, name: str) -> None:
    """Try a model with a few images: with other seeds, and with each image alone.

    Args:
        make: positions in the test set [n] and a seed -> results [n, 3, S, S], floats or uint8.
        name: of the model, in messages.

    Raises:
        UserError: results depend on the other images of the batch.
    """
    together = make(positions, 0)
    if _differ(together, make(positions, 1)):
        warnings.warn(f"{name}: results are drawn at random: figures are those of one draw", stacklevel=3)
    elif _differ(together, torch.cat([make(part, 0) for part in positions.split(1)])):
        raise UserError(
            f"{name}: results of an image change with the other images of the batch, as those of a model in training "
            "mode; call its eval() first"
        )


def _differ(a: Tensor, b: Tensor) -> bool:
    levels = [part if part.dtype == torch.uint8 else to_bytes(part) for part in (a, b)]
    return (levels[0].float() - levels[1].float()).abs().mean().item() > _LEVELS
