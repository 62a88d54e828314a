"""Figures against labels per value: the table by hand, and the curve."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from frames import BACKGROUND, by_jury, record, rows
from PIL import Image

from sgbench.report.budget import budget_table, labels_at_all
from sgbench.report.budget_plot import budget_plot
from sgbench.report.layout import Layout
from sgbench.results.records import to_frame

LAYOUT = Layout({"alpha": "Alpha", "copy": "Copy"}, {"a": "A", "b": "B", "c": "C"})
ERROR = {"metric": "counterfactual_error", "unit": "levels"}


def system(level, target, other, background, inside, method="alpha", **about):
    """Every target has the same figures; of the two unrelated attributes one is a tenth below the other."""
    records = []
    for t in LAYOUT.attributes:
        first, second = [a for a in LAYOUT.attributes if a != t]
        measured = ((t, target), (first, other), (second, other - 0.1))
        records += [by_jury(method, level, t, on, value, 0.02, **about) for on, value in measured]
        records.append(record(method, level, t, "background", background, 0.05, **BACKGROUND | about))
        records.append(record(method, level, t, "inside", inside, 1.0, **ERROR | about))
    return records


FRAME = to_frame(
    [
        *system("all", 0.95, 0.9, 0.8, 10),
        *system("100", 0.85, 0.8, 0.7, 12),
        *system("10", 0.5, 0.7, 0.6, 20),
        *system("", 0.0, 1.0, 1.0, 30, "copy", origin="control"),
    ]
)
MANIFESTS = {
    "100, seed 0": {"level": 100, "counts": {"a": {"x": 100, "y": 100, "none": 0}}},
    "all, seed 0": {
        "level": "all",
        "counts": {"a": {"x": 700, "y": 300, "none": 50}, "b": {"x": 150, "y": 850, "none": 0}, "z": {"x": 9}},
    },
}


def test_means_over_targets_come_first_and_then_each_target():
    table = budget_table(FRAME, LAYOUT)
    assert table.cells["block"].unique().tolist() == ["Mean over targets", "Target: A", "Target: B", "Target: C"]
    assert rows(table, "Mean over targets")["Alpha (100)"] == (
        "85.0 [83.0, 87.0]",
        "75.0 [73.0, 77.0]",
        "70.0 [65.0, 75.0]",
        "12.00 [11.00, 13.00]",
    )
    assert rows(table, "Target: B") == rows(table, "Mean over targets")
    assert "Counterfactual outside" not in set(table.cells["column"])


def test_means_are_of_all_targets_or_not_at_all():
    unscored = (FRAME["target"] == "a") & (FRAME["measured_on"] == "a") & (FRAME["level"] == "100")
    lacking = FRAME.assign(
        value=FRAME["value"].mask(unscored), note=FRAME["note"].mask(unscored, "not scored: judges below the floor")
    )
    table = budget_table(lacking, LAYOUT)
    assert rows(table, "Mean over targets")["Alpha (100)"][0] == "not scored <sup>1</sup>"
    assert rows(table, "Target: B")["Alpha (100)"][0] == "85.0 [83.0, 87.0]"


def test_what_is_missing_of_a_target_is_said_there_and_at_the_mean():
    missing = record("alpha", "100", "a", "image", 7, metric="left_out", unit="count")
    cells = budget_table(pd.concat([FRAME, to_frame([missing])], ignore_index=True), LAYOUT).cells
    told = cells[cells["note"] != ""]
    assert set(told["row"]) == {"Alpha (100)"}
    assert set(told["block"]) == {"Mean over targets", "Target: A"}
    assert set(told["note"]) == {"without 7 of the translations asked for, which were not given"}


def test_all_stands_for_the_mean_number_of_labels():
    assert labels_at_all(MANIFESTS, LAYOUT) == 500
    assert labels_at_all({"100, seed 0": MANIFESTS["100, seed 0"]}, LAYOUT) is None


@pytest.mark.slow
def test_the_curve_is_a_picture_and_a_pdf_of_the_same(tmp_path):
    for kind in ("png", "pdf"):
        budget_plot(tmp_path / f"budget.{kind}", FRAME, LAYOUT, MANIFESTS)
    with Image.open(tmp_path / "budget.png") as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    assert (np.abs(page - (0x7C, 0x3A, 0xED)).sum(-1) < 9).sum() > 1000
    assert (page[:4] == 255).all()
    assert (tmp_path / "budget.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("manifests", "number", "told"), [(MANIFESTS, 500, "all\n(500)"), ({}, 250, "all")], ids=["known", "not known"]
)
def test_levels_stand_at_their_numbers(monkeypatch, tmp_path, manifests, number, told):
    seen = {}

    def keep(figure, path):
        axis = figure.axes[0]
        seen["x"] = [line.get_xdata().tolist() for line in axis.get_lines() if len(line.get_xdata()) > 2]
        seen["y"] = [line.get_ydata().tolist() for line in axis.get_lines() if len(line.get_xdata()) > 2]
        seen["ticks"] = [text.get_text() for text in axis.get_xticklabels()]

    monkeypatch.setattr("sgbench.report.budget_plot.save", keep)
    budget_plot(tmp_path / "budget.png", FRAME, LAYOUT, manifests)
    assert seen["x"] == [[10, 100, number]]
    assert seen["y"] == [pytest.approx([50, 85, 95])]
    assert seen["ticks"] == ["10", "100", told]


def test_a_study_of_one_attribute_has_nothing_unrelated():
    layout = replace(LAYOUT, attributes={"a": "A"})
    own = FRAME[(FRAME["target"] == "a") & ~FRAME["measured_on"].isin(["b", "c"])]
    assert "Unrelated accuracy" not in set(budget_table(own, layout).cells["column"])
