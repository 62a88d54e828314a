"""Files of packed images: each is an .npy array uint8 [n, 3, S, S] that numpy opens, then a checksum per image."""

import hashlib
import io
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sgbench.support.reading import NotRead, open_regular

IMAGES_PER_SHARD = 2048


@dataclass(frozen=True)
class ShardLayout:
    """How images are spread over the files of a folder: in order, equally many in each file, fewer in the last."""

    folder: Path
    num_images: int
    image_size: int
    images_per_shard: int = IMAGES_PER_SHARD

    @property
    def num_shards(self) -> int:
        return -(-self.num_images // self.images_per_shard)

    @property
    def image_bytes(self) -> int:
        return 3 * self.image_size**2

    def path(self, shard: int) -> Path:
        return self.folder / f"shard-{shard:05d}.npy"

    def images(self, shard: int) -> range:
        """Positions of a shard's images among all."""
        start = shard * self.images_per_shard
        return range(start, min(start + self.images_per_shard, self.num_images))

    def header(self, shard: int) -> bytes:
        """The .npy header that stands before a shard's pixels."""
        file = io.BytesIO()
        shape = (len(self.images(shard)), 3, self.image_size, self.image_size)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return file.getvalue()

    def num_bytes(self, shard: int) -> int:
        """Size of a shard's file: header, pixels, checksums."""
        return len(self.header(shard)) + len(self.images(shard)) * (self.image_bytes + 8)


def checksums(images: np.ndarray) -> np.ndarray:
    """A checksum of each image uint8 [n, 3, S, S], a weighted sum of its 64-bit words: uint64 [n].

    Weights are odd and differ, so that any change within one word is found, and words that change places are. A CRC-32
    takes longer.
    """
    words = images.reshape(len(images), -1).view("<u8")
    return words @ _weights(words.shape[1])


@lru_cache(maxsize=1)
def _weights(number: int) -> np.ndarray:
    """Odd numbers without a pattern, uint64 [number] (Steele, Lea and Flood, SplitMix64, 2014)."""
    z = np.arange(1, number + 1, dtype="<u8") * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z | np.uint64(1)


class DamagedShard(Exception):
    """A file differs from what was written. The message names the file and says what is wrong."""


class Shard:
    """One file, memory-mapped and read-only.

    Attributes:
        images: uint8 [n, 3, S, S].

    Raises:
        DamagedShard: the file is missing, or has another size or header than expected.
    """

    def __init__(self, layout: ShardLayout, shard: int):
        self.path, header = layout.path(shard), layout.header(shard)
        try:
            with open_regular(self.path) as file:
                size = file.seek(0, io.SEEK_END)
                if size != layout.num_bytes(shard):
                    raise DamagedShard(f"{self.path}: has {size:,} bytes, not {layout.num_bytes(shard):,}")
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise DamagedShard(f"{self.path}: is missing") from error
        except NotRead as error:
            raise DamagedShard(f"{self.path}: {error}") from error
        if self._map[: len(header)] != header:
            raise DamagedShard(f"{self.path}: does not begin as it should")
        self._start, self._image_bytes = len(header), layout.image_bytes
        shape = (len(layout.images(shard)), 3, layout.image_size, layout.image_size)
        self.images = np.ndarray(shape, np.uint8, self._map, self._start)
        self.checksums = np.ndarray(shape[0], "<u8", self._map, self._start + self.images.nbytes)
        self._unread = np.ones(shape[0], bool)

    @property
    def digest(self) -> str:
        """SHA-256 of the checksums, which tells this shard from one of other images."""
        return digest_of([self])

    def read(self, row: int) -> np.ndarray:
        """An image uint8 [3, S, S]; on its first use it is compared with its checksum.

        Raises:
            DamagedShard: it differs.
        """
        if self._unread[row]:
            self.check((row,))
            self._unread[row] = False
        return self.images[row]

    def check(self, rows: Sequence[int]) -> None:
        """Compare images with their checksums.

        Raises:
            DamagedShard: an image differs; the message names the first one.
        """
        for row in rows:
            if checksums(self.images[row : row + 1])[0] != self.checksums[row]:
                raise DamagedShard(f"{self.path}: image {row} of the file is not what was written")

    def prefetch(self, row: int) -> None:
        """Ask the system to read an image from the disk in the background, if it is not yet in memory."""
        if hasattr(mmap, "MADV_WILLNEED"):
            start = self._start + row * self._image_bytes
            aligned = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, aligned, start + self._image_bytes - aligned)


def digest_of(shards: Iterable[Shard]) -> str:
    """SHA-256 of the checksums of all images of some shards, in their order."""
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(shard.checksums.tobytes())
    return digest.hexdigest()
