"""What the suite's packed images are measured against: decoding alone, a DataLoader, and simple stores of images."""

import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

SIZE, BATCH_SIZE = 128, 16
BOX = (0, 20, 178, 198)
NUM_BATCHES = 300


def decode(path: Path) -> np.ndarray:
    """The simplest way from a file to a training image: uint8 [S, S, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").crop(BOX).resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def bare_rate(files: Sequence[Path]) -> float:
    """Images per second of two processes that only decode, from when both are ready until both are done."""
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(3)
    processes = [context.Process(target=_decode_all, args=(files[k::2], ready)) for k in range(2)]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    return len(files) / (time.perf_counter() - start)


def _decode_all(files: Sequence[Path], ready) -> None:
    ready.wait()
    for path in files:
        decode(path)


class Photographs(Dataset):
    """What DataLoader's workers do for each image: decode, crop, resize, convert to floats, flip."""

    def __init__(self, files: Sequence[Path]):
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        x = torch.from_numpy(decode(self.files[index]).transpose(2, 0, 1).astype(np.float32))
        x = x.div_(127.5).sub_(1)
        return x.flip(-1) if torch.rand(()) < 0.5 else x


def loader_rate(files: Sequence[Path]) -> float:
    """Images per second of a DataLoader with two workers, after its first ten batches."""
    loader = iter(DataLoader(Photographs(files), BATCH_SIZE, shuffle=True, num_workers=2, drop_last=True))
    for _ in range(10):
        next(loader)
    start = time.perf_counter()
    num_batches = sum(1 for _ in loader)
    return num_batches * BATCH_SIZE / (time.perf_counter() - start)


def plain_rate(images: torch.Tensor) -> float:
    """Images per second of simple code that indexes a tensor, converts to floats and flips."""
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(NUM_BATCHES):
        x = images[torch.from_numpy(rng.integers(len(images), size=BATCH_SIZE))].float().div_(127.5).sub_(1)
        flip = torch.from_numpy(rng.random(len(x)) < 0.5)
        x = torch.where(flip[:, None, None, None], x.flip(-1), x)
    return NUM_BATCHES * BATCH_SIZE / (time.perf_counter() - start)
