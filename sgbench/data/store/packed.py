"""Packed images: a data set is decoded once to 8 bits and kept in memory-mapped shards, under its fingerprint."""

import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.source import Source
from sgbench.data.store.changes import changed_remedy, check_unchanged, keep_times
from sgbench.data.store.packing import pack
from sgbench.data.store.shards import IMAGES_PER_SHARD, DamagedShard, Shard, ShardLayout, digest_of
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import UserError
from sgbench.support.locks import waited_for
from sgbench.support.strict import read_json

FORMAT = 2
INDEX = "index.json"
_CHUNK = 64
_CHECKED_WHOLE = 2**28
"""Bytes of a store that is checked whole when it is opened; of a larger one each image is checked on its first use."""
_REPACKED = "delete the file and run again: it alone is packed again"


class PackedImages:
    """All images of a complete store, read-only. It can be pickled; each process then maps the files itself.

    Attributes:
        shape: (N, 3, S, S).
        fingerprint: that of the data set that was packed.
    """

    def __init__(self, folder: Path):
        index = _read_index(folder)
        self.folder, self.fingerprint = folder, index.get("fingerprint")
        self._layout = _layout(folder, index)
        self._shards = [Shard(self._layout, k) for k in range(self._layout.num_shards)]
        size = self._layout.image_size
        self.shape = (self._layout.num_images, 3, size, size)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def digest(self) -> str:
        """The format, and SHA-256 of the checksums of all images, however they are shared out among files."""
        return f"{FORMAT}-{digest_of(self._shards)}"

    def __reduce__(self) -> tuple:
        return PackedImages, (self.folder,)

    def __getitem__(self, index: Tensor) -> Tensor:
        """A copy of some images, int64 [n] -> uint8 [n, 3, S, S].

        Raises:
            IndexError: the index is of another type, or a position is not within 0 to N - 1.
            UserError: an image is not what was written; names its file.
        """
        if not isinstance(index, Tensor) or index.dtype != torch.int64:
            raise IndexError("positions must be an int64 tensor; torch.as_tensor makes one of an array")
        places = index.tolist()
        if places and not 0 <= min(places) <= max(places) < len(self):
            raise IndexError(f"positions {min(places)} to {max(places)} are not all within 0 to {len(self) - 1}")
        images = np.empty((len(places), *self.shape[1:]), np.uint8)
        try:
            self._read_into(images, places)
        except DamagedShard as error:
            raise UserError(f"{error}; {_REPACKED}") from error
        return torch.from_numpy(images)

    def _read_into(self, images: np.ndarray, places: list[int]) -> None:
        for start in range(0, len(places), _CHUNK):
            chunk = [divmod(place, self._layout.images_per_shard) for place in places[start : start + _CHUNK]]
            for shard, row in chunk:
                self._shards[shard].prefetch(row)
            for place, (shard, row) in enumerate(chunk, start):
                images[place] = self._shards[shard].read(row)


def open_store(
    source: Source,
    cache: Path,
    advance: Callable[[int, int], None] | None = None,
    images_per_shard: int = IMAGES_PER_SHARD,
    processes: int | None = None,
) -> PackedImages:
    """All images of a data set. On first use one process packs them while others wait.

    If that process was killed, the next one continues with the shards that are missing. The size, the header, the
    checksums and, of a large store, a few images of every shard are checked; its other images are when they are used. A
    damaged shard is packed again, with a warning.

    Args:
        cache: the folder of all stores; each store has a folder in it.
        advance: called with (images packed, images in all) at the start and after each block, if any are packed now.
        images_per_shard: images per shard of a new store.
        processes: number of processes that decode; by default one per core.

    Raises:
        UserError: an image cannot be read or was changed since it was packed, the disk has not enough room, or
            the folder holds something else.
    """
    folder = store_folder(source, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with waited_for(folder.with_name(f"{folder.name}.lock"), folder):
        index = {
            "format": FORMAT,
            "name": source.name,
            "fingerprint": source.fingerprint,
            "image_size": source.settings.image_size,
            "num_images": len(source.ids),
        }
        stored = _read_index(folder) if (folder / INDEX).exists() else {}
        if stored:
            images_per_shard = stored["images_per_shard"]
            if wrong := [key for key in index if stored.get(key) != index[key]]:
                raise UserError(
                    f"{folder / INDEX}: {wrong[0]} is {stored.get(wrong[0])}, but {index[wrong[0]]} for this data; "
                    "delete the folder and run again"
                )
        index["images_per_shard"] = images_per_shard
        layout = _layout(folder, index)
        digests = stored["digests"] if stored else []
        _complete(source, layout, bool(stored), digests, advance, processes)
        index["digests"] = [Shard(layout, shard).digest for shard in range(layout.num_shards)]
        if digests and index["digests"] != digests:
            raise UserError(f"{folder}: images were changed since they were packed; {changed_remedy(folder)}")
        if not stored:
            discard_partials(folder)
            keep_times(folder, source.times())
        if stored != index:
            write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
        images = PackedImages(folder)
        check_unchanged(folder, source, images.__getitem__)
    return images


def check_source(source: Source, cache: Path) -> None:
    """Refuse a data set whose images were changed since they were packed; nothing is packed.

    Raises:
        UserError: an image was changed; names it.
    """
    folder = store_folder(source, cache)
    with suppress(DamagedShard):  # it is packed again when it is needed
        if (folder / INDEX).exists():
            check_unchanged(folder, source, lambda index: PackedImages(folder)[index])


def store_folder(source: Source, cache: Path) -> Path:
    """Where a data set's packed images are or will be."""
    return cache / f"{source.name}-{source.settings.image_size}-{source.fingerprint[:16]}"


def verify_store(folder: Path, advance: Callable[[int, int], None] | None = None) -> int:
    """Read every image of a complete store and compare it with its checksum; returns how many there are.

    Args:
        advance: called with (images read, images in all).

    Raises:
        UserError: the folder holds no complete store, or a file is damaged; the message names the first one.
    """
    layout = _layout(folder, _read_index(folder))
    for shard in range(layout.num_shards):
        images = layout.images(shard)
        try:
            Shard(layout, shard).check(range(len(images)))
        except DamagedShard as error:
            raise UserError(f"{error}; {_REPACKED}") from error
        if advance:
            advance(images.stop, layout.num_images)
    return layout.num_images


def _complete(
    source: Source,
    layout: ShardLayout,
    expected: bool,
    digests: list[str],
    advance: Callable[[int, int], None] | None,
    processes: int | None,
) -> None:
    """Pack the shards that are missing or damaged; warn of each one if all were expected to be there.

    Args:
        digests: of the shards as they were written; empty of a new store.
    """
    missing = []
    whole = layout.num_images * layout.image_bytes <= _CHECKED_WHOLE
    for shard in range(layout.num_shards):
        try:
            last = len(layout.images(shard)) - 1
            opened = Shard(layout, shard)
            if digests and opened.digest != digests[shard]:
                raise DamagedShard(f"{opened.path}: holds other checksums than those written")
            opened.check(range(last + 1) if whole else (0, last // 3, 2 * last // 3, last))
        except DamagedShard as error:
            missing.append(shard)
            if expected:
                warnings.warn(f"{error}; packed again", stacklevel=3)
    if not missing:
        return
    done = layout.num_images - sum(len(layout.images(shard)) for shard in missing)

    def counted(number: int) -> None:
        nonlocal done
        done += number
        if advance:
            advance(done, layout.num_images)

    counted(0)
    pack(source, layout, missing, counted, processes)


def _layout(folder: Path, index: dict) -> ShardLayout:
    return ShardLayout(folder, index["num_images"], index["image_size"], index["images_per_shard"])


def _read_index(folder: Path) -> dict:
    path = folder / INDEX
    try:
        index = read_json(path)
        counts = ("num_images", "image_size", "images_per_shard")
        if all(type(index[key]) is int and index[key] > 0 for key in counts) and _has_digests(index):
            return index
    except FileNotFoundError as error:
        raise UserError(f"{path}: is missing, so these are not all packed images of a data set; run again") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: does not describe packed images; delete the folder and run again")


def _has_digests(index: dict) -> bool:
    """Whether there is a digest of each shard."""
    return len(index["digests"]) == -(-index["num_images"] // index["images_per_shard"])
