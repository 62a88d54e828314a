"""Shows the results on one screen at the end of a run."""

import math

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from sgbench.report.layout import MISSING, Layout, row_labels
from sgbench.report.published import measured_and_published
from sgbench.report.tables import jury_table
from sgbench.report.text import scaled_text
from sgbench.support.errors import one_line

_NUMBERS = "{:>9} {:>5} {:>5}"
_HEADINGS = _NUMBERS.format("asked", "kept", "backg")
_LEGEND = (
    "asked: results (%) that the jury sees with the value asked for, ± half the 95 % interval.  kept: the other "
    "attributes unchanged (%), the mean of those that are scored.  backg: background MS-SSIM x 100.  n/s: not "
    "scored, see the report."
)


def summary(frame: pd.DataFrame, layout: Layout, width: int = 120) -> Group:
    """The table for a screen of ``width`` characters; targets that do not fit go into a further table below."""
    frame = measured_and_published(frame)[0]
    cells = jury_table(frame, layout).cells
    shown = set(cells["row"])
    rows = [label for label in row_labels(frame, layout).values() if label in shown]
    targets = [a for a in layout.attributes if a in set(cells["target"])]
    fits = max(1, (width - max(map(cell_len, rows), default=0) - 3) // (len(_HEADINGS) + 3))
    parts = [_part(cells, layout, rows, targets[i : i + fits]) for i in range(0, len(targets), fits)]
    return Group(*parts, Text(_LEGEND, style="dim"))


def show(frame: pd.DataFrame, layout: Layout, console: Console) -> None:
    """Print ``summary`` at the console's width."""
    console.print(summary(frame, layout, console.width))


def _part(cells: pd.DataFrame, layout: Layout, rows: list[str], targets: list[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("", no_wrap=True)
    for target in targets:
        heading = Text(one_line(layout.attributes[target]).center(len(_HEADINGS)), style="bold")
        table.add_column(heading.append("\n" + _HEADINGS, style="not bold dim"), no_wrap=True)
    by_row = dict(list(cells.groupby("row")))
    for row in rows:
        of_row = by_row[row]
        style = "dim" if (of_row["origin"] == "control").any() else ""
        table.add_row(Text(one_line(row)), *(_cell(of_row[of_row["target"] == t], t) for t in targets), style=style)
    return table


def _cell(cells: pd.DataFrame, target: str) -> Text:
    accuracy, background = cells["metric"] == "jury_accuracy", cells["metric"] == "background_ms_ssim"
    asked, kept = cells[accuracy & (cells["measured_on"] == target)], cells[accuracy & (cells["measured_on"] != target)]
    number = _mean(asked)
    if not math.isnan(half := (asked["high"] - asked["low"]).mean() / 2):
        number += f"±{scaled_text('jury_accuracy', half)}"
    return Text(_NUMBERS.format(number, _mean(kept), _mean(cells[background])))


def _mean(cells: pd.DataFrame) -> str:
    """The mean of the cells that were scored, as tables show it."""
    present = cells[cells["origin"] != ""]
    mean = present["value"].mean()
    return MISSING if present.empty else "n/s" if math.isnan(mean) else scaled_text(present["metric"].iloc[0], mean)
