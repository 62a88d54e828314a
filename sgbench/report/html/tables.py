"""Tables as the page shows them: the cells that Markdown has, each with the number that it is sorted by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sgbench.report.accounts import Account
from sgbench.report.contents import Ready
from sgbench.report.text import Shown, readable
from sgbench.results.report_folder import ReportFolder

_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class PageCell:
    """A cell: as it is shown, and the number that it is sorted by; None if it has none.

    Attributes:
        code: whether it is set as code.
        link: a page that it leads to.
    """

    shown: Shown
    number: float | None
    code: bool = False
    link: str = ""


@dataclass(frozen=True)
class PageBlock:
    """A part of a table with rows and columns of its own.

    Attributes:
        heading: may be empty.
        first: heading of the column of names.
        columns: headings.
        rows: name of a row, and its cells.
    """

    heading: str
    first: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[PageCell, ...]], ...]


@dataclass(frozen=True)
class PageTable:
    """A table.

    Attributes:
        key: unique on the page.
        files: names of the files beside the page that hold it.
        reasons: what the numbers in cells refer to, from 1.
        ranked: whether the best of each column is shown bold.
        texts: whether its cells are texts, which are aligned left.
    """

    key: str
    title: str
    caption: str
    blocks: tuple[PageBlock, ...]
    files: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    ranked: bool = False
    texts: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of all rows, once."""
        return tuple(dict.fromkeys(name for block in self.blocks for name, _ in block.rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of all columns, once."""
        return tuple(dict.fromkeys(heading for block in self.blocks for heading in block.columns))


def number_in(text: str) -> float | None:
    """The number that a text begins with; None if it begins with none."""
    found = _NUMBER.match(text)
    return float(found[0].replace(",", "")) if found else None


def table_of(ready: Ready, folder: ReportFolder) -> PageTable:
    """A table of results."""
    table, (blocks, reasons) = ready
    return PageTable(
        key=f"table-{table.name}",
        title=table.title,
        caption=table.caption,
        blocks=tuple(_block(heading, frame, "System" if table.ranked else "Row") for heading, frame in blocks.items()),
        files=tuple(path.name for path in folder.table_files(table.name)),
        reasons=tuple(reasons),
        ranked=table.ranked,
    )


def table_of_account(account: Account, folder: ReportFolder) -> PageTable:
    """A table of anything else; links lead to it by its title, or by its files' name if it has none."""
    files = folder.table_files(account.name) if account.name else ()
    key = (account.title or account.name).lower().replace(" ", "-")
    table = plain_table(key, account.title, account.caption, account.frame, account.code)
    return PageTable(
        table.key,
        table.title,
        table.caption,
        table.blocks,
        tuple(path.name for path in files),
        texts=account.align == "left",
    )


def plain_table(key: str, title: str, caption: str, frame: pd.DataFrame, code: Sequence[str] = ()) -> PageTable:
    """A frame whose first column has the names of rows.

    Args:
        code: columns that are set as code.
    """
    first, *columns = frame.columns
    rows = tuple(
        (
            readable(name),
            tuple(_plain(value, column in code) for column, value in zip(columns, values, strict=True)),
        )
        for name, *values in frame.itertuples(index=False, name=None)
    )
    return PageTable(key, title, caption, (PageBlock("", first or "Row", tuple(columns), rows),), texts=True)


def headings(tables: Sequence[PageTable]) -> Mapping[str, str]:
    """Key -> title of each table that has one."""
    return {table.key: table.title for table in tables if table.title}


def _plain(value: object, code: bool) -> PageCell:
    text = readable(value)
    return PageCell(Shown(text), number_in(text), code)


def _block(heading: str, frame: pd.DataFrame, first: str) -> PageBlock:
    rows = tuple(
        (str(name), tuple(PageCell(cell, number_in(cell.value)) for cell in cells))
        for name, *cells in frame.itertuples(name=None)
    )
    return PageBlock(heading, first, tuple(map(str, frame.columns)), rows)
