"""Photographs in files: they are found, hashed, and read one at a time, cropped and resized."""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from sgbench.data.sources.decoding import MOST_BYTES, decoding, read_rgb
from sgbench.support.errors import UserError
from sgbench.support.reading import NotRead, read_bytes

_SAMPLED = 32
"""About how many files have their bytes hashed."""
_LARGEST = 2**63
"""Numbers of 64 bits are smaller; files can be of later years than these can tell in nanoseconds."""
Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge of a crop, in pixels."""


def find_images(
    folder: Path, names: Sequence[str], where: Callable[[int], str], allow_missing: bool = False
) -> np.ndarray:
    """Sizes of image files in bytes, int64 [N], -1 for a missing file; each file is looked up once.

    Args:
        names: paths below the folder.
        where: gives the place that lists the image at a position, for messages.

    Raises:
        UserError: a file is missing and ``allow_missing`` is false, or all files are missing.
    """
    sizes = np.fromiter((_size(folder / name) for name in names), np.int64, len(names))
    missing = np.flatnonzero(sizes < 0)
    if len(missing):
        first = int(missing[0])
        if not allow_missing:
            raise UserError(
                f"{where(first)}: images that are not in {folder}: {len(missing):,}, the first {names[first]}; "
                "complete the copy or pass --allow-missing"
            )
        if len(missing) == len(names):
            raise UserError(f"{where(first)}: {folder} holds none of the images listed, such as {names[first]}")
    return sizes


def file_times(folder: Path, names: Sequence[str]) -> np.ndarray:
    """A number for each image file that changes when it is written to or replaced, int64 [N]; 0 for one that is gone.

    It is made of the time of the last writing and of that of the last change, which nobody can put back.
    """

    def number(path: Path) -> int:
        try:
            status = path.stat()
        except OSError:
            return 0
        return (status.st_mtime_ns + status.st_ctime_ns) % _LARGEST

    return np.fromiter((number(folder / name) for name in names), np.int64, len(names))


def file_name(folder: Path, name: str) -> str:
    """The path below the folder of the file with this name, or with this name in another Unicode normal form.

    Names from macOS are often decomposed, typed names are composed. If there is no such file, returns the name.
    """
    if name.isascii():
        return name
    actual = ""
    for part in name.split("/"):
        forms = (part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD")))
        below = next((form for form in forms if (folder / actual / form).exists()), None)
        if below is None:
            return name
        actual = f"{actual}/{below}" if actual else below
    return actual


def missing_note(sizes: np.ndarray) -> list[str]:
    """A note if some of the listed images are missing, given the sizes from ``find_images``."""
    present, total = int((sizes >= 0).sum()), len(sizes)
    return [f"Of {total:,} images that are listed, the {present:,} that were there were used."] * (present < total)


def fingerprint(header: str, names: Sequence[str], sizes: Sequence[int], *parts: bytes) -> str:
    """SHA-256 of names, file sizes and all ``parts`` that determine images and labels; it reads no file."""
    key = hashlib.sha256(header.encode())
    if any(name.lower().endswith((".tif", ".tiff")) for name in names):
        key.update(b"turned once;")  # earlier versions turned a TIFF twice: what they packed is packed again
    for name, size in zip(names, sizes, strict=True):
        key.update(f"{name} {size};".encode())
    for part in parts:
        key.update(part)
    return key.hexdigest()


def sample_bytes(folder: Path, names: Sequence[str]) -> bytes:
    """SHA-256 of some of the files, evenly spaced, because uncompressed images of one size have equal file sizes.

    A file that cannot be read is skipped; decoding it raises the error later.
    """
    key = hashlib.sha256()
    for name in names[:: max(1, len(names) // _SAMPLED)]:
        with suppress(OSError, NotRead):
            key.update(read_bytes(folder / name, MOST_BYTES))
    return key.digest()


def read_photograph(path: Path, crop: Callable[[int, int], Box], size: int) -> np.ndarray:
    """One photograph as ``read_rgb`` gives it, cropped and resized as ``framed`` does: uint8 [3, S, S].

    Args:
        crop: width and height in pixels -> the box that is kept.
        size: S.

    Raises:
        UserError: the file cannot be decoded, has fewer bits stored in 16, or ``crop`` raises it.
    """
    with decoding(path):
        rgb = read_rgb(path)
        return framed(rgb, crop(*rgb.size), size)


def framed(photograph: Image.Image, box: Box, size: int) -> np.ndarray:
    """A part of a photograph at another size, by Pillow's bilinear filter: uint8 [3, S, S]."""
    small = photograph.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    planes = small.tobytes("raw", "RGB;L")  # each row as red, green, blue: no pixel is moved twice
    return np.frombuffer(planes, np.uint8).reshape(size, 3, size).transpose(1, 0, 2)


def centred_square(width: int, height: int) -> Box:
    """The largest square in the middle."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1
