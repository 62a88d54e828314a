"""Tables against cells worked out by hand."""

from io import StringIO
from math import nan

import pandas as pd
import pytest
from frames import AGREEMENT, BACKGROUND, LAYOUT, by_jury, record, rows, small_frame, small_records, with_paper
from rich.console import Console
from scipy.stats import t as student

from sgbench.report.console import show
from sgbench.report.layout import Layout, row_labels, to_csv
from sgbench.report.markdown import markdown, to_markdown
from sgbench.report.published import measured_and_published
from sgbench.report.tables import (
    accuracy_table,
    direction_table,
    jury_table,
    jury_target_table,
    score_table,
    target_table,
)
from sgbench.results.published import published
from sgbench.results.records import to_frame
from sgbench.statistics.crossed import CrossedMean, over_seeds


def test_rows_stand_in_the_order_of_the_names_then_from_all_labels_to_fewest():
    assert list(row_labels(small_frame(), LAYOUT).values()) == [
        "Beta-GAN (all)",
        "Beta-GAN (500)",
        "Alpha (500)",
        "copy",
        "real images",
    ]


def test_a_method_at_all_labels_alone_needs_no_level_and_one_without_a_name_keeps_its_own():
    frame = to_frame(
        [record("gamma", "all", "smile", "smile", 0.5, variant="residual"), record("alpha", "all", "", "", 1)]
    )
    assert list(row_labels(frame, LAYOUT).values()) == ["Alpha", "gamma (residual)"]


def test_target_accuracy_with_intervals_reasons_and_controls():
    table = target_table(small_frame(), LAYOUT)
    assert rows(table) == {
        "Beta-GAN (all)": ("**99.0** [98.6, 99.4]", "–"),
        "Beta-GAN (500)": ("70.0 [68.0, 72.0]", "–"),
        "Alpha (500)": ("93.4 [92.1, 94.7]", "not scored <sup>1</sup>"),
        "copy": ("2.0 [1.0, 3.0]", "–"),
        "real images": ("97.0 [96.0, 98.0]", "96.0 [95.0, 97.0]"),
    }
    assert "one seed, so image noise only" in table.caption
    assert table.caption.startswith("By the paper's protocol: share of results (%) that one ResNet-18 sees")
    assert "jury" not in table.caption
    assert "<sup>1</sup> balanced accuracy 0.81 on hair_color, floor 0.9" in to_markdown(table)


def test_target_accuracy_by_the_jury_has_the_jurys_figures_alone():
    table = jury_target_table(small_frame(), LAYOUT)
    assert rows(table) == {
        "Beta-GAN (all)": ("**98.0** [97.2, 98.8]", "–"),
        "Beta-GAN (500)": ("68.0 [64.0, 72.0]", "–"),
        "Alpha (500)": ("90.4 [87.9, 92.9]", "not scored <sup>1</sup>"),
        "copy": ("3.0 [1.0, 5.0]", "–"),
        "real images": ("95.0 [93.0, 97.0]", "94.0 [92.0, 96.0]"),
    }
    assert set(table.cells["metric"]) == {"jury_accuracy"}
    assert "<sup>1</sup> 1 of 3 judges of the jury sit (balanced accuracy 0.81 on hair_color)" in to_markdown(table)


def test_accuracy_by_the_jury_has_its_agreement_on_the_target_and_the_background():
    table = jury_table(small_frame(), LAYOUT)
    text = to_markdown(table)
    lines = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert lines[0] == ["", "Smile (target)", "Hair colour †", "Agreement", "Background"]
    assert rows(table, "Target: Smile") == {
        "Beta-GAN (all)": ("**98.0** [97.2, 98.8]", "–", "–", "–"),
        "Beta-GAN (500)": ("68.0 [64.0, 72.0]", "–", "–", "–"),
        "Alpha (500)": ("90.4 [87.9, 92.9]", "77.0 [74.0, 80.0]", "85.0 [83.0, 87.0]", "72.0 [71.0, 73.0]"),
        "copy": ("3.0 [1.0, 5.0]", "–", "–", "–"),
        "real images": ("95.0 [93.0, 97.0]", "94.0 [92.0, 96.0]", "92.0 [89.0, 95.0]", "–"),
    }
    assert rows(table, "Target: Hair colour") == {
        "Alpha (500)": ("–", "not scored <sup>1</sup>"),
        "real images": ("95.0 [93.0, 97.0]", "94.0 [92.0, 96.0]"),
    }
    assert "†: correlated with the target in this data set (|φ| > 0.3)" in text
    assert "Agreement: share that every judge sees with the value asked for" in text


def test_the_papers_rows_stand_by_its_own_judge_and_never_by_the_jury():
    frame, layout = with_paper()
    measured, paper = measured_and_published(frame)
    assert "SG-GAN (500), published" in rows(accuracy_table(measured, layout, paper), "Target: Gender")
    for table in (jury_target_table(measured, layout), jury_table(measured, layout)):
        assert {"measured", "control"} <= set(table.cells["origin"]) <= {"measured", "control", ""}
        assert "published" not in table.caption + "".join(table.cells["row"])


def test_accuracy_and_background_mark_target_and_correlated_attributes():
    text = to_markdown(accuracy_table(small_frame(), LAYOUT))
    lines = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert lines[0] == ["", "Smile (target)", "Hair colour †", "Background"]
    assert ["Alpha (500)", "93.4 [92.1, 94.7]", "80.0 [78.0, 82.0]", "72.0 [71.0, 73.0]"] in lines
    assert "†: correlated with the target in this data set (|φ| > 0.3)" in text
    assert "**Target: Hair colour**" in text


def test_a_score_has_its_deviation_and_real_images_stand_under_every_target():
    assert rows(score_table(small_frame(), LAYOUT)) == {
        "Alpha (500)": ("3.50±0.220 [3.25, 3.75]",),
        "real images": ("3.80 [3.70, 3.90]",),
    }


def test_directions_hold_only_what_was_asked_for_by_the_jury():
    assert rows(direction_table(small_frame(), LAYOUT), "Target: Smile") == {"Alpha (500)": ("48.0 [36.0, 60.0]",)}


def test_several_seeds_give_the_mean_and_a_t_interval_over_seeds():
    frame = to_frame(
        [record("alpha", "all", "smile", "smile", v, 0.001, seed=s) for s, v in enumerate((0.5, 0.6, 0.7))]
    )
    table = target_table(frame, LAYOUT)
    cell = table.cells.iloc[0]
    assert cell["value"] == pytest.approx(0.6)
    assert cell["high"] - cell["value"] == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-6)  # t of 2 degrees of freedom
    assert (cell["num_seeds"], cell["num_images"]) == (3, 600)
    assert "Mean over 3 seeds; in brackets: 95 % t interval over seeds" in table.caption


JUDGED = ((0.5, 0.04, 0.25), (0.6, 0.05, 0.5), (0.7, 0.06, 0.125))
"""Value, half an interval, and the judges' share of the variance, of three seeds."""


def three_seeds(judged=JUDGED):
    """Records of a system over seeds by the jury."""
    return [by_jury("alpha", "all", "smile", "smile", v, h, j, seed=s) for s, (v, h, j) in enumerate(judged)]


def test_several_seeds_by_the_jury_have_the_interval_of_seeds_judges_and_images():
    records = three_seeds()
    cell = jury_target_table(to_frame(records), LAYOUT).cells.iloc[0]
    mean = over_seeds([CrossedMean(r.value, r.variance_images, r.variance_judges, r.freedom) for r in records])
    assert (cell["value"], cell["low"], cell["high"]) == pytest.approx((mean.mean, *mean.interval()), rel=1e-12)
    variances = [(h / student.ppf(0.975, 4)) ** 2 for _, h, _ in JUDGED]
    images = sum(v * (1 - j) for v, (_, _, j) in zip(variances, JUDGED, strict=True)) / 3
    judges = sum(v * j for v, (_, _, j) in zip(variances, JUDGED, strict=True)) / 3
    seeds = 0.01 / 3
    parts = cell[["variance_images", "variance_judges", "variance_seeds"]].tolist()
    assert parts == pytest.approx([images, judges, seeds], rel=1e-9)
    freedom = (images + judges + seeds) ** 2 / ((images + judges) ** 2 / 4 + seeds**2 / 2)
    half = student.ppf(0.975, freedom) * (images + judges + seeds) ** 0.5
    assert (cell["low"], cell["high"]) == pytest.approx((0.6 - half, 0.6 + half), rel=1e-9)
    assert (cell["num_seeds"], cell["num_images"]) == (3, 600)
    by_resnet = [record("alpha", "all", "smile", "smile", r.value, 0.05, seed=r.seed) for r in records]
    plain = target_table(to_frame(by_resnet), LAYOUT).cells.iloc[0]
    assert cell[["variance_images", "variance_judges", "variance_seeds"]].notna().all()
    assert plain[["variance_images", "variance_judges", "variance_seeds"]].isna().all()


def test_the_caption_by_the_jury_says_what_an_interval_holds_with_one_seed():
    """Two cells, of which a quarter and three quarters of the variance come of the judges; controls do not count."""
    records = [
        by_jury("alpha", "all", "smile", "smile", 0.8, 0.05, 0.25),
        by_jury("beta", "all", "smile", "smile", 0.7, 0.01, 0.75),
        by_jury("copy", "", "smile", "smile", 0.1, 0.05, 1.0, origin="control"),
    ]
    said = "In brackets: 95 % interval of what another jury and other test images would give (one seed: nothing is "
    said += "known of another training); its variance is, on average over the cells, images 50 % + judges 50 %."
    for table in (jury_target_table(to_frame(records), LAYOUT), jury_table(to_frame(records), LAYOUT)):
        assert table.caption.endswith(said)
    caption = jury_target_table(small_frame(), LAYOUT).caption
    assert caption.endswith("on average over the cells, images 75 % + judges 25 %.")
    assert "seeds" not in caption


def test_the_caption_by_the_jury_says_what_an_interval_holds_with_three_seeds():
    halves = [h * student.ppf(0.975, 4) for h in (0.05, 0.05, 0.05)]  # a variance of 0.0025
    frame = to_frame(three_seeds([(v, h, 0.2) for v, h in zip((0.5, 0.55, 0.6), halves, strict=True)]))
    cell = jury_target_table(frame, LAYOUT).cells.iloc[0]
    parts = cell[["variance_images", "variance_judges", "variance_seeds"]].tolist()
    assert parts == pytest.approx([0.002, 0.0005, 0.0025 / 3])
    said = "Mean over 3 seeds; in brackets: 95 % interval of what other training seeds, another jury and other test "
    said += (
        "images would give (rows with one seed and controls: without other seeds); its variance is, on average over "
    )
    said += "the cells, images 60 % + judges 15 % + seeds 25 %."
    assert jury_target_table(frame, LAYOUT).caption.endswith(said)


def test_shares_of_the_variance_are_of_the_cells_over_several_seeds():
    """A system of one seed beside one of three says nothing of seeds, so it has no part in the shares."""
    one = by_jury("beta", "all", "smile", "smile", 0.7, 0.01, 1.0)
    halves = [0.05 * student.ppf(0.975, 4)] * 3
    three = three_seeds([(v, h, 0.2) for v, h in zip((0.5, 0.55, 0.6), halves, strict=True)])
    table = jury_target_table(to_frame([*three, one]), LAYOUT)
    assert "Mean over 3 seeds" in table.caption
    assert table.caption.endswith("images 60 % + judges 15 % + seeds 25 %.")
    cell = table.cells.set_index("method").loc["beta"]
    assert (cell["low"], cell["high"], cell["num_seeds"]) == pytest.approx((0.69, 0.71, 1))


def test_shares_are_not_told_where_nothing_varies():
    frame = to_frame([by_jury("alpha", "all", "smile", "smile", 1.0, 0.0)]).assign(low=0.98, high=1.0)
    table = jury_target_table(frame, LAYOUT)
    assert rows(table) == {"Alpha": ("100.0 [98.0, 100.0]",)}
    assert "another jury" in table.caption
    assert "its variance" not in table.caption


def test_seeds_that_are_all_alike_keep_the_widest_of_their_intervals():
    frame = to_frame(three_seeds([(1.0, 0.0, 0.25)] * 3)).assign(low=[0.97, 0.98, 0.99], high=1.0)
    cell = jury_target_table(frame, LAYOUT).cells.iloc[0]
    assert (cell["value"], cell["low"], cell["high"]) == (1.0, 0.97, 1.0)


def test_an_interval_by_the_jury_over_seeds_ends_where_the_measure_does():
    cell = jury_target_table(to_frame(three_seeds([(0.9, 0.1, 0.5), (0.99, 0.1, 0.5)])), LAYOUT).cells.iloc[0]
    assert cell["high"] == 1.0
    assert 0 < cell["low"] < 0.8


def test_a_seed_whose_jury_does_not_sit_is_left_out_and_said():
    refused = by_jury("alpha", "all", "smile", "smile", nan, seed=1, note="not scored: 1 of 3 judges of the jury sit")
    table = jury_target_table(to_frame([three_seeds()[0], refused]), LAYOUT)
    assert rows(table) == {"Alpha": ("50.0 [46.0, 54.0] <sup>1</sup>",)}
    assert "<sup>1</sup> 1 of 2 seeds not scored: 1 of 3 judges of the jury sit" in to_markdown(table)
    assert "nothing is known of another training" in table.caption


def test_an_agreement_over_seeds_has_the_t_interval_of_seeds_alone():
    values = enumerate((0.4, 0.5, 0.6))
    agreed = [record("alpha", "all", "smile", "smile", v, 0.001, seed=s, **AGREEMENT) for s, v in values]
    cells = jury_table(to_frame([*three_seeds(), *agreed]), LAYOUT).cells.set_index("metric")
    cell = cells.loc["jury_agreement"]
    assert cell["high"] - cell["value"] == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-6)
    assert cell[["variance_images", "variance_judges", "variance_seeds"]].isna().all()


def test_a_t_interval_ends_where_the_measure_does():
    values = [record("alpha", "all", "smile", "background", v, seed=s, **BACKGROUND) for s, v in enumerate((0.7, 0.9))]
    cell = accuracy_table(to_frame(values), LAYOUT).cells.set_index("metric").loc["background_ms_ssim"]
    assert (cell["low"], cell["high"]) == (0.0, 1.0)


def test_a_seed_that_is_not_scored_is_left_out_and_said():
    frame = to_frame(
        [
            record("alpha", "all", "smile", "smile", 0.5, 0.1),
            record("alpha", "all", "smile", "smile", nan, seed=1, note="not scored: no weights"),
        ]
    )
    table = target_table(frame, LAYOUT)
    assert rows(table) == {"Alpha": ("50.0 [40.0, 60.0] <sup>1</sup>",)}
    assert "<sup>1</sup> 1 of 2 seeds not scored: no weights" in to_markdown(table)


def test_a_control_that_no_seed_touches_keeps_its_interval():
    frame = to_frame([record("copy", "", "smile", "smile", 0.02, 0.01, seed=s, origin="control") for s in range(3)])
    assert rows(target_table(frame, LAYOUT)) == {"copy": ("2.0 [1.0, 3.0]",)}
    frame = to_frame([by_jury("copy", "", "smile", "smile", 0.02, 0.01, seed=s, origin="control") for s in range(3)])
    assert rows(jury_target_table(frame, LAYOUT)) == {"copy": ("2.0 [1.0, 3.0]",)}


def test_two_records_for_a_cell_are_an_error():
    with pytest.raises(ValueError, match="several records for alpha at level '500', seed 0, target 'smile', accuracy"):
        target_table(to_frame([*small_records(), small_records()[0]]), LAYOUT)
    twice = [r for r in small_records() if r.metric == "jury_accuracy"][:1]
    with pytest.raises(ValueError, match="seed 0, target 'smile', jury_accuracy on smile"):
        jury_target_table(to_frame([*small_records(), *twice]), LAYOUT)


def test_csv_holds_full_precision_in_the_records_units():
    third = to_frame([record("alpha", "all", "smile", "smile", 1 / 3, 1 / 7)])
    text = StringIO(to_csv(target_table(third, LAYOUT)))
    read = pd.read_csv(text, keep_default_na=False, converters=dict.fromkeys(["value", "low", "high"], float))
    assert read[["value", "low", "high"]].iloc[0].tolist() == [1 / 3, 1 / 3 - 1 / 7, 1 / 3 + 1 / 7]
    assert read[["method", "level", "unit", "num_images"]].iloc[0].tolist() == ["alpha", "all", "share", 200]
    own = by_jury("alpha", "all", "smile", "smile", 1 / 3, 1 / 7)
    of_parts = ["variance_images", "variance_judges"]
    text = StringIO(to_csv(jury_target_table(to_frame([own]), LAYOUT)))
    read = pd.read_csv(text, converters=dict.fromkeys(of_parts, float))
    parts = read[of_parts].iloc[0].tolist()
    assert parts == [own.variance_images, own.variance_judges]
    assert read["variance_seeds"].isna().all()


def test_markdown_keeps_digits_and_cells_apart():
    assert markdown(pd.DataFrame({"a": ["x|y"], "b": ["93.00"]})).splitlines()[-1] == "| x\\|y | 93.00 |"


def test_the_papers_tables_show_the_papers_digits():
    layout = Layout({"sggan": "SG-GAN", "real": "CelebA"}, {"gender": "Gender", "hair_color": "Hair"})
    one, two, three = (to_frame(published(k)) for k in (1, 2, 3))
    assert rows(score_table(one, layout, "inception_score"))["CelebA"] == ("3.83±0.167", "3.83±0.167")
    assert rows(accuracy_table(two, layout), "Target: Gender")["SG-GAN (500)"] == ("93.36", "97.90", "70")
    assert rows(accuracy_table(two, layout), "Target: Gender")["CelebA"] == ("99.00", "99.53", "100")
    assert rows(target_table(three, layout))["SG-GAN (500, residual)"] == ("18.77", "21.35")


def printed(width, frame=None, layout=LAYOUT):
    """The lines of the table on a screen of a width."""
    console = Console(file=StringIO(), width=width)
    show(small_frame() if frame is None else frame, layout, console)
    return console.file.getvalue().splitlines()


def test_the_screen_shows_asked_kept_and_background():
    lines = printed(120)
    alpha = next(line for line in lines if "Alpha" in line)
    assert alpha.split() == ["Alpha", "(500)", "90.4±2.5", "77.0", "72.0", "n/s", "–", "–"]
    assert next(line for line in lines if "real" in line).split()[2:] == [
        "95.0±2.0",
        "94.0",
        "–",
        "94.0±2.0",
        "95.0",
        "–",
    ]
    legend = " ".join(" ".join(lines).split())
    assert "asked: results (%) that the jury sees with the value asked for" in legend


def test_four_attributes_and_long_names_fit_a_screen():
    layout = Layout(
        {"residualgan": "ResidualGAN"}, {a: a.capitalize() for a in ("gender", "smile", "hair_color", "lipstick")}
    )
    names = list(layout.attributes)
    frame = to_frame([by_jury("residualgan", "5000", t, u, 1.0, 0.05) for t in names for u in names])
    for width, tables in ((120, 1), (80, 2)):
        lines = printed(width, frame, layout)
        assert max(map(len, lines)) <= width
        assert sum("ResidualGAN (5000)" in line for line in lines) == tables
