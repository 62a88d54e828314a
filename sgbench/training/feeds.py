"""How batches reach the device that trains: made on the host, or of images that lie on the device.

A feed is loaded with an iteration, then gives its batches. What a device feed does between the two is the same sequence
of operations on the same memory in every iteration, so it can be part of a CUDA graph.
"""

from typing import Protocol

import torch
from torch import Tensor

from sgbench.data.batches import Batches
from sgbench.data.labels import Batch
from sgbench.data.pixels import to_floats
from sgbench.data.store.packed import PackedImages

_CHUNK = 4096
_SHARE_OF_MEMORY = 0.5
"""Of the memory that is free on a device, how much images may take there."""
_held: dict[tuple[PackedImages, torch.device], Tensor] = {}
"""The packed images of one data set, on a device."""


class Feed(Protocol):
    """Batches of one iteration after another."""

    def load(self, iteration: int) -> None:
        """Put in place what the iteration's batches are made of."""

    def batches(self) -> list[Batch]:
        """The batches of the iteration that was loaded."""


class HostFeed:
    """Batches made on the host and moved to the device whole."""

    def __init__(self, source: Batches, count: int):
        self.source, self.count, self.iteration = source, count, 0

    def load(self, iteration: int) -> None:
        """Remember the iteration."""
        self.iteration = iteration

    def batches(self) -> list[Batch]:
        """As ``Batches.at`` gives them."""
        return self.source.at(self.iteration, self.count)


class ResidentFeed:
    """Batches gathered and mirrored on the device, from 8-bit images and labels that lie there."""

    def __init__(self, source: Batches, count: int, images: Tensor):
        device, size = images.device, source.batch_size
        self.source, self.count, self.images = source, count, images
        self.positions, self.labels = source.positions.to(device), source.labels.labels.to(device)
        self.rows = torch.zeros(count, size, dtype=torch.int64, device=device)
        self.mirrored = torch.zeros(count, size, dtype=torch.bool, device=device)

    def load(self, iteration: int) -> None:
        """Move the numbers of the images that are drawn."""
        drawn = self.source.draw(iteration, self.count)
        _put(self.rows, drawn.rows)
        _put(self.mirrored, drawn.mirrored)

    def batches(self) -> list[Batch]:
        """Gathered in one go, then taken apart."""
        rows = self.rows.flatten()
        x = mirrored_floats(self.images.index_select(0, self.positions[rows]), self.mirrored.flatten())
        labels = self.labels.index_select(0, rows)
        size = self.rows.shape[1]
        return [Batch(*parts) for parts in zip(x.split(size), labels.split(size), strict=True)]


class StreamedFeed:
    """Batches of 8-bit images that are moved to the device for each iteration, and mirrored there."""

    def __init__(self, source: Batches, count: int, device: torch.device):
        number = count * source.batch_size
        self.source, self.count = source, count
        self.pixels = torch.zeros(number, *source.images.shape[1:], dtype=torch.uint8, device=device)
        self.labels = torch.zeros(number, source.labels.labels.shape[1], dtype=torch.int8, device=device)
        self.mirrored = torch.zeros(number, dtype=torch.bool, device=device)

    def load(self, iteration: int) -> None:
        """Read and move the images that are drawn."""
        rows, mirrored = (part.flatten() for part in self.source.draw(iteration, self.count))
        _put(self.pixels, self.source.images[self.source.positions[rows]])
        _put(self.labels, self.source.labels.labels[rows])
        _put(self.mirrored, mirrored)

    def batches(self) -> list[Batch]:
        """Mirrored and converted in one go, then taken apart."""
        x = mirrored_floats(self.pixels, self.mirrored)
        parts = zip(x.chunk(self.count), self.labels.chunk(self.count), strict=True)
        return [Batch(*part) for part in parts]


def make_feed(source: Batches, count: int) -> Feed:
    """The fastest feed that the device's memory allows.

    Args:
        count: batches an iteration.
    """
    if source.device.type == "cpu":
        return HostFeed(source, count)
    bytes_of_all = torch.Size(source.images.shape).numel()
    if bytes_of_all > _SHARE_OF_MEMORY * torch.cuda.mem_get_info(source.device)[0] and not _holds(source):
        return StreamedFeed(source, count, source.device)
    return ResidentFeed(source, count, _on_device(source))


def _put(to: Tensor, values: Tensor) -> None:
    """Copy from the host; a GPU copies when it gets there, while the host goes on."""
    to.copy_(values.pin_memory() if to.is_cuda else values, non_blocking=True)


def mirrored_floats(images: Tensor, mirrored: Tensor) -> Tensor:
    """Images uint8 [n, 3, S, S] as floats in [-1, 1], channels-last, those marked in ``mirrored`` [n] mirrored."""
    x = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return to_floats(x).contiguous(memory_format=torch.channels_last)


def _holds(source: Batches) -> bool:
    """Whether all images already lie on the device, for an earlier job."""
    return isinstance(source.images, PackedImages) and (source.images, source.device) in _held


def _on_device(source: Batches) -> Tensor:
    if isinstance(source.images, Tensor):
        return source.images.to(source.device)
    return _packed_on(source.images, source.device)


def _packed_on(images: PackedImages, device: torch.device) -> Tensor:
    """All packed images on a device, kept there for the jobs that follow in this process."""
    if (images, device) not in _held:
        _held.clear()  # before others are moved there: a device may not have room for both
        held = torch.empty(images.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(images), _CHUNK):
            end = min(start + _CHUNK, len(images))
            held[start:end] = images[torch.arange(start, end)].to(device)
        _held[images, device] = held
    return _held[images, device]
