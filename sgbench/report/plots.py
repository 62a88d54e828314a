"""Charts: accuracies with their intervals, the matrix of targets and measured attributes, losses over training."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from sgbench.metrics.catalogue import spec_of
from sgbench.report.beyond import matrix_table
from sgbench.report.canvas import new_figure, plain, save
from sgbench.report.layout import MISSING, NOT_SCORED, Layout
from sgbench.report.published import measured_and_published
from sgbench.report.style import COLOURS, INK, MUTED, RULE, method_colours, own_style
from sgbench.report.tables import jury_target_table
from sgbench.report.text import scaled_text

_CELL = 46
"""Side of a cell of the matrix, in pixels."""
_HOW_TO_READ = (
    "Row: target; column: measured attribute. % with the value asked for (outlined) or kept; darker is lower."
)
_SHARES = LinearSegmentedColormap.from_list("shares", [COLOURS[1], "#f0a26e", "#fbe0cc", "#f4f8fd"]).with_extremes(
    bad=RULE
)


@own_style()
def interval_plot(path: Path, frame: pd.DataFrame, layout: Layout) -> None:
    """Draw target accuracy (%) with its 95 % interval: a panel per attribute, a row per system, controls in grey."""
    cells = jury_target_table(measured_and_published(frame)[0], layout).cells
    panels, rows = list(cells["column"].unique()), {row: y for y, row in enumerate(cells["row"].unique())}
    colours = method_colours([*layout.methods, *cells["method"]])
    figure = new_figure(220 + 270 * len(panels), 90 + 34 * len(rows), scale=2)
    axes = figure.subplots(1, max(1, len(panels)), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=False):
        for cell in cells[(cells["column"] == panel) & (cells["origin"] != "")].to_dict("records"):
            scale = spec_of(cell["metric"]).scale
            y, colour = rows[cell["row"]], MUTED if cell["origin"] == "control" else colours[cell["method"]]
            if np.isnan(cell["value"]):
                axis.annotate(
                    NOT_SCORED,
                    (121, y),
                    ha="right",
                    va="center",
                    fontsize=8.5,
                    color=MUTED,
                    style="italic",
                    backgroundcolor="white",
                )
                continue
            axis.plot(
                [scale * cell["low"], scale * cell["high"]],
                [y, y],
                color=colour,
                lw=7,
                alpha=0.3,
                solid_capstyle="butt",
            )
            axis.plot([scale * cell["value"]], [y], "o", ms=4, color=colour, mew=0)
            axis.annotate(
                scaled_text(cell["metric"], cell["value"]),
                (121, y),
                ha="right",
                va="center",
                fontsize=8.5,
                color=colour,
            )
        plain(axis, panel)
        axis.set(xlim=(-3, 121), xticks=(0, 25, 50, 75, 100), ylim=(len(rows) - 0.5, -0.5))
        axis.set_yticks(range(len(rows)), list(rows))
        axis.grid(axis="x", color=RULE, lw=0.8)
    figure.supxlabel("Target accuracy (%) with its 95 % interval", fontsize=9.5, color=MUTED)
    save(figure, path)


@own_style()
def matrix_plot(path: Path, frame: pd.DataFrame, layout: Layout, width: int = 1400) -> None:
    """Draw ``matrix_table``: a panel per system, a row per target, a column per measured attribute; accuracy in %.

    Args:
        width: the width of the figure in pixels; as many panels as fit are put side by side.
    """
    cells = matrix_table(measured_and_published(frame)[0], layout).cells
    systems = list(cells["block"].unique())
    targets, measured = ([a for a in layout.attributes if a in set(cells[c])] for c in ("target", "measured_on"))
    leaning = 5 * max((len(layout.attributes[a]) for a in measured), default=0)  # columns' names, at 35 degrees
    panel = leaning + max(_CELL * len(measured), *(9 * len(system) for system in systems), 0) + 10
    across = max(1, min(len(systems), (width - 110) // panel))
    down = max(1, -(-len(systems) // across))
    wide = 110 + across * panel
    legend = textwrap.wrap(_HOW_TO_READ, wide // 7)
    high = 40 + 14 * len(legend) + down * (_CELL * max(1, len(targets)) + 64 + leaning)
    figure = new_figure(wide, high, scale=2)
    axes = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    for axis, system in zip(axes, systems, strict=False):
        _matrix(axis, cells[cells["block"] == system], targets, measured)
        plain(axis, system)
        axis.set_anchor("NW")
        axis.set_xticks(range(len(measured)), [layout.attributes[a] for a in measured], rotation=35, ha="right")
        axis.set_yticks(range(len(targets)), [layout.attributes[a] for a in targets])
    for axis in axes[len(systems) :]:
        axis.set_visible(False)
    figure.supxlabel("\n".join(legend), fontsize=9.5, color=MUTED)
    save(figure, path)


@own_style()
def loss_curves(path: Path, stats: Mapping[str, pd.DataFrame], per_row: int = 3) -> None:
    """Draw one panel per job with its losses, on a symmetric logarithmic scale (linear within ±1).

    Args:
        stats: job -> frame with ``iteration`` and one numeric column per loss; thin lines show what was logged, thick
            lines a centred running median over a twentieth of it.
    """
    count = max(1, len(stats))
    across = min(per_row, count)
    down = -(-count // across)
    figure = new_figure(400 * across + 20, 290 * down + 40, scale=2)
    axes = figure.subplots(down, across, squeeze=False).flatten()
    losses = list(dict.fromkeys(c for s in stats.values() for c in s.select_dtypes("number") if c != "iteration"))
    looks = _looks(losses)
    for axis, (job, frame) in zip(axes, stats.items(), strict=False):
        for name in [c for c in losses if c in frame]:
            smooth = frame[name].rolling(max(1, len(frame) // 20), center=True, min_periods=1).median()
            axis.plot(frame["iteration"], frame[name], color=looks[name]["color"], lw=0.6, alpha=0.3)
            axis.plot(frame["iteration"], smooth, lw=1.6, label=name, **looks[name])
        plain(axis, job)
        axis.set_yscale("symlog", linthresh=1)
        axis.grid(color=RULE, lw=0.8)
        axis.set_xlabel("iteration", fontsize=9, color=MUTED)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.yaxis.set_major_formatter("{x:g}")
    for axis in axes[len(stats) :]:
        axis.set_visible(False)
    lines = [Line2D([], [], lw=2, label=name, **look) for name, look in looks.items()]
    figure.legend(handles=lines, loc="outside upper left", ncols=2 * across + 1, frameon=False, fontsize=9.5)
    save(figure, path)


def _looks(losses: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and style of each loss's line: where there are more than colours, the next are dashed, and then dotted."""
    cycles = [{"color": colour, "ls": style} for style in ("-", "--", ":") for colour in COLOURS]
    return dict(zip(losses, cycle(cycles), strict=False))


def _matrix(axis: Axes, cells: pd.DataFrame, targets: list[str], measured: list[str]) -> None:
    """Draw one system's cells with their numbers; cells that are not scored or missing stay grey."""
    shares = cells.pivot(index="target", columns="measured_on", values="value").reindex(targets, columns=measured)
    axis.imshow(spec_of("accuracy").scale * shares, cmap=_SHARES, vmin=0, vmax=100)
    for cell in cells.to_dict("records"):
        x, y, share = (
            measured.index(cell["measured_on"]),
            targets.index(cell["target"]),
            spec_of("accuracy").scale * cell["value"],
        )
        text = MISSING if not cell["origin"] else "n/s" if np.isnan(share) else scaled_text("accuracy", cell["value"])
        colour = "white" if share < 25 else INK
        axis.annotate(text, (x, y), ha="center", va="center", fontsize=9, color=colour)
        if cell["target"] == cell["measured_on"]:
            axis.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor=INK, lw=1.4))
