"""CelebA's attribute file: the authors' table, or Kaggle's CSV."""

import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from sgbench.support.errors import UserError, shown
from sgbench.support.names import one_component
from sgbench.support.reading import open_lines

TOTALS = {
    "Male": 84_434,
    "Smiling": 97_669,
    "Black_Hair": 48_472,
    "Blond_Hair": 29_983,
    "Wearing_Lipstick": 95_715,
    "Pale_Skin": 8_701,
}
"""How many images have each attribute in a complete copy."""


def read_attribute_file(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Read image names, and a boolean column for each attribute, from the authors' table or Kaggle's CSV.

    The authors' table has a line with the number of images, a line with the columns' names, and a row for each image,
    with spaces between cells. Kaggle's CSV has no number, a name for the first column too, and commas.

    Raises:
        UserError: the file is not valid; the message names the file and the row.
    """
    top = 1 if path.suffix == ".csv" else 2
    try:
        with open_lines(path) as lines:
            first = list(islice(lines, top))
            rows = _rows(lines, top + 1)
            filled = next(rows, None)
            if filled is None:
                raise UserError(f"{path}: has no row of labels below the columns' names; fetch the file again")
            header = _cells(first[-1])[2 - top :]
            if absent := [column for column in TOTALS if column not in header]:
                raise UserError(f"{path}: line {top} lacks the column {absent[0]}; fetch the file again")
            if twice := [column for column in header if header.count(column) > 1]:
                raise UserError(f"{path}: line {top} names the column {twice[0]} twice; fetch the file again")
            names, values = _read_rows(chain([filled], rows), header, path)
    except ValueError as error:
        raise UserError(f"{path}: cannot be read ({error}); save it as UTF-8, or fetch the file again") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); make it a readable file") from error
    stated = first[0].strip()
    if top == 2 and stated.isdecimal() and stated.lstrip("0") != str(len(names)):
        warnings.warn(
            f"{path}: line 1 says {stated:.20} images, but {len(names):,} are listed: only those listed are used; "
            "fetch the file again",
            stacklevel=2,
        )
    return names, {column: values[:, k] for k, column in enumerate(header)}


def _rows(lines: Iterable[str], start: int) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    return ((number, cells) for number, line in enumerate(lines, start) if (cells := _cells(line)))


def _cells(line: str) -> list[str]:
    return line.replace(",", " ").replace('"', " ").split()


def _wrong_values(cells: list[str], header: list[str]) -> str:
    """What is wrong with a row whose values are not 1 or -1, one for each column."""
    if len(cells) != len(header):
        return f"has {len(cells)} values"
    name, cell = next((name, cell) for name, cell in zip(header, cells, strict=True) if cell not in ("1", "-1"))
    return f"has {shown(cell)} in the column '{name}'"


def _read_rows(rows: Iterable[tuple[int, list[str]]], header: list[str], path: Path) -> tuple[list[str], np.ndarray]:
    """Names, and values bool [N, columns]; one byte per value, because a complete copy has eight million."""
    width = len(header)
    names: list[str] = []
    seen: set[str] = set()
    values = bytearray()
    for number, (name, *cells) in rows:
        if not cells.count("1") + cells.count("-1") == len(cells) == width:
            raise UserError(
                f"{path}: line {number} must be a name and {width} values of 1 or -1, {_wrong_values(cells, header)}; "
                "write 1 for yes and -1 for no, or fetch the file again"
            )
        if name in seen:
            raise UserError(f"{path}: line {number} names {name} a second time; remove one of the two")
        seen.add(name)
        try:
            names.append(one_component(name))
        except UserError as error:
            raise UserError(f"{path}: line {number}: {error}") from error
        values += "".join(cells).replace("-1", "0").encode()
    return names, np.frombuffer(values, np.uint8).reshape(-1, width) == ord("1")
