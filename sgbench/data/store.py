"""Images decoded once: a memory-mapped uint8 array [N, 3, S, S] under a hash of what made it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from sgbench.atomic import replacing
from sgbench.data.source import Source

_BLOCK = 256


def open_store(source: Source, cache: Path, advance: Callable[[int, int], None] | None = None) -> Tensor:
    """All images of a data set, uint8 [N, 3, S, S], read-only and memory-mapped; written on first use.

    Args:
        cache: folder of stores, one file each.
        advance: called with (images written, images in all).
    """
    path = cache / f"{source.name}-{source.settings.image_size}-{source.fingerprint[:16]}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            _write(source, path, advance)
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _write(source: Source, path: Path, advance: Callable[[int, int], None] | None) -> None:
    total, size = len(source.ids), source.settings.image_size
    blocks = [range(start, min(start + _BLOCK, total)) for start in range(0, total, _BLOCK)]
    with replacing(path) as partial:
        array = np.lib.format.open_memmap(partial, "w+", np.uint8, (total, 3, size, size))
        with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
            for block, images in zip(blocks, pool.map(source.read_many, blocks), strict=True):
                array[block.start : block.stop] = images
                if advance:
                    advance(block.stop, total)
        array.flush()
        del array
