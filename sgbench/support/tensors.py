"""Reads what torch.save wrote, tensors and plain values alone: no code runs, and no member is larger than the file."""

from pathlib import Path
from typing import Any

import torch

from sgbench.support.archives import check_stored
from sgbench.support.reading import open_regular

_ZIP = b"PK\3\4"
"""How files begin since torch 1.6; earlier ones are no zip."""


def load_tensors(path: Path, device: torch.device | str = "cpu", mapped: bool = False) -> Any:
    """Tensors and plain values, on a device.

    Args:
        mapped: leave tensors in the file until they are used.

    Raises:
        Exception: of any type, where the file is missing, broken or larger inside than outside.
    """
    with open_regular(path) as file:
        begins = file.read(len(_ZIP))
    if begins == _ZIP:
        check_stored(path)
    return torch.load(path, map_location=device, weights_only=True, mmap=mapped or None)
