"""The paper's figures 3 and 4: grids of faces, pixel for pixel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from sgbench.report.canvas import DPI, INK, new_figure, save

Row = tuple[str, Sequence[np.ndarray | None] | np.ndarray]
Band = tuple[int, int, str]
"""A heading over columns: the first of them, the last, and what it says."""


def figure3(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    breaks: Sequence[int] = (1,),
    min_side: int = 128,
) -> None:
    """Draw a grid of translations: a block of rows per source image, a row per system, a column per edit.

    Args:
        columns: headings, ``Input`` and the edits.
        people: for each source image its rows: the system's name and uint8 [C, H, W, 3] in the order of the columns;
            None in place of an image leaves the cell empty.
        breaks: columns with a wider gap before them (after the input, before combined edits).
        min_side: images are enlarged by the smallest whole factor that makes them at least so many pixels wide.

    Raises:
        ValueError: a row has another number of images than there are columns, or images differ in size.
    """
    _draw(path, columns, people, breaks, min_side)


def figure4(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    edit_columns: Sequence[int],
    gain: int = 2,
    min_side: int = 128,
) -> None:
    """Draw translations on the left and their absolute residuals, |result - input| per channel, on the right.

    Args:
        columns: headings as for ``figure3``; the first is the input.
        people: rows as for ``figure3``.
        edit_columns: places in ``columns`` of the edits to show, those of a single attribute.
        gain: residuals are shown times this, cut at 255, and the heading says so; 1 is the paper's, which is dark.
        min_side: as for ``figure3``.

    Raises:
        ValueError: as for ``figure3``.
    """
    _common_shape(columns, people)
    chosen = [0, *edit_columns]
    blocks = [
        [
            (label, [images[c] for c in chosen] + [_residual(images[c], images[0], gain) for c in edit_columns])
            for label, images in rows
        ]
        for rows in people
    ]
    edits = [columns[c] for c in edit_columns]
    first = 1 + len(edits)
    times = f" x {gain}" if gain > 1 else ""
    bands = [(1, first - 1, "Results"), (first, 2 * len(edits), f"Absolute residuals, |result - input|{times}")]
    _draw(path, [columns[0], *edits, *edits], blocks, (1, first, first), min_side, bands)


def _residual(image: np.ndarray | None, source: np.ndarray | None, gain: int) -> np.ndarray | None:
    if image is None or source is None:
        return None
    return (gain * np.abs(np.asarray(image, int) - np.asarray(source, int))).clip(0, 255).astype(np.uint8)


def _draw(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    breaks: Sequence[int],
    min_side: int,
    bands: Sequence[Band] = (),
) -> None:
    """Draw the grid; every pixel of an image becomes a square of whole pixels, so that nothing is interpolated."""
    shape = _common_shape(columns, people)
    factor = -(-min_side // shape[1])
    height, width = shape[0] * factor, shape[1] * factor
    gutter = max(2, width // 32)
    font = FontProperties(family="DejaVu Sans", size=max(9.0, width * 0.1 * 72 / DPI))
    em = round(font.get_size_in_points() * DPI / 72)
    margin = max(_text_width(label, font) for rows in people for label, _ in rows) + 3 * em // 2
    left = [margin + c * (width + gutter) + 3 * gutter * sum(b <= c for b in breaks) for c in range(len(columns))]
    band = 2 * em if bands else 0
    top, y = [], band + 2 * em + gutter
    for rows in people:
        top.append([y + r * (height + gutter) for r in range(len(rows))])
        y = top[-1][-1] + height + 6 * gutter
    canvas = np.full((y - 6 * gutter + em, left[-1] + width + em, 3), 255, np.uint8)
    for rows, ys in zip(people, top, strict=True):
        for (_, images), y0 in zip(rows, ys, strict=True):
            for image, x0 in zip(images, left, strict=True):
                cell = canvas[y0 : y0 + height, x0 : x0 + width]
                cell[:] = 246 if image is None else np.asarray(image).repeat(factor, 0).repeat(factor, 1)
    for first, last, _ in bands:
        canvas[band : band + 1, left[first] : left[last] + width] = 128
    figure = new_figure(canvas.shape[1], canvas.shape[0])
    figure.figimage(canvas, origin="upper")
    for first, last, heading in bands:
        _text(figure, (left[first] + left[last] + width) / 2, 1.1 * em, heading, font, ha="center", va="center")
    for name, x0 in zip(columns, left, strict=True):
        _text(figure, x0 + width / 2, band + 1.25 * em, name, font, ha="center", va="center")
    for rows, ys in zip(people, top, strict=True):
        for (label, _), y0 in zip(rows, ys, strict=True):
            _text(figure, margin - 3 * em / 4, y0 + height / 2, label, font, ha="right", va="center")
    save(figure, path)


def _common_shape(columns: Sequence[str], people: Sequence[Sequence[Row]]) -> tuple[int, ...]:
    rows = [row for person in people for row in person]
    for label, images in rows:
        if len(images) != len(columns):
            raise ValueError(f"row '{label}' has {len(images)} images for {len(columns)} columns")
    shapes = {np.shape(image) for _, images in rows for image in images if image is not None}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 3 or shape[2] != 3:
        raise ValueError(f"images must be [H, W, 3] and of one size, got {sorted(shapes) or 'none'}")
    return shape


def _text(figure: Figure, x: float, y: float, text: str, font: FontProperties, **align: str) -> None:
    width, height = figure.get_size_inches() * DPI
    figure.text(x / width, 1 - y / height, text, fontproperties=font, color=INK, **align)


def _text_width(text: str, font: FontProperties) -> int:
    renderer = new_figure(10, 10).canvas.get_renderer()
    return int(np.ceil(renderer.get_text_width_height_descent(text, font, False)[0]))
