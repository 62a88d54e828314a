"""The CSV of the user's images: a row for each image, and columns that become attributes and the split."""

import csv
import re
import sys
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath

import numpy as np

from sgbench.data.labels import HIDDEN, NONE, Attribute
from sgbench.data.levels import NONE_NAME
from sgbench.support.errors import UserError
from sgbench.support.reading import open_lines

SPLIT = "split"
NONE_CELL = NONE_NAME
MAX_VALUES = np.iinfo(np.int8).max + 1
"""Labels are int8."""
_MINUS_ONE = {"-1": "no", "-1.0": "no"}
_ZERO = {"0": "no", "0.0": "no"}
_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?")
"""A whole number, as it may be written: pandas writes 2 as 2.0 if a column has blanks."""
_SWITCHES = {"1": "yes", "1.0": "yes"} | _ZERO | _MINUS_ONE
"""Cells of a binary column and the names of its values; pandas writes 1.0 if a column has blanks."""
_UNKNOWN = {"nan", "na", "n/a", "<na>", "nat", "null", "nil", "?", "unknown"}
"""What other programs write for a value that is not known, in small letters; here each is a name like any other."""
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
"""If the first row begins with a file of such a name, it describes an image and the header is missing."""


@dataclass(frozen=True)
class LabelTable:
    """A table as read from the CSV. Cells are text without spaces around them.

    Attributes:
        key: name of the first column.
        names: N paths of images, with forward slashes.
        rows: the row number of each image, counted from 1 as in spreadsheets.
        columns: N cells for each further column.
    """

    path: Path
    key: str
    names: list[str]
    rows: list[int]
    columns: dict[str, list[str]]

    def place(self, index: int, column: str) -> str:
        """Where a cell is, for messages."""
        return _place(self.path, self.rows[index], column)

    def attribute(self, name: str, order: Sequence[str] = ()) -> tuple[Attribute, np.ndarray]:
        """A column as an attribute and its labels, int8 [N].

        Args:
            order: names of its values by position; if empty, they are sorted.

        Raises:
            UserError: the column is not valid; the message names the column, and the cell if one is wrong.
        """
        cells = self.columns[name]
        absent = {cell for cell in set(cells) if cell.lower() == NONE_CELL}
        value_of = self._value_of(name, set(cells) - absent - {""})
        self._check_case(name, value_of.keys())
        names = sorted(set(value_of.values()))
        values = tuple(order) or tuple(names)
        if len(names) < 2:
            only = f"only the value '{names[0]}'" if names else "no value"
            raise UserError(f"{self.path}: column '{name}' has {only}; an attribute needs two")
        if len(values) > MAX_VALUES:
            raise UserError(
                f"{self.path}: column '{name}' has {len(values):,} values, an attribute at most {MAX_VALUES}"
            )
        if unlisted := set(names) - set(values):
            index = next(i for i, cell in enumerate(cells) if value_of.get(cell) in unlisted)
            raise UserError(
                f"{self.place(index, name)}: '{value_of[cells[index]]}' is not one of data.values, {', '.join(values)}"
            )
        code = {cell: values.index(value) for cell, value in value_of.items()} | dict.fromkeys(absent, NONE)
        code[""] = HIDDEN
        labels = np.fromiter(map(code.__getitem__, cells), np.int8, len(cells))
        try:
            return Attribute(name, values, exhaustive=not absent), labels
        except ValueError as error:
            raise UserError(f"{self.path}: column '{name}': {error}") from error

    def doubtful(self, name: str) -> str:
        """A line on a cell of a column that may stand for no value, but counts as one; empty if there is none."""
        cells = self.columns[name]
        index = next((i for i, cell in enumerate(cells) if cell.lower() in _UNKNOWN), None)
        if index is None:
            return ""
        return (
            f"{self.place(index, name)}: '{cells[index]}' counts as a value like any other; leave cells that are not "
            "known blank, or name all values in data.values"
        )

    def is_test(self) -> np.ndarray | None:
        """Images that the column ``split`` puts into the test set, bool [N]; None without such a column.

        Raises:
            UserError: a cell is neither train nor test.
        """
        if SPLIT not in self.columns:
            return None
        cells = [cell.lower() for cell in self.columns[SPLIT]]
        for index, cell in enumerate(cells):
            if cell not in ("train", "test"):
                raise UserError(f"{self.place(index, SPLIT)}: must be train or test, not '{cell}'")
        return np.array([cell == "test" for cell in cells])

    def _check_case(self, name: str, found: Collection[str]) -> None:
        """Refuse spellings of one value, such as Cat and cat or 2 and 2.0: each would become a separate value.

        Letters that are composed in another way (Unicode's normal forms) look the same and count as the same.
        """
        if len({_folded(cell) for cell in found}) == len(found):
            return
        spelt: dict[str, str] = {}
        for index, cell in enumerate(self.columns[name]):
            other = spelt.setdefault(_folded(cell), cell)
            if cell in found and cell != other:
                alike = unicodedata.normalize("NFC", cell) == unicodedata.normalize("NFC", other)
                form = "Unicode form" if alike else "decimals" if _WHOLE.fullmatch(cell) else "case"
                raise UserError(
                    f"{self.place(index, name)}: '{cell}' differs from '{other}' in row "
                    f"{self.rows[self.columns[name].index(other)]} in {form} alone; write one of them throughout"
                )

    def _value_of(self, name: str, found: set[str]) -> dict[str, str]:
        """The value that each cell names.

        Raises:
            UserError: the column mixes 1 or 0 with names, or 0 with -1, so that one of the two may mean unknown.
        """
        cells = self.columns[name]
        switches = found & _SWITCHES.keys()
        if not switches:
            return {cell: cell for cell in found}
        if switches != found:
            index = next(i for i, cell in enumerate(cells) if cell in found - switches)
            raise UserError(
                f"{self.place(index, name)}: '{cells[index]}' in a column that also has {sorted(switches)[-1]}; give "
                "names throughout, or 1 and 0 throughout; a cell that is not known is left blank"
            )
        if switches & _ZERO.keys() and switches & _MINUS_ONE.keys():
            index = next(i for i, cell in enumerate(cells) if cell in _MINUS_ONE)
            raise UserError(
                f"{self.place(index, name)}: -1 in a column that also has 0; write one of them for no, leave unknown "
                "cells blank"
            )
        return {cell: _SWITCHES[cell] for cell in found}


def read_table(path: Path) -> LabelTable:
    """Read a CSV in UTF-8, with or without a byte order mark; empty rows are skipped.

    Raises:
        UserError: the file is not valid; the message names the file, the row and the column.
    """
    names, rows, cells, seen = [], [], [], {}
    try:
        with open_lines(path) as given:
            lines = csv.reader(given, skipinitialspace=True)
            header = _header(next(lines, []), path)
            last = lines.line_num
            for line in lines:
                row, last = last + 1, lines.line_num
                if row != last:
                    raise UserError(f"{path}: row {row}: a quoted cell goes on in the next row; close its quotes")
                row_cells = [sys.intern(cell.strip()) for cell in line]  # equal cells share memory
                if not any(row_cells):
                    continue
                if len(row_cells) != len(header):
                    raise UserError(f"{path}: row {row} has {len(row_cells)} cells, the first row {len(header)}")
                name = _image_name(row_cells[0], _place(path, row, header[0]))
                key = unicodedata.normalize("NFC", name)
                if key in seen:
                    raise UserError(
                        f"{_place(path, row, header[0])}: {name} is in row {seen[key]} already; remove one of the two"
                    )
                seen[key] = row
                names.append(name)
                rows.append(row)
                cells += row_cells[1:]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV in UTF-8 ({error}); save it as such") from error
    if not rows:
        raise UserError(f"{path}: has no rows below the names of its columns")
    columns = {name: cells[k :: len(header) - 1] for k, name in enumerate(header[1:])}
    return LabelTable(path, header[0], names, rows, columns)


def _header(line: list[str], path: Path) -> list[str]:
    if not any(map(str.strip, line)):
        raise UserError(f"{path}: is empty; its first row must name the columns")
    names = [unicodedata.normalize("NFC", cell.strip()) for cell in line]
    if not names[0]:
        raise UserError(
            f"{path}: row 1: column 1 has no name, as where pandas writes its index; write the file with index=False, "
            "with the images' paths in the first column"
        )
    if PurePath(names[0]).suffix.lower() in _IMAGE_SUFFIXES:
        raise UserError(f"{path}: row 1: '{names[0]}' is an image; the first row must name the columns")
    names = [names[0], *(SPLIT if name.lower() == SPLIT else name for name in names[1:])]
    for number, name in enumerate(names[1:], 2):
        if not name:
            raise UserError(f"{path}: row 1: column {number} has no name; the first row must name the columns")
        if name in names[1 : number - 1]:
            raise UserError(
                f"{path}: row 1: two columns are named '{name}'; the first row must name the columns, each once"
            )
    if not set(names[1:]) - {SPLIT}:
        raise UserError(f"{path}: row 1 names no attribute after '{names[0]}'; columns are separated by commas")
    return names


def _image_name(cell: str, place: str) -> str:
    """The path of an image below the folder of images, with forward slashes."""
    path = PureWindowsPath(cell)
    if not path.parts or path.anchor or ".." in path.parts or "\0" in cell:
        raise UserError(f"{place}: '{cell}' is not a path within the folder of images")
    return path.as_posix()


def _folded(cell: str) -> str:
    whole = None if cell in _SWITCHES else _WHOLE.fullmatch(cell)
    return whole[1] if whole else unicodedata.normalize("NFC", cell).lower()


def _place(path: Path, row: int, column: str) -> str:
    return f"{path}: row {row}: column '{column}'"
