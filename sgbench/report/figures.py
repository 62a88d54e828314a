"""Figures as PNG files: grids of faces, accuracies with their intervals, losses over training.

Nothing here touches matplotlib's global state; the same input gives the same bytes (no time, no version in the file).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from sgbench.atomic import replacing
from sgbench.report.tables import NOT_SCORED, Layout, target_table

Row = tuple[str, Sequence[np.ndarray | None] | np.ndarray]

_DPI = 100
_INK, _MUTED, _RULE = "#1f2328", "#6e7781", "#d8dee4"
_COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c7b", "#0e7490", "#a16207", "#475569")


def figure3(
    path: Path,
    columns: Sequence[str],
    people: Sequence[Sequence[Row]],
    breaks: Sequence[int] = (1,),
    min_side: int = 128,
) -> None:
    """Draw a grid of translations: a block of rows per source image, a row per system, a column per edit.

    Every pixel of an image becomes a square of whole pixels, so that nothing is interpolated.

    Args:
        columns: headings, ``Input`` and the edits.
        people: for each source image its rows: the system's name and uint8 [C, H, W, 3] in the order of the columns;
            None in place of an image leaves the cell empty.
        breaks: columns with a wider gap before them (after the input, before combined edits).
        min_side: images are enlarged by the smallest whole factor that makes them at least so many pixels wide.

    Raises:
        ValueError: a row has another number of images than there are columns, or images differ in size.
    """
    shape = _common_shape(columns, people)
    factor = -(-min_side // shape[1])
    height, width = shape[0] * factor, shape[1] * factor
    gutter = max(2, width // 32)
    font = FontProperties(family="DejaVu Sans", size=max(9.0, width * 0.1 * 72 / _DPI))
    em = round(font.get_size_in_points() * _DPI / 72)
    margin = max(_text_width(label, font) for rows in people for label, _ in rows) + 3 * em // 2
    left = [margin + c * (width + gutter) + 3 * gutter * sum(b <= c for b in breaks) for c in range(len(columns))]
    top, y = [], 2 * em + gutter
    for rows in people:
        top.append([y + r * (height + gutter) for r in range(len(rows))])
        y = top[-1][-1] + height + 6 * gutter
    canvas = np.full((y - 6 * gutter + em, left[-1] + width + em, 3), 255, np.uint8)
    for rows, ys in zip(people, top, strict=True):
        for (_, images), y0 in zip(rows, ys, strict=True):
            for image, x0 in zip(images, left, strict=True):
                cell = canvas[y0 : y0 + height, x0 : x0 + width]
                cell[:] = 246 if image is None else np.asarray(image).repeat(factor, 0).repeat(factor, 1)
    figure = _figure(canvas.shape[1], canvas.shape[0])
    figure.figimage(canvas, origin="upper")
    for name, x0 in zip(columns, left, strict=True):
        _text(figure, x0 + width / 2, 1.25 * em, name, font, ha="center", va="center")
    for rows, ys in zip(people, top, strict=True):
        for (label, _), y0 in zip(rows, ys, strict=True):
            _text(figure, margin - 3 * em / 4, y0 + height / 2, label, font, ha="right", va="center")
    _save(figure, path)


def interval_plot(path: Path, frame: pd.DataFrame, layout: Layout) -> None:
    """Draw target accuracy (%) with its 95 % interval: a panel per attribute, a row per system, controls in grey."""
    cells = target_table(frame, layout).cells
    panels, rows = list(cells["column"].unique()), list(cells["row"].unique())
    figure = _figure(220 + 270 * len(panels), 90 + 34 * len(rows), scale=2)
    axes = figure.subplots(1, max(1, len(panels)), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=False):
        for cell in cells[(cells["column"] == panel) & (cells["origin"] != "")].to_dict("records"):
            y, colour = rows.index(cell["row"]), _MUTED if cell["origin"] == "control" else _COLOURS[0]
            if np.isnan(cell["value"]):
                axis.annotate(
                    NOT_SCORED,
                    (121, y),
                    ha="right",
                    va="center",
                    fontsize=8.5,
                    color=_MUTED,
                    style="italic",
                    backgroundcolor="white",
                )
                continue
            axis.plot(
                [100 * cell["low"], 100 * cell["high"]], [y, y], color=colour, lw=7, alpha=0.3, solid_capstyle="butt"
            )
            axis.plot([100 * cell["value"]], [y], "o", ms=4, color=colour, mew=0)
            axis.annotate(f"{100 * cell['value']:.1f}", (121, y), ha="right", va="center", fontsize=8.5, color=colour)
        _plain(axis, panel)
        axis.set(xlim=(-3, 121), xticks=(0, 25, 50, 75, 100), ylim=(len(rows) - 0.5, -0.5))
        axis.set_yticks(range(len(rows)), rows)
        axis.grid(axis="x", color=_RULE, lw=0.8)
    figure.supxlabel("Target accuracy (%) with its 95 % interval", fontsize=9.5, color=_MUTED)
    _save(figure, path)


def loss_curves(path: Path, stats: Mapping[str, pd.DataFrame], per_row: int = 3) -> None:
    """Draw the losses of each job in a panel of its own, on a symmetric logarithmic scale (linear within ±1).

    Args:
        stats: job -> frame with ``iteration`` and a numeric column per loss; thin lines are what was logged, thick
            ones a centred running median over a twentieth of them.
    """
    count = max(1, len(stats))
    across = min(per_row, count)
    down = -(-count // across)
    figure = _figure(400 * across + 20, 290 * down + 40, scale=2)
    axes = figure.subplots(down, across, squeeze=False).flatten()
    losses = list(dict.fromkeys(c for s in stats.values() for c in s.select_dtypes("number") if c != "iteration"))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(losses)}
    for axis, (job, frame) in zip(axes, stats.items(), strict=False):
        for name in [c for c in losses if c in frame]:
            smooth = frame[name].rolling(max(1, len(frame) // 20), center=True, min_periods=1).median()
            axis.plot(frame["iteration"], frame[name], color=colours[name], lw=0.6, alpha=0.3)
            axis.plot(frame["iteration"], smooth, color=colours[name], lw=1.6, label=name)
        _plain(axis, job)
        axis.set_yscale("symlog", linthresh=1)
        axis.grid(color=_RULE, lw=0.8)
        axis.set_xlabel("iteration", fontsize=9, color=_MUTED)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.yaxis.set_major_formatter("{x:g}")
    for axis in axes[len(stats) :]:
        axis.set_visible(False)
    lines = [Line2D([], [], color=colour, lw=2, label=name) for name, colour in colours.items()]
    figure.legend(handles=lines, loc="outside upper left", ncols=2 * across + 1, frameon=False, fontsize=9.5)
    _save(figure, path)


def _common_shape(columns: Sequence[str], people: Sequence[Sequence[Row]]) -> tuple[int, ...]:
    rows = [row for person in people for row in person]
    for label, images in rows:
        if len(images) != len(columns):
            raise ValueError(f"row '{label}' has {len(images)} images for {len(columns)} columns")
    shapes = {np.shape(image) for _, images in rows for image in images if image is not None}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 3 or shape[2] != 3:
        raise ValueError(f"images must be [H, W, 3] and of one size, got {sorted(shapes) or 'none'}")
    return shape


def _figure(width: int, height: int, scale: int = 1) -> Figure:
    """A figure of ``width * scale`` by ``height * scale`` pixels."""
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI * scale, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    return figure


def _text(figure: Figure, x: float, y: float, text: str, font: FontProperties, **align: str) -> None:
    width, height = figure.get_size_inches() * _DPI
    figure.text(x / width, 1 - y / height, text, fontproperties=font, color=_INK, **align)


def _text_width(text: str, font: FontProperties) -> int:
    renderer = _figure(10, 10).canvas.get_renderer()
    return int(np.ceil(renderer.get_text_width_height_descent(text, font, False)[0]))


def _plain(axis, title: str) -> None:
    axis.set_title(title, fontsize=10.5, color=_INK, loc="left", fontweight="bold")
    axis.tick_params(colors=_MUTED, labelsize=9, length=0)
    axis.spines[:].set_visible(False)


def _save(figure: Figure, path: Path) -> None:
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial, format="PNG", optimize=True)
