"""Images decoded once: a memory-mapped uint8 array [N, 3, S, S] under a hash of what made it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.atomic import make_once
from sgbench.data.source import Source

_BLOCK = 256


def open_store(source: Source, cache: Path, advance: Callable[[int, int], None] | None = None) -> Tensor:
    """All images of a data set, uint8 [N, 3, S, S], read-only and memory-mapped; written on first use.

    Args:
        cache: folder of stores, one file each.
        advance: called with (images written, images in all).
    """
    path = cache / f"{source.name}-{source.settings.image_size}-{source.fingerprint[:16]}.npy"
    make_once(path, partial(_write, source, advance))
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _write(source: Source, advance: Callable[[int, int], None] | None, path: Path) -> None:
    total, size = len(source.ids), source.settings.image_size
    blocks = [range(start, min(start + _BLOCK, total)) for start in range(0, total, _BLOCK)]
    header = {"descr": "|u1", "fortran_order": False, "shape": (total, 3, size, size)}
    with path.open("wb") as file, ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
        np.lib.format.write_array_header_1_0(file, header)
        for block, images in zip(blocks, pool.map(source.read_many, blocks), strict=True):
            file.write(np.ascontiguousarray(images, np.uint8).data)
            if advance:
                advance(block.stop, total)
