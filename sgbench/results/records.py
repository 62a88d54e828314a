"""Records: one measured or published number a row, as CSV. No times and no facts about the machine."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import pandas as pd

from sgbench.results.csv_text import as_given, csv_text
from sgbench.support.atomic import write_text
from sgbench.support.errors import BrokenFile, UserError, shown
from sgbench.support.names import one_component
from sgbench.support.reading import MOST_TEXT, open_lines, open_regular

ALL = "all"
REAL, COPY, ORACLE = CONTROLS = ("real", "copy", "oracle")
NO_SEED = -1
"""Of a model made elsewhere whose seed is not known."""


@dataclass(frozen=True)
class Record:
    """One number.

    Attributes:
        system: folder name of the system (one method at one level and seed), or of the control.
        method: name in the settings (``sggan``), or ``real``, ``copy``, ``oracle``.
        variant: what sets the method's settings apart from its defaults in a study, else empty.
        level: ``all``, or labels per value as a string; empty for controls.
        seed: seed of labels and training, or ``NO_SEED``.
        dataset: ``faces``, ``celeba``, ...
        image_size: side in pixels.
        target: the attribute that was translated.
        direction: the value asked for, or ``all``.
        measured_on: the attribute or region that was measured (``smile``, ``background``, ``inside``, ``image``).
        metric: ``accuracy``, ``background_ms_ssim``, ``judge_score``, ...
        definition: what fixes the protocol, with its parameters (``window 8x8 of 32``).
        value: the figure; NaN where it was not scored.
        low: lower end of the 95 % interval, NaN where there is none.
        high: upper end.
        variance_images: variance of the figure that comes of the test images; NaN where it was not taken apart.
        variance_judges: that comes of the judges.
        freedom: degrees of freedom of the two together.
        num_images: translations measured.
        unit: ``share`` (0 to 1), ``score``, ``levels`` (of 255), ``dB``, ``count``.
        origin: measured, published or control.
        note: why a value is missing or, with ``left_out``, what must be known of the results given; else empty.
    """

    system: str
    method: str
    variant: str
    level: str
    seed: int
    dataset: str
    image_size: int
    target: str
    direction: str
    measured_on: str
    metric: str
    definition: str
    value: float
    low: float
    high: float
    num_images: int
    unit: str
    origin: Literal["measured", "published", "control"]
    note: str = ""
    variance_images: float = math.nan
    variance_judges: float = math.nan
    freedom: float = math.nan


COLUMNS = tuple(f.name for f in fields(Record))
VARIANCES = ("variance_images", "variance_judges")
FIGURES = ("value", "low", "high", *VARIANCES, "freedom")
KEY = tuple(c for c in COLUMNS if c not in {*FIGURES, "num_images", "note"})
_ENDS = ("low", "high")
"""Of intervals, which may have no end."""
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_FIGURE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TYPES = {f.name: f.type if f.type in (int, float) else str for f in fields(Record)}
_NUMBERS = tuple((name, place) for place, (name, kind) in enumerate(_TYPES.items()) if kind is not str)


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Records as a table with the columns in ``COLUMNS``."""
    return pd.DataFrame([vars(r) for r in records], columns=list(COLUMNS))


def from_frame(frame: pd.DataFrame) -> list[Record]:
    """The rows of a table with the columns in ``COLUMNS`` as records."""
    return [Record(*row) for row in zip(*(frame[column].tolist() for column in COLUMNS), strict=True)]


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write a CSV whole or not at all."""
    write_text(path, csv_text(to_frame(records)))


def read_records(path: Path) -> list[Record]:
    """Read a CSV of records.

    Raises:
        BrokenFile: columns are missing, unknown or there twice, a number is not one, or a system's name none; names
            the file and, where one is wrong, line and column.
    """
    try:
        _check_rows(path)
        with open_regular(path, MOST_TEXT) as file:
            frame = pd.read_csv(file, dtype=_TYPES | dict.fromkeys(FIGURES, str), keep_default_na=False)
        # Not by pandas, which before version 3.1 reads some numbers with another last digit.
        frame = frame.assign(**{name: [float(text or "nan") for text in frame[name]] for name in FIGURES})
    except (ValueError, OverflowError, csv.Error, pd.errors.ParserError) as error:
        raise BrokenFile(f"{path}: not a table of records: {error}") from error
    try:
        for name in frame["system"].unique():
            one_component(name)
    except UserError as error:
        raise BrokenFile(f"{path}: not a table of records: {error}") from error
    return from_frame(as_given(frame))


def _check_rows(path: Path) -> None:
    """Refuse other columns, and rows that are cut or have too many cells: pandas makes of them what it can."""
    with open_lines(path) as file:
        lines = csv.reader(file)
        header = next(lines, [])
        if twice := [name for name in header if header.count(name) > 1]:
            raise ValueError(f"line 1: the column {shown(twice[0])} is there twice")
        if tuple(header) != COLUMNS:
            wrong = ", ".join(sorted(set(header) ^ set(COLUMNS)))
            told = f"columns missing or unknown: {wrong}" if wrong else "columns out of order"
            raise ValueError(f"line 1: {told}; if another version of sgbench wrote it, run its command again")
        for cells in filter(None, lines):
            if len(cells) != len(COLUMNS):
                raise ValueError(f"line {lines.line_num} has {len(cells)} cells, the first one {len(COLUMNS)}")
            for column, place in _NUMBERS:
                if problem := _problem(column, cells[place].strip()):
                    raise ValueError(f"line {lines.line_num}: column '{column}': {shown(cells[place])} {problem}")


def _problem(column: str, cell: str) -> str:
    """Why a cell is not a number of its column; empty if it is, or need not be one."""
    if column not in FIGURES:
        return "" if _WHOLE.fullmatch(cell) else "is no whole number of at most 18 digits"
    if (
        not cell
        or (_FIGURE.fullmatch(cell) and math.isfinite(float(cell)))
        or (column in _ENDS and cell in ("inf", "-inf"))
    ):
        return ""
    return "is no finite number; leave the cell empty where there is none"
