"""The page and its files."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from frames import LAYOUT, by_jury, comparisons, judges, record, small_frame, small_records, with_paper

from sgbench.report.contents import Page
from sgbench.report.page import write_report
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
    assert ["Hair colour", "96.0 [95.0, 97.0]", "94.0 [92.0, 96.0]", "–"] in rows
    assert ["500 labels, seed 0", "8,000", "1,208", "1,000", "black 500, blond 500, none 257", "`0123456789ab`"] in rows
    assert ["`background_ms_ssim`", "score", "window 8x8 of 32"] in rows


def test_counts_of_asked_scored_and_clipped(tmp_path):
    clipped = record(
        "alpha", "500", "smile", "background", 7, metric="background_ms_ssim_clipped", unit="count", num_images=200
    )
    rows = [cells(line) for line in written(tmp_path, to_frame([*small_records(), clipped])) if line.startswith("|")]
    assert ["Alpha (500)", "200 / 200 / 7", "200 / 0 / –"] in rows


def test_what_the_resnet_alone_scored_does_not_count_as_scored_by_the_jury(tmp_path):
    alone = record("beta", "500", "hair_color", "hair_color", 0.5, 0.1)
    both = by_jury("beta", "all", "hair_color", "hair_color", 0.5, 0.1)
    lines = written(tmp_path, to_frame([*small_records(), alone, both]))
    rows = [cells(line) for line in lines[lines.index("## How much was measured") :] if line.startswith("|")]
    assert ["Beta-GAN (500)", "200 / 200 / –", "200 / 0 / –"] in rows
    assert ["Beta-GAN (all)", "200 / 200 / –", "200 / 200 / –"] in rows
    assert any("/ scored by the jury on the target /" in line for line in lines)


def test_every_table_links_to_its_numbers(tmp_path):
    lines = written(tmp_path, small_frame())
    names = {"table1_judge_score", "table2_accuracy", "table3_target_accuracy", "directions", "matrix"}
    names |= {"jury_accuracy", "jury_target_accuracy", "tradeoff"}
    assert {p.name for p in tmp_path.iterdir()} == {f"{n}.{e}" for n in names for e in ("csv", "tex")} | {
        "report.md",
        "index.html",
    }
    assert all(f"[{name}.csv]({name}.csv), [{name}.tex]({name}.tex)" in lines for name in names)
    own = pd.read_csv(tmp_path / "table3_target_accuracy.csv", keep_default_na=False, na_values={"value": [""]})
    assert own.loc[own["row"] == "Alpha (500)", "value"].iloc[0] == 0.934
    jury = pd.read_csv(tmp_path / "jury_target_accuracy.csv", keep_default_na=False, na_values={"value": [""]})
    assert jury.loc[jury["row"] == "Alpha (500)", "value"].iloc[0] == 0.904


def test_the_jury_comes_first_and_the_papers_protocol_after_it(tmp_path):
    lines = written(tmp_path, small_frame())
    assert [line for line in lines if line.startswith("### ")] == [
        "### Target accuracy",
        "### Accuracy and background",
        "### Trade-off",
        "### Target accuracy, ResNet-18",
        "### Accuracy and background, ResNet-18",
        "### Judge Score",
        "### Accuracy by direction",
        "### Target x measured attribute",
    ]


def test_the_papers_items_come_before_all_else(tmp_path):
    layout = replace(LAYOUT, items=("table3", "budget", "figure3"))
    lines = written(
        tmp_path, small_frame(), Page("A study", layout, figures=[("Faces.", "figure3.png", "figure3.pdf")])
    )
    assert [line for line in lines if line.startswith("### ")][:4] == [
        "### Table 3 of the paper: Residual and refined residual, ResNet-18, published and measured",
        "### Rank agreement with the paper",
        "### Label budget",
        "### Target accuracy",
    ]
    assert "[figure3.pdf](figure3.pdf)" in lines
    assert (tmp_path / "rank_agreement.tex").is_file()
    assert (tmp_path / "side_by_side_table3.csv").is_file()


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


def test_the_ceiling_of_the_judges_stands_by_attribute(tmp_path):
    ece = record("real", "", "", "smile", 0.034, 0.01, metric="ece", origin="control")
    lines = written(tmp_path, to_frame([*small_records(), ece]))
    start = lines.index("## The judges")
    rows = [cells(line) for line in lines[start:] if line.startswith("|")]
    assert rows[0] == ["Attribute", "accuracy, ResNet-18", "accuracy", "agreement", "ECE"]
    assert rows[2:4] == [
        ["Smile", "97.0 [96.0, 98.0]", "95.0 [93.0, 97.0]", "92.0 [89.0, 95.0]", "3.4 [2.4, 4.4]"],
        ["Hair colour", "96.0 [95.0, 97.0]", "94.0 [92.0, 96.0]", "–", "–"],
    ]
    said = "Agreement is the share that every judge of the jury sees; balanced accuracy and calibration (ECE) are those"
    assert f"{said} of the ResNet-18." in lines[start + 2]


def test_each_judge_stands_with_whether_its_verdicts_count(tmp_path):
    lines = written(tmp_path, small_frame(), replace(PAGE, judges=judges()))
    rows = [cells(line) for line in lines[lines.index("## The judges") :] if line.startswith("|")]
    head = ["Judge", "Of", "Attribute", "Real images (%)", "Counterfactuals (%)", "Verdicts"]
    start = rows.index(head) + 2
    assert rows[start : start + 8] == [
        ["resnet18, seed 0", "the paper's protocol", "Smile", "99.5", "–", "count"],
        ["resnet18, seed 0", "the paper's protocol", "Hair colour", "99.5", "99", "count"],
        ["compact_vgg, seed 0", "jury", "Smile", "99.17", "–", "count"],
        ["compact_vgg, seed 0", "jury", "Hair colour", "99.17", "97", "count"],
        ["compact_resnet, seed 0", "jury", "Smile", "98.83", "–", "count"],
        ["compact_resnet, seed 0", "jury", "Hair colour", "98.83", "95", "count"],
        ["compact_vgg, seed 1", "jury", "Smile", "98.5", "–", "count"],
        ["compact_vgg, seed 1", "jury", "Hair colour", "98.5", "93", "do not count"],
    ]
    assert "[judges.csv](judges.csv), [judges.tex](judges.tex)" in lines
    figures = dict.fromkeys(["Real images (%)", "Counterfactuals (%)"], lambda text: float(text or "nan"))
    kept = pd.read_csv(tmp_path / "judges.csv", keep_default_na=False, converters=figures)
    pd.testing.assert_frame_equal(kept, judges(), check_exact=True)
    last = r"compact\_vgg, seed 1 & jury & Hair colour & 98.5 & 93 & do not count \\"
    assert last in (tmp_path / "judges.tex").read_text().splitlines()


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


@pytest.mark.slow
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


def test_figures_of_results_that_are_alike_are_marked_and_do_not_compete(tmp_path):
    alike = {"metric": "left_out", "unit": "count", "note": "every result is the same image"}
    lines = written(tmp_path, to_frame([*small_records(), record("beta", "all", "smile", "image", 0, **alike)]))
    (row, *_) = [line for line in lines if line.startswith("| Beta-GAN ") and "99.0" in line]
    assert "99.0 [98.6, 99.4] <sup>" in row
    assert "**99.0" not in row
    assert any("every result is the same image" in line for line in lines)
    assert not any("without" in line and "which were not given" in line for line in lines)
