"""Seeds whatever code may draw random numbers from."""

import random

import numpy as np
import torch

_MOST = 2**32
"""Seeds of NumPy are smaller."""


def seed_draws(seed: int) -> None:
    """Seed the generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % _MOST)  # noqa: NPY002  (models still draw from it)
    random.seed(seed)
