"""The grid of samples of a model in training: a column for each training image, a row for each group, with headings."""

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from sgbench.data.labels import Attribute, all_groups
from sgbench.support.text import printable

_FONT_SIZE, _GAP = 12, 2
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
COLUMNS = "columns: training images; rows: the image itself, then what the model makes of it"


def headings(attributes: Sequence[Attribute]) -> list[str]:
    """Of the rows: the images themselves, then each group."""
    groups = [(attributes[group.attribute], group.value) for group in all_groups(attributes)]
    return ["image", *(f"{attribute.title}: {attribute.shown(value)}" for attribute, value in groups)]


def draw_grid(rows: Sequence[Tensor], names: Sequence[str], title: str) -> tuple[Image.Image, PngInfo]:
    """The grid, and what it shows as a text of the file, in which no letter is missing.

    Args:
        rows: uint8 [n, 3, S, S] each, on the CPU.
        names: of the rows.
        title: what was trained, and how far.
    """
    names, lines = [printable(name) for name in names], [printable(title), COLUMNS]
    font = ImageFont.load_default(_FONT_SIZE)
    length = ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength
    left = max(int(length(name, font)) for name in names) + 3 * _GAP
    line, side, number = _FONT_SIZE + 2 * _GAP, rows[0].shape[-1], len(rows[0])
    step = max(side + _GAP, line)
    top = len(lines) * line + _GAP
    width = max(left + number * (side + _GAP), *(int(length(text, font)) + 2 * _GAP for text in lines))
    grid = Image.new("RGB", (width, top + len(rows) * step), _WHITE)
    draw = ImageDraw.Draw(grid)
    for place, text in enumerate(lines):
        draw.text((_GAP, place * line), text, _BLACK, font)
    for place, (name, row) in enumerate(zip(names, rows, strict=True)):
        y = top + place * step
        draw.text((_GAP, y + (side - line) // 2), name, _BLACK, font)
        for column, image in enumerate(torch.unbind(row)):
            picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
            grid.paste(picture, (left + column * (side + _GAP), y))
    about = PngInfo()
    about.add_itxt("Description", "\n".join([*lines, *names]))
    return grid, about
