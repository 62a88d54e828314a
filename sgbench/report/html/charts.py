"""The trade-off, the matrix and the losses as shapes that the page draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.layout import MISSING, Layout
from sgbench.report.members import FEW
from sgbench.report.style import COLOURS, method_colours
from sgbench.report.text import scaled_text
from sgbench.report.tradeoff import ON_FRONT, PRESERVED, points_of
from sgbench.report.tradeoff_plot import spread

CONTROL = -1
"""Stands for the colour of controls."""
WIDE, HIGH, LABELS = 420.0, 300.0, 190.0
"""Of a panel of the trade-off, and of the labels beside it."""
_LINE = 15.0
"""Height of a label."""
CURVE_WIDE, CURVE_HIGH = 300.0, 150.0
"""Of a chart of losses."""
_POINTS = 200
"""Most points of a curve."""


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
class Panel:
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


@dataclass(frozen=True)
class HeatCell:
    """A cell of a matrix: its text, its share in per cent (None without a figure), whether it is of the target."""

    text: str
    share: float | None
    is_target: bool
    told: str


@dataclass(frozen=True)
class HeatMap:
    """The matrix of a system: a row for each target, a cell for each measured attribute."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]


@dataclass(frozen=True)
class Curves:
    """The losses of a job.

    Attributes:
        lines: colour, name and path of each loss; colours after the palette's are darker ones of the same, dashed.
        ticks_x, ticks_y: place in pixels and text.
    """

    name: str
    lines: tuple[tuple[int, str, str], ...]
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]


def colours_of(methods: Sequence[str]) -> dict[str, int]:
    """Place in the palette of each method's colour, the same as in the drawn figures."""
    return {method: COLOURS.index(colour) for method, colour in method_colours(methods).items()}


def panels(cells: pd.DataFrame, layout: Layout) -> list[Panel]:
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


def _panel(points: pd.DataFrame, title: str, colours: Mapping[str, int]) -> Panel:
    xs, ys = (_Axis.around(points, end, size) for end, size in (("x", WIDE), ("y", -HIGH)))
    labelled = (
        points if len(points) <= 2 * FEW else points[(points["note"] == ON_FRONT) | (points["origin"] == "control")]
    )
    wanted = [ys.place(y) / HIGH for y in labelled["value_y"]]
    places = [HIGH * (1 - p) for p in spread([1 - w for w in wanted], _LINE / HIGH)]
    labels = dict(zip(labelled["row"], places, strict=True))
    shown = [_point(point, xs, ys, colours, labels.get(point["row"])) for point in points.to_dict("records")]
    front = sorted((point.x, point.y) for point in shown if point.on_front)
    return Panel(title, tuple(shown), xs.ticks(), ys.ticks(), tuple(front))


def _point(point: Mapping, xs: "_Axis", ys: "_Axis", colours: Mapping[str, int], label: float | None) -> Point:
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


@dataclass(frozen=True)
class _Axis:
    """Values from ``low`` to ``high`` along so many pixels; upwards if these are negative."""

    low: float
    high: float
    pixels: float

    @classmethod
    def around(cls, points: pd.DataFrame, end: str, pixels: float) -> "_Axis":
        values = points[[f"value_{end}", f"low_{end}", f"high_{end}"]].to_numpy(float)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        room = 0.06 * (high - low or 1.0)
        return cls(low - room, high + room, pixels)

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.pixels * share if self.pixels > 0 else -self.pixels * (1 - share), 1)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """At round numbers, about five."""
        rough = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
        numbers = [step * k for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return tuple((self.place(number), f"{number:.10g}") for number in numbers)


def heat_maps(cells: pd.DataFrame, layout: Layout) -> list[HeatMap]:
    """The matrix of each system and control, of many the first.

    Args:
        cells: of ``matrix_table``.
    """
    scale = spec_of("jury_accuracy").scale
    measured = [a for a in layout.attributes if (cells["measured_on"] == a).any()]
    maps = []
    for name in list(dict.fromkeys(cells["block"]))[: FEW + 2]:
        own = cells[cells["block"] == name]
        found = {(c["target"], c["measured_on"]): c for c in own.to_dict("records")}
        rows = []
        for target in [a for a in layout.attributes if (own["target"] == a).any()]:
            row = []
            for a in measured:
                cell = found.get((target, a))
                value = math.nan if cell is None else cell["value"]
                scored = not math.isnan(value)
                text = scaled_text("jury_accuracy", value) if scored else "n/s" if cell and cell["origin"] else MISSING
                what = "with the value asked for" if a == target else "kept"
                told = f"{layout.attributes[a]} {what}" + (
                    f": {text} %" if scored else f", not scored: {cell['note']}" if cell and cell["note"] else ""
                )
                row.append(HeatCell(text, round(scale * value, 1) if scored else None, a == target, told))
            rows.append((layout.attributes[target], tuple(row)))
        maps.append(HeatMap(str(name), tuple(layout.attributes[a] for a in measured), tuple(rows)))
    return maps


def curves(losses: Mapping[str, pd.DataFrame], layout: Layout) -> dict[str, list[Curves]]:
    """The charts of each method's jobs; a loss has the same colour in all of them.

    Args:
        losses: title of a job, which begins with its method -> frame with ``iteration`` and a column for each loss.

    Returns:
        Name of a method, as shown, -> its jobs' charts.
    """
    names = {job: [c for c in frame.select_dtypes("number") if c != "iteration"] for job, frame in losses.items()}
    every = list(dict.fromkeys(name for own in names.values() for name in own))
    colours = {name: k for k, name in enumerate(every)}
    methods: dict[str, list[Curves]] = {}
    for job, frame in losses.items():
        if len(frame) and names[job]:
            name, _, variant = job.split(" ")[0].partition(".")
            method = ", ".join(filter(None, (layout.methods.get(name, name), variant)))
            methods.setdefault(method, []).append(_curves(job, frame, names[job], colours))
    return methods


def _curves(job: str, frame: pd.DataFrame, names: Sequence[str], colours: Mapping[str, int]) -> Curves:
    """A running median over a twentieth of the iterations, on a scale that is linear within 1 and then logarithmic."""
    smooth = {n: frame[n].rolling(max(1, len(frame) // 20), center=True, min_periods=1).median() for n in names}
    rows = np.unique(np.linspace(0, len(frame) - 1, min(_POINTS, len(frame))).round().astype(int))
    bent = {n: _bent(own.to_numpy(float)[rows]) for n, own in smooth.items()}
    finite = np.concatenate([own[np.isfinite(own)] for own in bent.values()])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    xs = _Axis(float(frame["iteration"].min()) - 1, float(frame["iteration"].max()), CURVE_WIDE)
    ys = _Axis(low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1), -CURVE_HIGH)
    iterations = frame["iteration"].to_numpy(float)[rows]
    lines = tuple((colours[n], n, _path(zip(iterations, own, strict=True), xs, ys)) for n, own in bent.items())
    powers = [sign * 10.0**k for k in range(7) for sign in (-1, 1)]
    ticks = [v for v in sorted([0.0, *powers]) if ys.low <= float(_bent(np.array(v))) <= ys.high]
    while len(ticks) > 6:
        ticks = ticks[::2]
    of_y = tuple((ys.place(float(_bent(np.array(v)))), f"{v:g}") for v in ticks)
    return Curves(job, lines, xs.ticks(), of_y)


def _bent(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) <= 1, values, np.sign(values) * (1 + np.log10(np.maximum(np.abs(values), 1))))


def _path(points: object, xs: _Axis, ys: _Axis) -> str:
    """An SVG path; it is broken where a loss is not finite."""
    parts, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            parts.append(f"{pen}{xs.place(x):g} {ys.place(y):g}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)
