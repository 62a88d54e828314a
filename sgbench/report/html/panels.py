"""The trade-off as shapes that the page draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sgbench.report.html.axis import Axis
from sgbench.report.layout import Layout
from sgbench.report.members import FEW
from sgbench.report.style import COLOURS, method_colours
from sgbench.report.tradeoff import ON_FRONT, PRESERVED, points_of
from sgbench.report.tradeoff_plot import spread

CONTROL = -1
"""Stands for the colour of controls."""
WIDE, HIGH, LABELS = 420.0, 300.0, 190.0
"""Of a panel, and of the labels beside it."""
_LINE = 15.0
"""Height of a label."""


@dataclass(frozen=True)
class Point:
    """A system in a panel: coordinates in pixels, also those of the ends of its intervals and of its label.

    Attributes:
        colour: place among the palette's colours, or ``CONTROL``.
        label: height of its label's middle; None without a label.
        told: its figures in words.
    """

    name: str
    colour: int
    x: float
    y: float
    low: tuple[float, float]
    high: tuple[float, float]
    on_front: bool
    label: float | None
    told: str


@dataclass(frozen=True)
class TradeoffPanel:
    """A panel of the trade-off.

    Attributes:
        ticks_x, ticks_y: place in pixels and text.
        front: places of the systems on the front, joined by a line.
    """

    title: str
    points: tuple[Point, ...]
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    front: tuple[tuple[float, float], ...]


def colours_of(methods: Sequence[str]) -> dict[str, int]:
    """Place in the palette of each method's colour, the same as in the drawn figures."""
    return {method: COLOURS.index(colour) for method, colour in method_colours(methods).items()}


def panels(cells: pd.DataFrame, layout: Layout) -> list[TradeoffPanel]:
    """The trade-off.

    Args:
        cells: of ``tradeoff_table``.
    """
    colours = colours_of([*layout.methods, *cells["method"]])
    return [
        _panel(points_of(cells, column), column.heading, colours)
        for column in PRESERVED
        if len(points_of(cells, column))
    ]


def _panel(points: pd.DataFrame, title: str, colours: Mapping[str, int]) -> TradeoffPanel:
    xs, ys = (Axis.around(points, end, size) for end, size in (("x", WIDE), ("y", -HIGH)))
    labelled = (
        points if len(points) <= 2 * FEW else points[(points["note"] == ON_FRONT) | (points["origin"] == "control")]
    )
    wanted = [ys.place(y) / HIGH for y in labelled["value_y"]]
    places = [HIGH * (1 - p) for p in spread([1 - w for w in wanted], _LINE / HIGH)]
    labels = dict(zip(labelled["row"], places, strict=True))
    shown = [_point(point, xs, ys, colours, labels.get(point["row"])) for point in points.to_dict("records")]
    front = sorted((point.x, point.y) for point in shown if point.on_front)
    return TradeoffPanel(title, tuple(shown), xs.ticks(), ys.ticks(), tuple(front))


def _point(point: Mapping, xs: "Axis", ys: "Axis", colours: Mapping[str, int], label: float | None) -> Point:
    x, y = xs.place(point["value_x"]), ys.place(point["value_y"])
    low, high = (
        tuple(a.place(v) if not math.isnan(v) else own for a, v, own in zip((xs, ys), ends, (x, y), strict=True))
        for ends in ((point["low_x"], point["low_y"]), (point["high_x"], point["high_y"]))
    )
    figures = [
        f"{name} {point[f'value_{end}']:.2f}"
        + (f" [{point[f'low_{end}']:.2f}, {point[f'high_{end}']:.2f}]" if not math.isnan(point[f"low_{end}"]) else "")
        for name, end in (("target accuracy", "x"), ("preserved", "y"))
    ]
    on_front = point["note"] == ON_FRONT
    told = f"{point['row']}: {', '.join(figures)}{', on the front' if on_front else ''}"
    colour = CONTROL if point["origin"] == "control" else colours[point["method"]]
    return Point(point["row"], colour, x, y, low, high, on_front, label, told)
