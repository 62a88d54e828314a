"""The curve of figures against labels per value, a panel for each figure, a line with its band for each method."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from sgbench.metrics.catalogue import spec_of
from sgbench.report.budget import MEAN, MEASURES, budget_table, labels_at_all
from sgbench.report.canvas import PRINT, new_figure, plain, save
from sgbench.report.layout import Layout
from sgbench.report.published import measured_and_published
from sgbench.report.style import MUTED, RULE, method_colours, own_style
from sgbench.results.records import ALL

_UNITS = {"share": "%", "score": "x 100", "levels": "levels of 255"}
_ACROSS = 2
"""Panels in a row."""
_BEYOND = 2.5
"""Where "all" stands if its number is not known: so many times as far as the largest level."""


@own_style()
def budget_plot(path: Path, frame: pd.DataFrame, layout: Layout, manifests: Mapping[str, Mapping]) -> None:
    """Draw the means over targets with their 95 % intervals as bands; controls are dashed, for they have no level.

    Args:
        manifests: of sets of labels, which say how many "all" is.
    """
    cells = budget_table(measured_and_published(frame)[0], layout).cells
    cells = cells[(cells["block"] == MEAN) & cells["value"].notna()]
    panels = [column.heading for column in MEASURES if column.heading in set(cells["column"])]
    labels = labels_at_all(manifests, layout)
    numbers = _numbers(cells, labels)
    told = [f"{ALL}\n({labels:,.0f})" if labels and level == ALL else level for level in numbers]
    down = max(1, -(-len(panels) // _ACROSS))
    figure = new_figure(700, 70 + 210 * down, scale=PRINT)
    axes = figure.subplots(down, _ACROSS, squeeze=False).flatten()
    for axis, panel in zip(axes, panels, strict=False):
        _panel(axis, cells[cells["column"] == panel], layout, numbers)
        axis.set_xticks(list(numbers.values()), told)
        plain(axis, f"{panel} ({_UNITS[cells.loc[cells['column'] == panel, 'unit'].iloc[0]]})")
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    handles = {label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=5, frameon=False, fontsize=8.5)
    figure.supxlabel("Labels per value", fontsize=9, color=MUTED)
    save(figure, path)


def _numbers(cells: pd.DataFrame, labels: float | None) -> dict[str, float]:
    """Level -> where it stands on the axis."""
    levels = dict.fromkeys(level for level in cells["level"] if level)
    numbers = {level: float(level) for level in levels if level != ALL}
    if ALL in levels:
        numbers[ALL] = labels or _BEYOND * max(numbers.values(), default=1.0)
    return dict(sorted(numbers.items(), key=lambda item: item[1]))


def _panel(axis: Axes, cells: pd.DataFrame, layout: Layout, numbers: Mapping[str, float]) -> None:
    colours = method_colours([*layout.methods, *cells["method"]])
    scale = spec_of(cells["metric"].iloc[0]).scale
    for (method, variant), own in cells[cells["level"] != ""].groupby(["method", "variant"], sort=False):
        line = own.assign(x=own["level"].map(numbers)).sort_values("x")
        label = ", ".join(filter(None, (layout.methods.get(method, method), variant)))
        style = "--" if variant else "-"
        axis.plot(line["x"], scale * line["value"], style, marker="o", ms=3, lw=1.4, color=colours[method], label=label)
        axis.fill_between(line["x"], scale * line["low"], scale * line["high"], color=colours[method], alpha=0.15, lw=0)
    for control in cells[cells["level"] == ""].to_dict("records"):
        label = layout.methods.get(control["method"], control["method"])
        dashes = ":" if control["method"] == "copy" else "-."
        axis.axhline(scale * control["value"], ls=dashes, lw=0.9, color=MUTED, label=label)
    axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(labelsize=8)
    axis.grid(color=RULE, lw=0.6)
