"""Tables as GitHub Markdown."""

import pandas as pd
from tabulate import tabulate

from sgbench.report.layout import Table
from sgbench.report.text import Shown, shown
from sgbench.support.errors import one_line


def to_markdown(table: Table) -> str:
    """The table with its caption and footnotes but no title."""
    blocks, reasons = shown(table)
    parts = [table.caption] if blocks else [f"{table.caption} None of it was measured."]
    for block, frame in blocks.items():
        texts = frame.map(_cell).rename_axis(index="", columns=None).reset_index()
        parts += [f"**{block}**"] * bool(block) + [markdown(texts)]
    parts += ["\n".join(f"<sup>{k}</sup> {in_a_cell(reason)}  " for k, reason in enumerate(reasons, 1))] * bool(reasons)
    return "\n\n".join(parts) + "\n"


def markdown(frame: pd.DataFrame, align: str = "right") -> str:
    """A frame as a table; the first column is aligned left, the others by ``align``; numbers are not reformatted."""
    texts = frame.astype(str).map(in_a_cell)
    sides = ("left", *[align] * (len(frame.columns) - 1))
    return tabulate(texts.to_numpy().tolist(), list(frame.columns), "pipe", disable_numparse=True, colalign=sides)


def in_a_cell(text: object) -> str:
    """Text in a form that a cell of a table may hold."""
    return one_line(text).replace("|", "\\|")


def _cell(cell: Shown) -> str:
    mark = f" <sup>{cell.reason}</sup>" if cell.reason else ""
    bold = f"**{cell.value}**" if cell.best else cell.value
    return bold + cell.plain.removeprefix(cell.value) + mark
