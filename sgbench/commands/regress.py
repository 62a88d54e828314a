"""Compares new records with reference records: ``sgbench regress REFERENCE NEW``.

Prints what moved. Exit status: 0 if no figure is beyond its tolerance or the noise of its images, or with ``--update``;
1 if a metric moved, for the worse or the better, or a row is missing or added; 2 if an input cannot be read.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import know_metrics, path
from sgbench.support.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sgbench.regression.comparison import Comparison

PLAIN_WIDTH = 160
PRINTED = 100
"""Rows of the table on the screen: laying out a hundred thousand would take minutes and gigabytes."""
ALPHA = 0.01
_DATA = {".csv", ".npz", ".json", ".yaml"}
"""Endings of what records, scores, tolerances and studies are kept in."""
MIN_ALPHA, MAX_ALPHA = 1e-4, 0.1


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench regress",
        description="Compare new records with reference records: image by image if both sides kept per-image scores, "
        "by tolerance otherwise.",
        closing="Exit status 1 if a metric moved, for the worse or the better: --update accepts the new records.",
        examples=(
            "sgbench regress reference/ runs/quick-500",
            "sgbench regress reference/ runs/quick-500 --junit regress.xml --summary regress.md",
        ),
    )
    p.add_argument(
        "reference",
        type=path,
        metavar="REFERENCE",
        help="CSV file of records, a folder of such files, a study's folder or a report's; its tolerances are in "
        "<name>.tolerances.yaml or tolerances.yaml beside it",
    )
    p.add_argument("new", type=path, metavar="NEW", help="the same")
    p.add_argument(
        "--alpha",
        type=_alpha,
        default=ALPHA,
        metavar="P",
        help="chance of any false alarm in all paired tests together (default: %(default)s)",
    )
    p.add_argument("--junit", type=path, metavar="FILE", help="write the outcome as JUnit XML")
    p.add_argument("--summary", type=path, metavar="FILE", help="write the outcome as Markdown")
    told = p.add_mutually_exclusive_group()
    told.add_argument("--json", action="store_true", help="print for programs: an object with all that differs")
    told.add_argument("--update", action="store_true", help="replace the reference by the new records; exit status 0")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print, write the files that the options name; returns the exit status."""
    return execute(parser(), _regress, argv)


def _regress(arguments: argparse.Namespace) -> int:
    from sgbench.regression.junit import error_to_junit, to_junit
    from sgbench.regression.summary import error_to_markdown, to_markdown
    from sgbench.regression.update import settle
    from sgbench.support.errors import one_line
    from sgbench.support.screen import plain_console

    reference, new = arguments.reference, arguments.new
    _check_outputs(arguments)
    settle(reference)
    console = plain_console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    if arguments.update:
        _check_readable(new)
    try:
        comparison = _compared(reference, new, arguments.alpha)
    except UserError as error:
        if not arguments.update:
            _write(arguments.junit, error_to_junit(str(error)))
            _write(arguments.summary, error_to_markdown(str(error)))
            raise
        console.print(f"not compared: {one_line(error)}")
    else:
        _print(comparison, console, arguments.json)
        _write(arguments.junit, to_junit(comparison))
        _write(arguments.summary, to_markdown(comparison))
        if not arguments.update:
            return int(comparison.failed)
    if forgotten := _replace(reference, new):
        console.print(one_line(forgotten))
    console.print(one_line(f"{reference}: replaced by {new}"))
    return 0


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse outputs that would be written over what is compared, or a file of it, or over each other."""
    from sgbench.results.report_folder import ReportFolder
    from sgbench.results.study_folder import StudyFolder

    taken = {path.resolve(): path for path in (arguments.reference, arguments.new)}
    sides = set(taken)
    pages = {report.page for side in sides for report in (StudyFolder(side).report, ReportFolder(side))}
    for option in ("junit", "summary"):
        file = getattr(arguments, option)
        if file is not None and taken.setdefault(file.resolve(), file) is not file:
            raise UserError(f"--{option} {file}: would be written over another of the files given; choose another")
        inside = file is not None and sides & {*file.resolve().parents}
        if inside and file.exists() and (file.suffix.lower() in _DATA or file.resolve() in pages):
            raise UserError(f"--{option} {file}: would be written over a file of what is compared; choose another")


def _compared(reference: Path, new: Path, alpha: float) -> "Comparison":
    from sgbench.regression.holding import hold

    know_metrics(reference, new)
    try:
        return hold(reference, new, alpha)
    except ValueError as error:
        raise UserError(f"{reference} against {new}: {error}") from error


def _check_readable(new: Path) -> None:
    """Refuse new records that could not be a reference."""
    from sgbench.regression.sides import load_side
    from sgbench.results.scores import read_scores

    try:
        for file in load_side(new).scores.values():
            read_scores(file)
    except ValueError as error:
        raise UserError(f"--update: {error}") from error


def _replace(reference: Path, new: Path) -> str:
    from sgbench.regression.packing import accept

    try:
        return accept(reference, new)
    except UserError as error:
        raise UserError(f"--update: {error}") from error
    except OSError as error:
        raise UserError(f"--update: {reference}: {error.strerror or error}; the reference is as it was") from error


def _write(file: Path | None, text: str) -> None:
    from sgbench.support.atomic import ABANDONED_SECONDS, discard_partials, write_text

    if file is not None:
        discard_partials(file.parent, file.stem, ABANDONED_SECONDS)
        try:
            write_text(file, text)
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}; free space or choose another file") from error


def _alpha(text: str) -> float:
    try:
        alpha = float(text)
    except ValueError:
        alpha = 0.0
    if not MIN_ALPHA <= alpha <= MAX_ALPHA:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number from {MIN_ALPHA} to {MAX_ALPHA}")
    return alpha


def _print(comparison: "Comparison", console: "Console", as_json: bool) -> None:
    from sgbench.support.strict import json_text

    if as_json:
        redefined = [{"metric": r.metric, "change": r.change, "extent": r.extent} for r in comparison.redefined]
        differences = [
            {"label": d.label, "verdict": d.verdict, "failed": d.failed, "basis": d.basis}
            | {"figures": [x if math.isfinite(x) else None for x in d.figures]}
            for d in comparison.differences
        ]
        about = {"failed": comparison.failed, "outcome": comparison.outcome}
        print(json_text(about | {"redefined": redefined, "differences": differences}))
        return
    _print_table(comparison, console)
    console.print(comparison.outcome)


def _print_table(comparison: "Comparison", console: "Console") -> None:
    """A row for each of the first that differ, failures first, and how many more there are."""
    rows = [("red", f"{r.metric}: {r.change} ({r.extent})", "", "", "", "", "redefined") for r in comparison.redefined]
    for d in sorted(comparison.differences, key=lambda d: not d.failed)[:PRINTED]:
        figures = [f"{x:.6g}" for x in d.figures] or [""] * 3
        rows.append(("red" if d.failed else "", d.label, *figures, d.basis, d.verdict))
    if rows:
        console.print(_table(rows[:PRINTED]))
    if (more := len(comparison.redefined) + len(comparison.differences) - PRINTED) > 0:
        console.print(f"{more:,} more differ; --summary FILE writes all of them")


def _table(rows: Sequence[tuple[str, ...]]) -> "Table":
    """A table of style, key, reference, new, difference, what judged them, verdict."""
    from rich.table import Table
    from rich.text import Text

    from sgbench.support.errors import one_line

    table = Table("key", title="What differs")
    for column in ("reference", "new", "difference", "judged by", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for style, key, *cells in rows:
        table.add_row(*map(Text, (one_line(key), *cells)), style=style)
    return table
