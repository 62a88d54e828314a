"""Losses over training as lines that the page draws."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sgbench.report.html.axis import Axis
from sgbench.report.layout import Layout

CURVE_WIDE, CURVE_HIGH = 300.0, 150.0
"""Of a chart."""
_POINTS = 200
"""Most points of a curve."""


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
            slug = job.split(" ")[0]
            known = [name for name in layout.methods if f"{slug}.".startswith(f"{name}.")]  # a name may have dots
            name = max(known, key=len, default=slug.partition(".")[0])
            variant = slug.removeprefix(name).removeprefix(".")
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
    xs = Axis(float(frame["iteration"].min()) - 1, float(frame["iteration"].max()), CURVE_WIDE)
    ys = Axis(low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1), -CURVE_HIGH)
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


def _path(points: Iterable[tuple[float, float]], xs: Axis, ys: Axis) -> str:
    """An SVG path; it is broken where a loss is not finite."""
    parts, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            parts.append(f"{pen}{xs.place(x):g} {ys.place(y):g}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)
