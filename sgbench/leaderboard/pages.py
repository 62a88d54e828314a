"""Writes boards as Markdown, as CSV and as a page in HTML that needs no other file."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from sgbench.leaderboard.boards import Leaderboard, Standing
from sgbench.report.html.rendering import environment
from sgbench.report.html.tables import PageBlock, PageCell, PageTable, number_in, plain_table
from sgbench.report.layout import MISSING
from sgbench.report.markdown import markdown, marked_up
from sgbench.report.text import Shown, shown
from sgbench.results.csv_text import csv_text
from sgbench.support.atomic import write_text
from sgbench.support.errors import UserError
from sgbench.support.markdown import in_a_cell, in_a_line
from sgbench.support.reading import read_text

PAGE, TABLE, INDEX = "leaderboard.md", "leaderboard.csv", "index.html"
_TITLE = "Leaderboard of editing with few labels"
_ABOUT = (
    "Systems are in one table only where they were scored by the same protocol: the same test images, judges of the "
    "same settings, the same definitions of every metric. Every report stood its check (sgbench verify) when this was "
    "made: with its systems beside it against per-image scores, a committed one against its own records."
)
_BOLD = (
    "Bold: the best figure of a column, and all whose intervals meet its interval. Controls and systems that did not "
    "give every result are never bold. Front: no other system has more of target accuracy or of what is named without "
    "less of the other. Source labels: what a system was given of the test images' own labels."
)
_REPORTED = "As their papers report them, by their own protocols and judges: not measured here, and not comparable."
_FACTS = ("Labels", "Seeds", "Source labels", "Front", "Report")


def write_pages(folder: Path, boards: Sequence[Leaderboard], reported: Sequence[tuple[str, str, pd.DataFrame]]) -> Path:
    """Write the three files; returns the Markdown page.

    Args:
        folder: links to reports are relative to it.
        reported: title, caption and texts of each table of figures from papers.

    Raises:
        UserError: a file of another kind has the name of one of the three.
    """
    _check_free(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = csv_text(_wide(boards, folder))
    write_text(folder / TABLE, table)
    write_text(folder / INDEX, _html(boards, reported, table, folder))
    write_text(folder / PAGE, _markdown(boards, reported, folder))
    return folder / PAGE


def _check_free(folder: Path) -> None:
    """Refuse a folder in which others' files would be replaced; those of an earlier leaderboard may be."""
    own = folder / PAGE
    if own.is_file() and read_text(own).startswith(f"# {_TITLE}\n"):
        return
    for name in (PAGE, TABLE, INDEX):
        if (folder / name).exists():
            raise UserError(f"{folder / name}: is there already and is of no leaderboard; give another folder with -o")


def _markdown(boards: Sequence[Leaderboard], reported: Sequence[tuple[str, str, pd.DataFrame]], folder: Path) -> str:
    parts = [f"# {_TITLE}", _ABOUT, _BOLD, f"[{TABLE}]({TABLE}), [{INDEX}]({INDEX})"]
    for board in boards:
        parts += [
            f"## {in_a_line(board.title)}",
            in_a_line(_about(board)),
        ]
        (cells,), reasons = _shown(board)
        rows = []
        for name, own in cells.iterrows():
            facts = _facts(board.rows.get(str(name)))
            link = _link(board.rows.get(str(name)), folder)
            report = f"[{in_a_cell(link[0])}]({link[1]})" if link else MISSING
            rows.append([*map(in_a_cell, (name, *facts)), *map(marked_up, own), report])
        frame = pd.DataFrame(rows, columns=["System", *_columns(cells)])  # an attribute may be called like a fact
        parts += [in_a_line(board.table.caption), markdown(frame, linked=list(frame.columns))]
        parts += ["\n".join(f"<sup>{k}</sup> {in_a_line(text)}  " for k, text in enumerate(reasons, 1))] * bool(reasons)
    parts += ["## Reported", _REPORTED]
    for title, caption, frame in reported:
        parts += [f"### {in_a_line(title)}", in_a_line(caption), markdown(frame)]
    return "\n\n".join(parts) + "\n"


def _html(
    boards: Sequence[Leaderboard], reported: Sequence[tuple[str, str, pd.DataFrame]], table: str, folder: Path
) -> str:
    data = base64.b64encode(table.encode()).decode()
    return (
        environment()
        .get_template("leaderboard.html")
        .render(
            title=_TITLE,
            about=_ABOUT,
            bold=_BOLD,
            boards=[_page_table(board, k, folder) for k, board in enumerate(boards)],
            reported_about=_REPORTED,
            reported=[plain_table(f"reported-{k}", *told) for k, told in enumerate(reported)],
            csv=f"data:text/csv;base64,{data}",
            csv_name=TABLE,
        )
    )


def _page_table(board: Leaderboard, number: int, folder: Path) -> PageTable:
    (cells,), reasons = _shown(board)
    rows = []
    for name, own in cells.iterrows():
        row = board.rows.get(str(name))
        link = _link(row, folder)
        facts = [PageCell(Shown(text), number_in(text)) for text in _facts(row)]
        figures = [PageCell(cell, number_in(cell.value)) for cell in own]
        report = PageCell(Shown(link[0] if link else MISSING), None, link=link[1] if link else "")
        rows.append((str(name), (*facts, *figures, report)))
    block = PageBlock("", "System", _columns(cells), tuple(rows))
    caption = f"{_about(board)} {board.table.caption}"
    return PageTable(f"board-{number}", board.title, caption, (block,), reasons=tuple(reasons), ranked=True)


def _shown(board: Leaderboard) -> tuple[tuple[pd.DataFrame], list[str]]:
    """The one block of a board's table, as it is shown, and the reasons that its cells refer to."""
    blocks, reasons = shown(board.table)
    return tuple(blocks.values()), reasons


def _wide(boards: Sequence[Leaderboard], folder: Path) -> pd.DataFrame:
    """A line for each system and control of all boards, in the units of the records; intervals beside figures."""
    lines = []
    for board in boards:
        for name, cells in board.table.cells.groupby("row", sort=False):
            row = board.rows.get(str(name))
            link = _link(row, folder)
            line: dict[str, Any] = {"protocol": board.protocol, "data": board.title, "system": name}
            line |= dict(
                zip(("method", "variant", "level"), row.key if row else (cells["method"].iloc[0], "", ""), strict=True)
            )
            line |= {"seeds": row.seeds if row else 0, "source_labels": row.source_labels if row else ""}
            line |= {"front": "; ".join(row.fronts) if row else "", "report": link[1] if link else ""}
            for cell in cells.to_dict("records"):
                place = "_".join(filter(None, (cell["target"], cell["metric"], cell["measured_on"])))
                line |= {place: cell["value"], f"{place}_low": cell["low"], f"{place}_high": cell["high"]}
            lines.append(line)
    return pd.DataFrame(lines)


def _about(board: Leaderboard) -> str:
    return " ".join((*board.about, f"Protocol {board.protocol[:16]}."))


def _columns(cells: pd.DataFrame) -> tuple[str, ...]:
    """Headings beside a system's name."""
    return (*_FACTS[:-1], *map(str, cells.columns), _FACTS[-1])


def _facts(row: Standing | None) -> tuple[str, ...]:
    """What is said of a system before its figures; nothing of a control."""
    if row is None:
        return (MISSING,) * (len(_FACTS) - 1)
    fronts = ", ".join(heading.lower().removesuffix(", scaled") for heading in row.fronts)
    return row.key[2] or MISSING, str(row.seeds), row.source_labels or "not known", fronts or MISSING


def _link(row: Standing | None, folder: Path) -> tuple[str, str] | None:
    """A report's name, and its page as it is reached from the board's folder, as a link."""
    if row is None:
        return None
    return row.entrant.name, quote(Path(os.path.relpath(row.entrant.page.resolve(), folder.resolve())).as_posix())
