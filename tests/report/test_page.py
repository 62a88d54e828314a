"""The page and its files."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from frames import LAYOUT, comparisons, record, small_frame, small_records, with_paper

from sgbench.report.page import Page, write_report
from sgbench.results.records import to_frame
from sgbench.results.report_folder import ReportFolder

MANIFEST = {
    "images": 8000,
    "pool": 1208,
    "complete": 1000,
    "counts": {"hair_color": {"black": 500, "blond": 500, "none": 257}},
    "sha256": "0123456789abcdef",
}
PAGE = Page(
    title="A study",
    layout=LAYOUT,
    facts={"Data": "faces | 32 x 32"},
    notes=["With one seed an interval holds image noise only."],
    figures=[("Faces.", "figure3.png")],
    manifests={"500 labels, seed 0": MANIFEST},
    provenance={"Commit": "abc1234"},
)


def written(folder, frame, page=PAGE):
    """The page's lines."""
    return write_report(ReportFolder(folder), frame, page).read_text(encoding="utf-8").splitlines()


def cells(line):
    """The cells of a line of a table."""
    return [c.strip() for c in line.split("|")[1:-1]]


def test_the_page_says_all_it_was_given(tmp_path):
    lines = written(tmp_path, small_frame())
    assert lines[0] == "# A study"
    assert r"| **Data** | faces \| 32 x 32 |" in lines
    assert "- With one seed an interval holds image noise only." in lines
    assert "![Faces.](figure3.png)" in lines
    assert "| **Commit** | abc1234 |" in lines
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert ["Hair colour", "96.0 [95.0, 97.0]"] in rows
    assert ["500 labels, seed 0", "8,000", "1,208", "1,000", "black 500, blond 500, none 257", "`0123456789ab`"] in rows
    assert ["`background_ms_ssim`", "score", "window 8x8 of 32"] in rows


def test_counts_of_asked_scored_and_clipped(tmp_path):
    clipped = record(
        "alpha", "500", "smile", "background", 7, metric="background_ms_ssim_clipped", unit="count", num_images=200
    )
    rows = [cells(line) for line in written(tmp_path, to_frame([*small_records(), clipped])) if line.startswith("|")]
    assert ["Alpha (500)", "200 / 200 / 7", "200 / 0 / –"] in rows


def test_every_table_links_to_its_numbers(tmp_path):
    lines = written(tmp_path, small_frame())
    names = {"table1_judge_score", "table2_accuracy", "table3_target_accuracy", "directions", "matrix"}
    assert {p.name for p in tmp_path.iterdir()} == {f"{n}.{e}" for n in names for e in ("csv", "tex")} | {"report.md"}
    assert all(f"[{name}.csv]({name}.csv), [{name}.tex]({name}.tex)" in lines for name in names)
    own = pd.read_csv(tmp_path / "table3_target_accuracy.csv", keep_default_na=False, na_values={"value": [""]})
    assert own.loc[own["row"] == "Alpha (500)", "value"].iloc[0] == 0.934


def test_published_numbers_stand_beside_measured_ones_and_apart(tmp_path):
    frame, layout = with_paper()
    lines = written(tmp_path, frame, Page("CelebA", layout))
    start = lines.index("## The paper's numbers")
    assert [line for line in lines[start:] if line.startswith("### ")] == [
        "### Table 1 of the paper: inception score",
        "### Table 2 of the paper: accuracy and background",
        "### Table 3 of the paper: target accuracy",
    ]
    assert sum(cells(line)[0] == "StarGAN (500), published" for line in lines if line.startswith("|")) == 0
    assert sum(cells(line)[0] == "SG-GAN (500), published" for line in lines[:start] if line.startswith("|")) == 3
    assert not any("Rows marked published" in line for line in lines[start:])
    assert pd.read_csv(tmp_path / "published_table2_accuracy.csv")["origin"].unique().tolist() == ["published"]


def test_published_numbers_of_another_data_set_are_left_out(tmp_path):
    frame, layout = with_paper()
    frame.loc[frame["origin"] != "published", "dataset"] = "faces"
    assert not any("published" in line for line in written(tmp_path, frame, Page("Faces", layout))[10:])
    assert not list(tmp_path.glob("published*"))


def test_the_papers_inception_scores_stand_beside_no_other_network(tmp_path):
    frame, layout = with_paper()
    custom = replace(layout, inception_name="Inception (custom weights)")
    lines = written(tmp_path, frame, Page("CelebA", custom))
    start, end = lines.index("### Inception (custom weights)"), lines.index("### Judge Score")
    assert [cells(line)[0] for line in lines[start:end] if line.startswith("| ")] == [
        "",
        "SG-GAN (500)",
        "StarGAN (500)",
        "Real images",
    ]


def test_costs_and_comparisons_have_their_tables(tmp_path):
    cost = pd.DataFrame({"System": ["A_b"], "Parameters": [9406816], "Time (min)": [1 / 3], "Device": ["CPU"]})
    lines = written(tmp_path, small_frame(), replace(PAGE, cost=cost, comparisons=comparisons()))
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert ["A_b", "9,406,816", "0.3333", "CPU"] in rows
    assert "### Comparisons" in lines
    assert "[cost.csv](cost.csv), [cost.tex](cost.tex)" in lines
    assert pd.read_csv(tmp_path / "cost.csv")["Time (min)"].iloc[0] == 1 / 3
    assert r"A\_b & 9,406,816 & 0.3333 & CPU \\" in (tmp_path / "cost.tex").read_text()


def test_the_quality_of_both_judges_stands_by_attribute(tmp_path):
    untouched = {"origin": "control"}
    more = [
        record("real", "", "", "smile", 0.9, 0.02, **untouched | {"metric": "accuracy_second", "definition": "VGG"}),
        record("real", "", "", "smile", 0.034, 0.01, **untouched | {"metric": "ece"}),
    ]
    lines = written(tmp_path, to_frame([*small_records(), *more]))
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert ["Attribute", "accuracy", "accuracy, second judge", "ECE"] in rows
    assert ["Smile", "97.0 [96.0, 98.0]", "90.0 [88.0, 92.0]", "3.4 [2.4, 4.4]"] in rows
    assert "### Second judge" in lines


def test_translations_that_are_missing_count_as_asked_for(tmp_path):
    missing = record("beta", "all", "smile", "image", 3, metric="left_out", unit="count", num_images=200)
    rows = [cells(line) for line in written(tmp_path, to_frame([*small_records(), missing])) if line.startswith("|")]
    assert ["Beta-GAN (all)", "203 / 200 / –", "–"] in rows


def test_headings_and_tables_have_blank_lines_around_them(tmp_path):
    lines = written(tmp_path, small_frame())
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if line.startswith(("#", "**", "![")):
            assert before == after == "", line
        if line.startswith("|") and not before.startswith("|"):
            assert before == "", line


def test_nothing_is_written_when_two_records_claim_a_cell(tmp_path):
    with pytest.raises(ValueError, match="several records"):
        write_report(ReportFolder(tmp_path / "report"), to_frame([*small_records(), small_records()[0]]), PAGE)
    assert not (tmp_path / "report").exists()


def test_a_study_that_measured_nothing_has_a_page(tmp_path):
    assert "Nothing was measured." in written(tmp_path, to_frame([]))


def test_the_report_is_made_without_torch():
    modules = "page, members, grids, plots, console"
    code = f"import sys, sgbench.results.published\nfrom sgbench.report import {modules}\n"
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)


def test_figures_of_a_part_are_marked_and_do_not_compete(tmp_path):
    left_out = record("beta", "all", "smile", "image", 7, metric="left_out", unit="count", definition="not given")
    lines = written(tmp_path, to_frame([*small_records(), left_out]))
    (row, *_) = [line for line in lines if line.startswith("| Beta-GAN ") and "99.0" in line]
    assert "99.0 [98.6, 99.4] <sup>" in row
    assert "**99.0" not in row
    assert any("without 7 of the translations asked for, which were not given" in line for line in lines)
    whole = written(tmp_path / "whole", small_frame())
    assert any(line.startswith("| Beta-GAN ") and "**99.0**" in line for line in whole)
