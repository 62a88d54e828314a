"""Records as a file: every number and text comes back as it was, and others read it as far as the umask lets them."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest

from sgbench.results.records import Record, read_records, write_records

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
