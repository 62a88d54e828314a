"""Records: one measured or published number a row, as CSV. No times and no facts about the machine."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import pandas as pd

from sgbench.results.csv_text import as_given, csv_text
from sgbench.support.atomic import write_text
from sgbench.support.errors import BrokenFile, UserError
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
_TYPES = {f.name: f.type if f.type in (int, float) else str for f in fields(Record)}


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
        BrokenFile: columns are missing or unknown, a number is not one, or a system's name none; names the file.
    """
    try:
        _check_rows(path)
        with open_regular(path, MOST_TEXT) as file:
            frame = pd.read_csv(file, dtype=_TYPES, keep_default_na=False, na_values={c: [""] for c in FIGURES})
    except (ValueError, OverflowError, csv.Error, pd.errors.ParserError) as error:
        raise BrokenFile(f"{path}: not a table of records: {error}") from error
    if tuple(frame.columns) != COLUMNS:
        wrong = sorted(set(frame.columns) ^ set(COLUMNS))
        raise BrokenFile(f"{path}: not a table of records (columns missing or unknown: {', '.join(wrong) or 'order'})")
    try:
        for name in frame["system"].unique():
            one_component(name)
    except UserError as error:
        raise BrokenFile(f"{path}: not a table of records: {error}") from error
    return from_frame(as_given(frame))


def _check_rows(path: Path) -> None:
    """Refuse rows that are cut or have too many cells, of which pandas makes what it can."""
    with open_lines(path) as file:
        lines = csv.reader(file)
        columns = len(next(lines, []))
        for cells in lines:
            if len(cells) not in (0, columns):
                raise ValueError(f"line {lines.line_num} has {len(cells)} cells, the first one {columns}")
