"""What is told of a report's systems before their figures."""

from dataclasses import replace

import pytest
from many import many

from sgbench.report.making import make_report
from sgbench.results.description import ShownFaces


@pytest.mark.parametrize(
    ("items", "told"), [(("table1", "figure3", "figure6"), ["figure3, figure6."]), (("table1", "budget"), []), ((), [])]
)
def test_figures_of_nobody_are_told(tmp_path, items, told):
    study = many(tmp_path, 2)
    study.write_description(replace(study.read_description(), items=items, shown=ShownFaces(("Input",), 1, ())))
    text = make_report(study, pictures=False).page.read_text(encoding="utf-8")
    assert [line.rpartition(": ")[2] for line in text.splitlines() if "Not drawn" in line] == told
