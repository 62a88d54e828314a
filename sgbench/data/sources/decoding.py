"""Decodes photographs one at a time: turned upright, in 8-bit RGB, and what else of a file can be kept with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from sgbench.support.errors import UserError
from sgbench.support.reading import open_regular

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What photographs are decoded from, as Pillow names it; for other formats Pillow may start another program."""
MOST_BYTES = 256 * 2**20
MOST_PIXELS = 2**26
"""Of a photograph: 8,192x8,192."""
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
_OTHER_COLOURS = ("CMYK", "YCbCr", "LAB", "HSV")
_SPACE = slice(16, 20)
"""Where a colour profile (ICC) says of which colours it speaks."""


@dataclass(frozen=True)
class Photograph:
    """A photograph that was turned upright.

    Attributes:
        rgb: 8-bit RGB.
        alpha: how opaque each pixel is, 8 bits; None if the file says nothing of it.
        profile: what the colours mean (ICC), if the file says so of RGB.
        lost: in words, what the file has and neither of these.
    """

    rgb: Image.Image
    alpha: Image.Image | None
    profile: bytes | None
    lost: tuple[str, ...]


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """While the block decodes a photograph, its errors become one that names the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # decoders raise almost any error for a damaged file
        raise UserError(f"{path}: not a readable image ({error}); replace or remove it") from error


def open_photograph(path: Path) -> Photograph:
    """One photograph turned upright.

    Raises:
        UserError: the file cannot be decoded, or has fewer bits stored in 16.
    """
    with decoding(path), _upright(path) as (upright, file, deep):
        lost = ["16 bits a colour, of which the upper 8 stay"] if deep else []
        lost += (
            [f"the colours of its file ({upright.mode}), which become RGB"] if upright.mode in _OTHER_COLOURS else []
        )
        profile = upright.info.get("icc_profile")
        has_profile = isinstance(profile, bytes) and profile[_SPACE] == b"RGB "
        alpha = _alpha(upright)
        rgb = _rgb(upright)
        rgb.info.clear()  # what Pillow would write into a picture made of it
        lost += ["frames after the first"] if getattr(file, "is_animated", False) else []  # looks into the file
        return Photograph(rgb, alpha, profile if has_profile else None, tuple(lost))


def read_rgb(path: Path) -> Image.Image:
    """One photograph turned upright, in 8-bit RGB; errors are those of its decoder, within ``decoding``.

    Alpha is dropped; of 16-bit pixels only the upper eight bits are used, so that fewer bits stored in 16 are refused.
    Of what else the file says of the photograph only its orientation is read.
    """
    with _upright(path) as (upright, _, _):
        return _rgb(upright)


def size_of_photograph(path: Path) -> tuple[int, int] | None:
    """Width and height of a photograph that is turned upright, in pixels; None if it cannot be read."""
    try:
        with open_regular(path, MOST_BYTES) as file, _opened(file) as image:
            return _turned(image).size
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


@contextmanager
def _upright(path: Path) -> Iterator[tuple[Image.Image, Image.Image, bool]]:
    """One photograph turned upright in the colours of its file, the file, open, and whether it has 16 bits a colour."""
    with open_regular(path, MOST_BYTES) as file, _opened(file) as image:
        deep = image.format in ("PNG", "TIFF") and ";16" in str(image.tile[:1])  # colours become 8 bits
        upright = _turned(image)
        if deep:
            _check_range(upright)
        yield upright, image, deep


def _turned(image: Image.Image) -> Image.Image:
    image.load()  # where Pillow itself turns a photograph, as it does a TIFF, its tag is gone then
    turn = orientation(image)
    return image.transpose(_TURNED[turn]) if turn in _TURNED else image


def orientation(image: Image.Image) -> int:
    """The orientation tag, from 1 (upright) to 8; 1 if there is none, or none that can be read."""
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
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # convert would clip 16 bits to 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    image.info.pop("transparency", None)  # convert would warn that it drops the palette's transparency
    return image.convert("RGB")


def _alpha(image: Image.Image) -> Image.Image | None:
    """How opaque each pixel is, as an image of 8 bits; None where the file says nothing of it."""
    if not image.has_transparency_data or image.mode.startswith("I"):
        return None
    return image.convert("RGBA").getchannel("A")
