"""Photographs in files: they are found, hashed, and decoded, cropped and resized one at a time."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sgbench.support.errors import UserError
from sgbench.support.reading import NotRead, open_regular, read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What photographs are decoded from, as Pillow names it; for other formats Pillow may start another program."""
MOST_BYTES = 256 * 2**20
MOST_PIXELS = 2**26
"""Of a photograph: 8,192x8,192."""
_SAMPLED = 32
"""About how many files have their bytes hashed."""
_LARGEST = 2**63
"""Numbers of 64 bits are smaller; files can be of later years than these can tell in nanoseconds."""
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a photograph upright, by its orientation tag."""
_TWELVE_BITS = 2**12
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
    """One photograph as ``open_photograph`` gives it, cropped and resized as ``framed`` does: uint8 [3, S, S].

    Args:
        crop: width and height in pixels -> the box that is kept.
        size: S.

    Raises:
        UserError: the file cannot be decoded, has fewer bits stored in 16, or ``crop`` raises it.
    """
    with _decoding(path):
        rgb = _whole(path)
        return framed(rgb, crop(*rgb.size), size)


def open_photograph(path: Path) -> Image.Image:
    """One photograph turned upright, in 8-bit RGB.

    Alpha is dropped; of 16-bit pixels only the upper eight bits are used, so that fewer bits stored in 16 are refused.
    Of what else the file says of the photograph only its orientation is read.

    Raises:
        UserError: the file cannot be decoded.
    """
    with _decoding(path):
        return _whole(path)


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


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """While the block decodes a photograph, its errors become one that names the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # decoders raise almost any error for a damaged file
        raise UserError(f"{path}: not a readable image ({error}); replace or remove it") from error


def _whole(path: Path) -> Image.Image:
    with open_regular(path, MOST_BYTES) as file, _opened(file) as image:
        has_16_bits = image.format in ("PNG", "TIFF") and ";16" in str(image.tile[:1])  # colours become 8 bits
        upright = _upright(image)
        if has_16_bits:
            _check_range(upright)
        return upright if upright.mode == "RGB" else _rgb(upright)


def size_of_photograph(path: Path) -> tuple[int, int] | None:
    """Width and height of a photograph that is turned upright, in pixels; None if it cannot be read."""
    try:
        with open_regular(path, MOST_BYTES) as file, _opened(file) as image:
            return _upright(image).size
    except Exception:  # decoders raise almost any error for a damaged file
        return None


def _opened(file: BinaryIO) -> Image.Image:
    """A photograph whose header was read; its pixels are not decoded yet."""
    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"it is none of {', '.join(FORMATS)}") from error
    if (pixels := image.width * image.height) > MOST_PIXELS:
        raise ValueError(f"it has {pixels:,} pixels; at most {MOST_PIXELS:,} are decoded")
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):  # a PNG's have at most 16 bits
        raise ValueError(f"{'floating-point' if image.mode == 'F' else '32-bit'} pixels, whose range nothing says")
    return image


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # where Pillow itself turns a photograph, as it does a TIFF, its tag is gone then
    orientation = _orientation(image)
    return image.transpose(_TURNED[orientation]) if orientation in _TURNED else image


def _orientation(image: Image.Image) -> int:
    """The orientation tag, from 1 to 8; 1 if there is none, or none that can be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises almost any error for damaged metadata
        return 1
    return found if found in _TURNED else 1


def _check_range(image: Image.Image) -> None:
    """Refuse 16-bit pixels of which all are as small as in 12 bits: their upper eight bits are almost black.

    Raises:
        UserError: they are. A black photograph in grey is known to be black; in colour Pillow keeps eight bits alone.
    """
    names = image.getbands()
    bands = zip(names, image.split() if len(names) > 1 else [image], strict=True)
    largest = max(int(np.asarray(pixels).max()) for name, pixels in bands if name != "A")
    is_whole = image.mode.startswith("I")
    if largest < (_TWELVE_BITS if is_whole else _TWELVE_BITS >> 8) and not (is_whole and largest == 0):
        told = "16-bit pixels of which none is above 4,095, as when 12 bits are stored in 16"
        raise UserError(f"{told}; scale it to all 16 bits, or save it with 8")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # convert would clip 16 bits to 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    image.info.pop("transparency", None)  # convert would warn that it drops the palette's transparency
    return image.convert("RGB")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return -1
