"""The trade-off as a picture: what systems gain across, what they preserve up, with the front of systems as a line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from sgbench.report.canvas import new_figure, plain, save
from sgbench.report.layout import Layout
from sgbench.report.published import measured_and_published
from sgbench.report.style import MUTED, RULE, method_colours, own_style
from sgbench.report.tradeoff import BACKGROUND, ON_FRONT, PRESERVED, points_of, tradeoff_table
from sgbench.results.records import ORACLE

_LINE, _PANEL, _AROUND = 17, 400, 100
"""Pixels of a label's line, of a panel's width, and of what stands above and below a panel."""
_LEADER = {"arrowstyle": "-", "lw": 0.8, "ls": ":", "relpos": (0, 0.5), "shrinkB": 4}


@own_style()
def tradeoff_plot(path: Path, frame: pd.DataFrame, layout: Layout) -> None:
    """Draw ``tradeoff_table``: a panel for each thing preserved, a point with its 95 % intervals for each system.

    Points of the front are filled. Labels stand in a column beside each panel, each with a line to its point, because
    points may lie on each other.
    """
    cells = tradeoff_table(measured_and_published(frame)[0], layout).cells
    panels = [column for column in PRESERVED if (cells["metric"] == column.metric).any()]
    rows = list(cells["row"].unique())
    high = max(400, _AROUND + _LINE * (len(rows) + 1))
    wide = _PANEL + 7 * max(map(len, rows), default=0)
    figure = new_figure(wide * max(1, len(panels)), high, scale=2)
    colours = method_colours([*layout.methods, *cells["method"]])
    for axis, column in zip(figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels, strict=False):
        _panel(axis, points_of(cells, column), colours, _LINE / (high - _AROUND))
        plain(axis, column.heading + " (MS-SSIM x 100)" * (column is BACKGROUND))
    best = "oracle" if (cells["method"] == ORACLE).any() else "real images"
    figure.supxlabel(f"Target accuracy, scaled: copy 0, {best} 1", fontsize=9.5, color=MUTED)
    save(figure, path)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places from the highest to the lowest, moved apart as little as is needed, within 0 and 1 if there is room."""
    moved: list[float] = []
    for place in places:
        moved.append(min([place, 1.0, *(last - gap for last in moved[-1:])]))
    lowest = 0.0
    for k in reversed(range(len(moved))):
        moved[k] = max(moved[k], lowest)
        lowest = moved[k] + gap
    return moved


def _panel(axis: Axes, points: pd.DataFrame, colours: Mapping[str, str], gap: float) -> None:
    """Draw points, the front, and the labels in a column to the right."""
    front = points[points["note"] == ON_FRONT].sort_values("value_x")
    axis.plot(front["value_x"], front["value_y"], color=MUTED, lw=1.6, zorder=1.5)
    for point in points.to_dict("records"):
        x, y, control = point["value_x"], point["value_y"], point["origin"] == "control"
        colour = MUTED if control else colours[point["method"]]
        if not control:
            axis.plot([point["low_x"], point["high_x"]], [y, y], color=colour, lw=0.9, alpha=0.45, zorder=2)
            axis.plot([x, x], [point["low_y"], point["high_y"]], color=colour, lw=0.9, alpha=0.45, zorder=2)
        filled = colour if control or point["note"] == ON_FRONT else "white"
        axis.plot([x], [y], "D" if control else "o", ms=6, mfc=filled, mec=colour, mew=1.3, zorder=3)
    axis.margins(0.06)
    axis.grid(color=RULE, lw=0.8)
    low, high = axis.get_ylim()
    axis.set(ylim=(low, high), xlim=axis.get_xlim())
    places = spread([(y - low) / (high - low) for y in points["value_y"]], gap)
    for point, place in zip(points.to_dict("records"), places, strict=True):
        colour = MUTED if point["origin"] == "control" else colours[point["method"]]
        axis.annotate(
            point["row"],
            (point["value_x"], point["value_y"]),
            (1.04, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=colour,
            arrowprops=_LEADER | {"color": colour},
        )
