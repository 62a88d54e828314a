"""Records as a file: every number and text comes back as it was, and others read it as far as the umask lets them."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest

from sgbench.results.records import COLUMNS, FIGURES, Record, read_records, write_records
from sgbench.support.errors import BrokenFile

ROW = Record(
    *("stargan-500-s0", "stargan", "", "500", 0, "folder", 32, "country", "NA", "region", "accuracy", "jury"),
    *(0.5, 0.4, 0.6, 10, "share", "measured"),
)


def test_numbers_come_back_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.random(1000) * 10.0 ** rng.integers(-290, 290, 1000)
    rows = [replace(ROW, seed=n, value=float(v), high=math.inf) for n, v in enumerate(values)]
    write_records(tmp_path / "records.csv", rows)
    assert [row.value for row in read_records(tmp_path / "records.csv")] == values.tolist()


@pytest.mark.parametrize("text", ["NA", "nan", "null", "N/A", "None", "1e5", "007", "TRUE"])
def test_texts_that_pandas_takes_for_others_come_back(tmp_path, text):
    row = replace(ROW, target=text, direction=text, measured_on=text)
    write_records(tmp_path / "records.csv", [row])
    (found,) = read_records(tmp_path / "records.csv")
    assert (found.target, found.direction, found.measured_on) == (text, text, text)


def test_a_group_that_shares_a_folder_can_read_what_is_written(tmp_path):
    before = os.umask(0o027)
    try:
        write_records(tmp_path / "records.csv", [ROW])
    finally:
        os.umask(before)
    assert (tmp_path / "records.csv").stat().st_mode & 0o777 == 0o640


def changed(path, column, cell):
    """A table of two records, of which the second has another text in a column."""
    write_records(path, [ROW, replace(ROW, seed=7)])
    header, first, second = path.read_text().splitlines()
    cells = second.split(",")
    cells[COLUMNS.index(column)] = cell
    path.write_text("\n".join([header, first, ",".join(cells), ""]))
    return path


@pytest.mark.parametrize("column", ["seed", "image_size", "num_images"])
@pytest.mark.parametrize("cell", ["9" * 30, str(2**63), "-" + "9" * 30, "nan", "inf", "", "1.5", "x", "0x10", "1_0"])
def test_a_whole_number_that_is_none_is_named_by_line_and_column(tmp_path, column, cell):
    path = changed(tmp_path / "records.csv", column, cell)
    with pytest.raises(BrokenFile) as caught:
        read_records(path)
    says = f"line 3: column '{column}': {cell!r} is no whole number of at most 18 digits"
    assert str(caught.value) == f"{path}: not a table of records: {says}"


@pytest.mark.parametrize("column", FIGURES)
@pytest.mark.parametrize("cell", ["nan", "NaN", "NA", "inf", "-inf", "1e400", "x", "True", "1_0", "0.5.5"])
def test_a_figure_that_is_none_is_named_by_line_and_column(tmp_path, column, cell):
    path = changed(tmp_path / "records.csv", column, cell)
    if column in ("low", "high") and cell in ("inf", "-inf"):  # an interval may have no end
        assert math.isinf(getattr(read_records(path)[1], column))
        return
    with pytest.raises(BrokenFile) as caught:
        read_records(path)
    says = f"line 3: column '{column}': {cell!r} is no finite number; leave the cell empty where there is none"
    assert str(caught.value) == f"{path}: not a table of records: {says}"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed", "system", "the column 'system' is there twice"),
        ("seed,", "", "columns missing or unknown: seed; if"),
        ("seed", "sead", "columns missing or unknown: sead, seed; if"),
        ("seed,dataset", "dataset,seed", "columns out of order; if"),
        ("system", "system,system", "the column 'system' is there twice"),
    ],
)
def test_other_columns_are_named(tmp_path, old, new, says):
    path = tmp_path / "records.csv"
    write_records(path, [ROW])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BrokenFile, match=f"records.csv: not a table of records: line 1: {says}"):
        read_records(path)
