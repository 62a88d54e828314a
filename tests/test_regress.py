"""The regression command: what moved, and the exit status."""

import math
from dataclasses import replace

import pytest

from sgbench.records import Record, write_records
from sgbench.regress import main
from sgbench.regression import Tolerance, compare, load_tolerances

ROW = Record(
    system="sggan-500-s0",
    method="sggan",
    variant="",
    level="500",
    seed=0,
    dataset="faces",
    image_size=32,
    target="gender",
    direction="all",
    measured_on="smile",
    metric="accuracy",
    definition="most probable value",
    value=0.9,
    low=0.88,
    high=0.92,
    num_images=2000,
    unit="share",
    origin="measured",
)
SCORE = replace(ROW, metric="judge_score", measured_on="image", value=4.0, low=math.nan, high=math.nan, unit="score")
TOLERANCES = {"accuracy": Tolerance(absolute=0.02), "judge_score": Tolerance(relative=0.05)}
YAML = "accuracy: {absolute: 0.02}\njudge_score: {relative: 5e-2}\n"


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "reference" / "quick.csv"
    write_records(path, [ROW, SCORE])
    (path.parent / "tolerances.yaml").write_text(YAML)
    return path


def _run(reference, tmp_path, records):
    new = tmp_path / "new.csv"
    write_records(new, records)
    return main([str(reference), str(new)])


def _verdicts(new, reference=(ROW, SCORE), tolerances=TOLERANCES):
    return [(d.row.metric, d.quantity, d.verdict) for d in compare(reference, new, tolerances)]


def test_equal_records_differ_in_nothing():
    assert compare([ROW, SCORE], [SCORE, ROW], TOLERANCES) == []


@pytest.mark.parametrize(
    ("row", "value", "verdict"),
    [(ROW, 0.915, "within"), (ROW, 0.925, "moved"), (SCORE, 4.19, "within"), (SCORE, 3.79, "moved")],
)
def test_absolute_and_relative_tolerance(row, value, verdict):
    (difference,) = compare([row], [replace(row, value=value)], TOLERANCES)
    assert (difference.reference, difference.new, difference.verdict) == (row.value, value, verdict)
    assert difference.failed == (verdict == "moved")


def test_nan_equals_nan_and_nothing_else():
    hole = replace(ROW, value=math.nan)
    assert compare([hole], [hole], TOLERANCES) == []
    assert _verdicts([ROW], [hole]) == [("accuracy", "value", "moved")]
    assert _verdicts([hole], [ROW]) == [("accuracy", "value", "moved")]


def test_interval_and_number_of_images_are_compared():
    assert _verdicts([replace(ROW, low=0.8)], [ROW]) == [("accuracy", "low", "moved")]
    assert _verdicts([replace(ROW, num_images=1999)], [ROW]) == [("accuracy", "num_images", "moved")]


def test_rows_missing_and_added():
    assert _verdicts([ROW]) == [("judge_score", "value", "missing")]
    assert _verdicts([ROW, SCORE, replace(ROW, seed=1)]) == [("accuracy", "value", "added")]
    redefined = replace(ROW, definition="another")
    assert _verdicts([redefined], [ROW]) == [("accuracy", "value", "missing"), ("accuracy", "value", "added")]


def test_every_metric_needs_a_tolerance():
    with pytest.raises(ValueError, match="no tolerance for judge_score"):
        compare([ROW, SCORE], [ROW, SCORE], {"accuracy": Tolerance()})
    assert _verdicts([ROW, replace(SCORE, value=5)], tolerances={"default": Tolerance(absolute=1)}) == [
        ("judge_score", "value", "within")
    ]


def test_one_key_twice_is_an_error():
    with pytest.raises(ValueError, match="the new records hold two rows"):
        compare([ROW], [ROW, ROW], TOLERANCES)


def test_within_tolerance_passes(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [replace(ROW, value=0.91), SCORE]) == 0
    assert "within" in capsys.readouterr().out


def test_equal_prints_no_table(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [ROW, SCORE]) == 0
    assert capsys.readouterr().out == "2 rows against 2 new: 0 figures differ, 0 fail\n"


def test_doctored_record_fails(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [replace(ROW, value=0.95), SCORE]) == 1
    out = capsys.readouterr().out
    assert all(word in out for word in ("0.9 ", "0.95", "0.05", "0.02", "moved", "sggan-500-s0"))


@pytest.mark.parametrize("records", [[ROW], [ROW, SCORE, replace(SCORE, seed=1)]])
def test_missing_or_added_row_fails(reference, tmp_path, records):
    assert _run(reference, tmp_path, records) == 1


def test_folders_of_records(reference, tmp_path):
    write_records(tmp_path / "new" / "a" / "records.csv", [ROW])
    write_records(tmp_path / "new" / "b" / "records.csv", [SCORE])
    assert main([str(reference.parent), str(tmp_path / "new")]) == 0


@pytest.mark.parametrize("of_folder", [False, True])
def test_own_tolerances_come_before_the_shared(reference, of_folder):
    path = reference.parent if of_folder else reference
    path.with_name(f"{path.stem}.tolerances.yaml").write_text("default: {absolute: 1}\n")
    assert load_tolerances(path) == {"default": Tolerance(absolute=1)}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("quick.csv", None, "No such file"),
        ("quick.csv", "a,b\n1,2\n", "not a table of records"),
        ("quick.csv", "", "not a table of records"),
        ("tolerances.yaml", None, "no tolerances; write"),
        ("tolerances.yaml", "accuracy: {absolut: 1}", "accuracy.absolut: Extra inputs are not permitted"),
        ("tolerances.yaml", "accuracy: {absolute: -1}", "accuracy.absolute"),
        ("tolerances.yaml", "accuracy: [", "unreadable"),
        ("tolerances.yaml", "", "not tolerances"),
        ("tolerances.yaml", "accuracy: {}", "no tolerance for judge_score"),
    ],
)
def test_unreadable_input_is_one_line_and_status_2(reference, tmp_path, capsys, name, content, says):
    path = reference.parent / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert _run(reference, tmp_path, [ROW, SCORE]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert str(reference) in captured.err
    assert name in captured.err or "tolerances file" in captured.err


def test_empty_folder_is_status_2(reference, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main([str(reference), str(tmp_path / "empty")]) == 2
    assert "no records" in capsys.readouterr().err
