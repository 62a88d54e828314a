"""The page and its files."""

import subprocess
import sys

import pandas as pd
import pytest
from frames import LAYOUT, record, small_frame, small_records

from sgbench.experiments import published
from sgbench.records import to_frame
from sgbench.report.page import Page, write_report

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
    return write_report(folder, frame, page).read_text(encoding="utf-8").splitlines()


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
    files = {p.name for p in tmp_path.glob("*.csv")}
    assert files == {
        "table1_judge_score.csv",
        "table2_accuracy.csv",
        "table3_target_accuracy.csv",
        "directions.csv",
    }
    assert all(f"[{name}]({name})" in lines for name in files)
    own = pd.read_csv(tmp_path / "table3_target_accuracy.csv", keep_default_na=False, na_values={"value": [""]})
    assert own.loc[own["row"] == "Alpha (500)", "value"].iloc[0] == 0.934


def test_published_numbers_stand_apart(tmp_path):
    frame = pd.concat([small_frame(), *(to_frame(published(k)) for k in (1, 2, 3))])
    lines = written(tmp_path, frame)
    start = lines.index("## The paper's numbers")
    assert [line for line in lines[start:] if line.startswith("### ")] == [
        "### Table 1 of the paper: inception score",
        "### Table 2 of the paper: accuracy and background",
        "### Table 3 of the paper: target accuracy",
    ]
    assert not any("table 1 of the paper" in line for line in lines[:start])
    assert pd.read_csv(tmp_path / "published_table2_accuracy.csv")["origin"].unique().tolist() == ["published"]


def test_headings_and_tables_have_blank_lines_around_them(tmp_path):
    lines = written(tmp_path, small_frame())
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if line.startswith(("#", "**", "![")):
            assert before == after == "", line
        if line.startswith("|") and not before.startswith("|"):
            assert before == "", line


def test_nothing_is_written_when_two_records_claim_a_cell(tmp_path):
    with pytest.raises(ValueError, match="several records"):
        write_report(tmp_path / "report", to_frame([*small_records(), small_records()[0]]), PAGE)
    assert not (tmp_path / "report").exists()


def test_a_study_that_measured_nothing_has_a_page(tmp_path):
    assert "Nothing was measured." in written(tmp_path, to_frame([]))


def test_the_report_is_made_without_torch():
    code = "import sys, sgbench.report.page, sgbench.report.figures, sgbench.report.console, sgbench.experiments\n"
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)
