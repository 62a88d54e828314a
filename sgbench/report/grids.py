"""The paper's figures 3 to 6: grids of faces, drawn pixel for pixel, on a screen or to be printed."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from sgbench.report.canvas import DPI, Pixels, new_figure, save
from sgbench.report.fonts import families
from sgbench.report.style import INK, MUTED, own_style

Row = tuple[str, Sequence[np.ndarray | None] | np.ndarray]
Band = tuple[int, int, str]
"""A heading over several columns: the first column, the last column and the text."""
Fitted = tuple[list[str], FontProperties]
"""Lines of text and the font in which they fit."""
_MISSING, _LINE = np.full((1, 1, 3), 246, np.uint8), np.full((1, 1, 3), 128, np.uint8)


def figure3(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    breaks: Sequence[int] = (1,),
    min_side: int = 128,
    asked: Sequence[Sequence[str]] = (),
    scale: int = 1,
) -> None:
    """Draw a grid of results: a block of rows per source image, a row per system, a column per edit.

    Args:
        columns: headings, ``Input`` and the edits.
        people: for each source image its rows: the system's name and uint8 [C, H, W, 3] in the order of the columns;
            an image may be None, then its cell is empty.
        breaks: columns with a wider gap before them (after the input, before combined edits).
        min_side: images are enlarged by the smallest whole factor that makes them at least this many pixels wide.
        asked: for each source image the value asked for in each column, shown above its rows; optional.
        scale: how much finer than on a screen texts and gaps are drawn (``canvas.PRINT``).

    Raises:
        ValueError: a row has more or fewer images than there are columns, or images differ in size.
    """
    _draw(path, columns, people, breaks, min_side, asked, scale)


def figure4(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    edit_columns: Sequence[int],
    gain: int = 2,
    min_side: int = 128,
    asked: Sequence[Sequence[str]] = (),
    scale: int = 1,
) -> None:
    """Draw results on the left and their absolute residuals, |result - input| per channel, on the right.

    Args:
        columns: headings as for ``figure3``; the first is the input.
        people: rows as for ``figure3``.
        edit_columns: positions in ``columns`` of the edits to show, those of a single attribute.
        gain: residuals are multiplied by this and cut at 255, and the heading says so; the paper has 1, which is dark.
        min_side: as for ``figure3``.
        asked: as for ``figure3``; shown above results, but not again above their residuals.
        scale: as for ``figure3``.

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
    above = [[*(texts[c] for c in chosen), *[""] * len(edits)] for texts in asked]
    _draw(path, [columns[0], *edits, *edits], blocks, (1, first, first), min_side, above, scale, bands)


def _residual(image: np.ndarray | None, source: np.ndarray | None, gain: int) -> np.ndarray | None:
    if image is None or source is None:
        return None
    return (gain * np.abs(np.asarray(image, int) - np.asarray(source, int))).clip(0, 255).astype(np.uint8)


@own_style()
def _draw(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    breaks: Sequence[int],
    min_side: int,
    asked: Sequence[Sequence[str]] = (),
    scale: int = 1,
    bands: Sequence[Band] = (),
) -> None:
    """Draw the grid; every pixel of an image becomes a square of pixels, so that nothing is interpolated."""
    shape = _common_shape(columns, people)
    factor, dpi = -(-min_side // shape[1]), scale * DPI
    height, width = shape[0] * factor, shape[1] * factor
    gutter = max(2, width // 32)
    labels = [label for rows in people for label, _ in rows]
    fonts = families([*columns, *labels, *(text for texts in asked for text in texts)])
    font = FontProperties(family=fonts, size=max(9.0, width * 0.1 * 72 / dpi))
    em = round(font.get_size_in_points() * dpi / 72)
    margin = max(_text_width(label, font, scale) for label in labels) + 3 * em // 2
    left = [margin + c * (width + gutter) + 3 * gutter * sum(b <= c for b in breaks) for c in range(len(columns))]
    spans = [(left[first], left[last] + width) for first, last, _ in bands]
    over = [_fitted(text, end - start, font, scale) for (start, end), (_, _, text) in zip(spans, bands, strict=True)]
    headings = [_fitted(name, width - em // 2, font, scale) for name in columns]
    small = FontProperties(family=fonts, size=0.85 * font.get_size_in_points())
    values = [
        [_fitted(text, width - em // 2, small, scale) for text in texts]
        for texts in asked or [[""] * len(columns)] * len(people)
    ]
    band = _height(over, em) + 3 * em // 4 if bands else 0
    top, y = [], band + _height(headings, em) + 3 * em // 4 + gutter
    for rows, row_values in zip(people, values, strict=True):
        y += _height(row_values, em)
        top.append([y + r * (height + gutter) for r in range(len(rows))])
        y = top[-1][-1] + height + 6 * gutter
    figure = new_figure((left[-1] + width + em) / scale, (y - 6 * gutter + em) / scale, scale)
    for rows, ys in zip(people, top, strict=True):
        for (_, images), y0 in zip(rows, ys, strict=True):
            for image, x0 in zip(images, left, strict=True):
                figure.add_artist(Pixels(_MISSING if image is None else image, (x0, y0, width, height), dpi))
    for start, end in spans:
        figure.add_artist(Pixels(_LINE, (start, band, end - start, scale), dpi))
    for (start, end), text in zip(spans, over, strict=True):
        _above(figure, (start + end) / 2, band - em // 4, text, em)
    for text, x0 in zip(headings, left, strict=True):
        _above(figure, x0 + width / 2, band + _height(headings, em) + em // 2, text, em)
    for rows, row_values, ys in zip(people, values, top, strict=True):
        for text, x0 in zip(row_values, left, strict=True):
            _above(figure, x0 + width / 2, ys[0] - em // 4, text, em, MUTED)
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


def _fitted(text: str, width: int, font: FontProperties, scale: int) -> Fitted:
    """Break text into lines after plus signs and between words; wide words are set smaller, then cut anywhere."""
    fitted, pattern = font.copy(), r"\S+\s*"
    for share in (1, 0.9, 0.8, 0.7):
        fitted.set_size(share * font.get_size_in_points())
        if all(_text_width(word, fitted, scale) <= width for word in text.split()):
            break
    else:
        pattern = "."
    lines: list[str] = []
    for segment in [text] if _text_width(text, fitted, scale) <= width else re.split(r"(?<=\+)", text):
        line = ""
        for part in re.findall(pattern, segment):
            if line and _text_width((line + part).strip(), fitted, scale) > width:
                lines.append(line.strip())
                line = ""
            line += part
        lines += [line.strip()] * bool(line)
    return lines, fitted


def _height(texts: Sequence[Fitted], em: int) -> int:
    """Height in pixels of texts that stand side by side; the one with the most lines decides."""
    return max(len(lines) for lines, _ in texts) * 5 * em // 4


def _above(figure: Figure, x: float, y: int, text: Fitted, em: int, colour: str = INK) -> None:
    """Draw centred lines of text, with the baseline of the last line a little above ``y``."""
    lines, font = text
    for number, line in enumerate(reversed(lines)):
        baseline = y - em // 4 - number * 5 * em // 4
        _text(figure, x, baseline, line, font, colour, ha="center", va="baseline")


def _text(figure: Figure, x: float, y: float, text: str, font: FontProperties, colour: str = INK, **align: str) -> None:
    width, height = figure.get_size_inches() * figure.dpi
    figure.text(x / width, 1 - y / height, text, fontproperties=font, color=colour, **align)


def _text_width(text: str, font: FontProperties, scale: int) -> int:
    renderer = new_figure(10, 10, scale).canvas.get_renderer()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # fonts has told of it
        return int(np.ceil(renderer.get_text_width_height_descent(text, font, False)[0]))
