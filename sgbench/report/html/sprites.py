"""Many small pictures as one, inside the page: lossless up to 64 pixels, as JPEG above."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

LARGEST_LOSSLESS = 64
"""Side of the largest pictures that are shown pixel for pixel: of larger ones a page would be too large."""
_QUALITY = 92


@dataclass(frozen=True)
class Sprite:
    """Pictures side by side, row by row.

    Attributes:
        columns: pictures in a row.
        uri: the picture of all, as a ``data:`` URI.
    """

    columns: int
    uri: str


def is_lossless(side: int) -> bool:
    """Whether pictures of this side are shown pixel for pixel."""
    return side <= LARGEST_LOSSLESS


def sprite_of(pictures: Sequence[np.ndarray]) -> Sprite:
    """One picture of at least one, uint8 [S, S, 3] each."""
    side, columns = len(pictures[0]), math.ceil(math.sqrt(len(pictures)))
    sheet = np.zeros((-(-len(pictures) // columns) * side, columns * side, 3), np.uint8)
    for k, picture in enumerate(pictures):
        top, left = side * (k // columns), side * (k % columns)
        sheet[top : top + side, left : left + side] = picture
    kind, how = ("png", {"optimize": True}) if is_lossless(side) else ("jpeg", {"quality": _QUALITY, "subsampling": 0})
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, kind, **how)
    return Sprite(columns, f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}")
