"""A changed definition is one line, in whatever rows it shows."""

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rows import ANY

from sgbench.commands.regress import main
from sgbench.regression.differences import compare
from sgbench.regression.redefinitions import redefinitions
from sgbench.results.records import write_records

ROW = replace(ANY, low=math.nan, high=math.nan)
NUM_SYSTEMS, TARGETS = 4, ("gender", "smile", "hair_color", "lipstick")
ROWS = [
    replace(ROW, system=f"sggan-500-s{seed}", seed=seed, target=target, measured_on=measured_on)
    for seed in range(NUM_SYSTEMS)
    for target in TARGETS
    for measured_on in TARGETS
]
"""64 rows, as a study has of a metric."""


def found(reference, new):
    """The changes between records, and the verdicts on what is no such change."""
    changes, left = redefinitions(compare(reference, new, None))
    told = [(c.metric, c.quantity, c.reference, c.new, len(c.rows), c.systems) for c in changes]
    return told, [d.verdict for d in left]


def first_losses(version, loop=1, iterations=(1, 2, 3), system="sggan"):
    """First losses of a method, as CI has them: a row for each term and iteration."""
    return [
        replace(
            ROW,
            system=system,
            metric="first_loss",
            measured_on=term,
            unit="score",
            definition=f"version {version}, loop {loop}, iteration {iteration}",
        )
        for term in ("d_adv", "g_adv")
        for iteration in iterations
    ]


def test_a_definition_that_changed_in_all_rows_is_one_change():
    new = [replace(row, definition="mean recall", value=0.1) for row in ROWS]
    assert found(ROWS, new) == (
        [("accuracy", "definition", "most probable value", "mean recall", len(ROWS), NUM_SYSTEMS)],
        [],
    )


def test_rows_without_a_partner_stay_missing_and_added():
    new = [replace(ROWS[0], definition="mean recall"), replace(ROWS[1], metric="ece")]
    changes, verdicts = found(ROWS[:3], new)
    assert changes == [("accuracy", "definition", "most probable value", "mean recall", 1, 1)]
    assert verdicts == ["missing", "missing", "added"]


@pytest.mark.parametrize("field", ["system", "target", "direction", "measured_on", "metric", "dataset", "origin"])
def test_another_figure_is_no_other_definition(field):
    other = replace(ROW, **{field: "control" if field == "origin" else "ece"}, definition="mean recall")
    assert found([ROW], [other]) == ([], ["missing", "added"])


def test_a_unit_that_changed_is_said_to_be_one():
    assert found([ROW], [replace(ROW, unit="score")])[0] == [("accuracy", "unit", "share", "score", 1, 1)]
    both = replace(ROW, unit="score", definition="mean recall")
    assert found([ROW], [both])[0] == [
        ("accuracy", "definition and unit", "most probable value, share", "mean recall, score", 1, 1)
    ]


def test_a_version_that_was_raised_is_one_change_whatever_else_the_definitions_say():
    old = [*first_losses(2), *first_losses(9, system="stargan")]
    assert found(old, [*first_losses(3), *first_losses(9, system="stargan")]) == (
        [("first_loss", "definition", "version 2", "version 3", 6, 1)],
        [],
    )
    later = [*first_losses(2, loop=2), *first_losses(9, loop=2, system="stargan")]
    assert found(old, later) == ([("first_loss", "definition", "loop 1", "loop 2", 12, 2)], [])
    assert found(old, [*first_losses(3, loop=2), *old[6:]])[0] == [
        ("first_loss", "definition", "version 2, loop 1", "version 3, loop 2", 6, 1)
    ]


def test_iterations_keep_their_order_whatever_that_of_the_rows():
    (change,), left = redefinitions(compare(first_losses(9), first_losses(10)[::-1], None))
    assert not left
    assert [row.definition[-1] for row in change.rows] == [row.definition[-1] for row in change.new_rows]


def test_an_iteration_more_is_added():
    assert found(first_losses(2), first_losses(3, iterations=(1, 2, 3, 4))) == (
        [("first_loss", "definition", "version 2", "version 3", 6, 1)],
        ["added", "added"],
    )


def test_another_judge_of_a_jury_is_one_change_of_each_metric():
    jury = "most probable value, {} (compact_vgg, seed 1; compact_resnet, seed {})"
    kinds = {"jury_accuracy": "mean over a jury", "jury_agreement": "by every judge of a jury"}
    old, new = (
        [replace(row, metric=m, definition=jury.format(of, seed)) for row in ROWS for m, of in kinds.items()]
        for seed in (0, 3)
    )
    changes, left = found(old, new)
    assert not left
    assert [(metric, rows) for metric, _, _, _, rows, _ in changes] == [(metric, len(ROWS)) for metric in kinds]
    assert changes[0][2:4] == ("seed 0", "seed 3")


def test_definitions_that_differ_by_what_was_put_in_or_left_out_differ_alike():
    for old, new in (("", ", ten crops"), (", ten crops", "")):
        rows, new_rows = (
            [replace(ROW, measured_on=name, definition=f"of {name}{more}") for name in TARGETS] for more in (old, new)
        )
        assert found(rows, new_rows)[0] == [("accuracy", "definition", old, new, 4, 1)]


@pytest.fixture
def redefined(tmp_path):
    """Two files of records of which one definition differs, and the arguments that compare them."""
    new = [replace(row, definition="mean | of *recall*") for row in ROWS]
    write_records(tmp_path / "old.csv", [*ROWS, replace(ROW, metric="ece")])
    write_records(tmp_path / "new.csv", [*new, replace(ROW, metric="ece")])
    return tmp_path, [str(tmp_path / "old.csv"), str(tmp_path / "new.csv")]


def test_the_screen_has_one_line_and_the_status_is_1(redefined, capsys):
    assert main(redefined[1]) == 1
    out = capsys.readouterr().out
    assert out.count("redefined") == 1
    assert "accuracy: definition changed: 'most probable value' -> 'mean | of *recall*' (64 rows of 4" in out
    assert out.endswith(
        "65 rows against 65 new: 0 figures differ, 0 fail; 1 definition changed (64 rows), which fails\n"
    )


def test_the_summary_has_one_line(redefined):
    folder, arguments = redefined
    assert main([*arguments, "--summary", str(folder / "page.md")]) == 1
    page = (folder / "page.md").read_text()
    assert page.startswith("## 1 definition changed\n")
    line = "- accuracy: definition changed: 'most probable value' -> 'mean | of \\*recall\\*' (64 rows of 4 systems)\n"
    assert page.endswith(line)
    assert "<details>" not in page


def test_junit_has_one_case_that_fails_and_those_of_the_figures_are_skipped(redefined):
    folder, arguments = redefined
    assert main([*arguments, "--junit", str(folder / "regress.xml")]) == 1
    root = ElementTree.parse(folder / "regress.xml").getroot()
    (failed,) = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed.get("classname") == "definitions"
    assert failed.find("failure").get("type") == "redefined"
    assert failed.find("failure").text.startswith("accuracy: definition changed: 'most probable value' -> 'mean | of")
    counts = [[int(suite.get(name)) for name in ("tests", "failures", "skipped")] for suite in root]
    # Of the first system a case for each target and one that passed; the cases of the definitions are the last suite.
    assert counts == [[5, 0, 4], *[[4, 0, 4]] * (NUM_SYSTEMS - 1), [1, 1, 0]]
    assert [int(root.get(name)) for name in ("tests", "failures", "skipped")] == [18, 1, 16]


def test_an_update_accepts_the_definition(redefined):
    _, arguments = redefined
    assert main([*arguments, "--update"]) == 0
    assert main(arguments) == 0
