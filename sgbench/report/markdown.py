"""Tables as GitHub Markdown."""

from collections.abc import Collection, Sequence

import pandas as pd
from tabulate import tabulate

from sgbench.report.layout import Table
from sgbench.report.text import Shown, Told, shown
from sgbench.support.markdown import as_code, in_a_cell, in_a_line


def to_markdown(table: Table, told: Told | None = None) -> str:
    """The table with its caption and footnotes but no title.

    Args:
        told: what ``shown`` gives of the table, where it is known.
    """
    caption = in_a_line(table.caption)
    blocks, reasons = told or shown(table)
    parts = [caption] if blocks else [f"{caption} None of it was measured."]
    for block, frame in blocks.items():
        parts += [f"**{in_a_line(block)}**"] * bool(block)
        rows = [[in_a_cell(row), *map(marked_up, cells)] for row, *cells in frame.itertuples(name=None)]
        parts.append(_pipes(rows, ["", *frame.columns], "right"))
    parts += ["\n".join(f"<sup>{k}</sup> {in_a_line(reason)}  " for k, reason in enumerate(reasons, 1))] * bool(reasons)
    return "\n\n".join(parts) + "\n"


def markdown(
    frame: pd.DataFrame, align: str = "right", code: Collection[str] = (), linked: Collection[str] = ()
) -> str:
    """A frame as a table; the first column is aligned left, the others by ``align``; numbers are not reformatted.

    Args:
        code: columns whose cells are set as code.
        linked: columns whose cells are Markdown already.
    """
    marks = [as_code if name in code else str if name in linked else in_a_cell for name in frame.columns]
    rows = [[mark(value) for mark, value in zip(marks, row, strict=True)] for row in frame.to_numpy(object).tolist()]
    return _pipes(rows, list(frame.columns), align)


def _pipes(rows: Sequence[Sequence[str]], headings: Sequence[str], align: str) -> str:
    sides = ("left", *[align] * (len(headings) - 1))
    return tabulate(rows, [in_a_cell(h) if h else "" for h in headings], "pipe", disable_numparse=True, colalign=sides)


def marked_up(cell: Shown) -> str:
    """A cell in Markdown: bold if it is the best, with the number of its reason."""
    mark = f" <sup>{cell.reason}</sup>" if cell.reason else ""
    bold = f"**{cell.value}**" if cell.best else cell.value
    return bold + cell.plain.removeprefix(cell.value) + mark
