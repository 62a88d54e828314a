"""What is told of a report's systems before their figures."""

from dataclasses import replace

import pytest
from many import many

from sgbench.report.drawings import losses
from sgbench.report.layout import Layout
from sgbench.report.making import make_report
from sgbench.report.remarks import remarks
from sgbench.results.description import ShownFaces


@pytest.mark.parametrize(
    ("items", "told"), [(("table1", "figure3", "figure6"), ["figure3, figure6."]), (("table1", "budget"), []), ((), [])]
)
def test_figures_of_nobody_are_told(tmp_path, items, told):
    study = many(tmp_path, 2)
    study.write_description(replace(study.read_description(), items=items, shown=ShownFaces(("Input",), 1, ())))
    text = make_report(study, pictures=False).page.read_text(encoding="utf-8")
    assert [line.rpartition(": ")[2] for line in text.splitlines() if "Not drawn" in line] == told


@pytest.mark.parametrize(
    ("jobs", "without", "caption", "told"),
    [
        ({"a": "A", "b": "B"}, 0, ["Losses of each job."], False),
        ({"a": "A", "b": "B"}, 3, ["Losses of 2 of 5 jobs; those of the others are not at hand."], False),
        ({}, 3, [], True),
        ({}, 0, [], False),
    ],
)
def test_losses_that_are_not_at_hand_are_told(tmp_path, jobs, without, caption, told):
    study = many(tmp_path, 2)
    study.write_description(replace(study.read_description(), jobs=jobs, jobs_without_losses=without))
    description = study.read_description()
    assert [drawing.caption for drawing in losses(description, study.runs, False)] == caption
    line = "Losses are not shown: those of the 3 jobs are not at hand, as when jobs/ was not copied."
    assert (line in remarks([], [], Layout({}, {}), description)) == told
