"""Tables against cells worked out by hand."""

from io import StringIO
from math import nan

import pandas as pd
import pytest
from frames import BACKGROUND, LAYOUT, record, rows, small_frame, small_records
from rich.console import Console

from sgbench.report.console import show
from sgbench.report.layout import Layout, row_labels, to_csv
from sgbench.report.markdown import markdown, to_markdown
from sgbench.report.tables import accuracy_table, direction_table, score_table, target_table
from sgbench.results.published import published
from sgbench.results.records import to_frame


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
    assert "<sup>1</sup> balanced accuracy 0.81 on hair_color, floor 0.9" in to_markdown(table)


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


def test_directions_hold_only_what_was_asked_for():
    assert rows(direction_table(small_frame(), LAYOUT), "Target: Smile") == {"Alpha (500)": ("50.0 [40.0, 60.0]",)}


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


def test_two_records_for_a_cell_are_an_error():
    with pytest.raises(ValueError, match="several records for alpha at level '500', seed 0, target 'smile', accuracy"):
        target_table(to_frame([*small_records(), small_records()[0]]), LAYOUT)


def test_csv_holds_full_precision_in_the_records_units():
    third = to_frame([record("alpha", "all", "smile", "smile", 1 / 3, 1 / 7)])
    read = pd.read_csv(StringIO(to_csv(target_table(third, LAYOUT))), keep_default_na=False)
    assert read[["value", "low", "high"]].iloc[0].tolist() == [1 / 3, 1 / 3 - 1 / 7, 1 / 3 + 1 / 7]
    assert read[["method", "level", "unit", "num_images"]].iloc[0].tolist() == ["alpha", "all", "share", 200]


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
    assert alpha.split() == ["Alpha", "(500)", "93.4±1.3", "80.0", "72.0", "n/s", "–", "–"]
    assert next(line for line in lines if "real" in line).split()[2:] == [
        "97.0±1.0",
        "96.0",
        "–",
        "96.0±1.0",
        "97.0",
        "–",
    ]


def test_four_attributes_and_long_names_fit_a_screen():
    layout = Layout(
        {"residualgan": "ResidualGAN"}, {a: a.capitalize() for a in ("gender", "smile", "hair_color", "lipstick")}
    )
    names = list(layout.attributes)
    frame = to_frame([record("residualgan", "5000", t, u, 1.0, 0.05) for t in names for u in names])
    for width, tables in ((120, 1), (80, 2)):
        lines = printed(width, frame, layout)
        assert max(map(len, lines)) <= width
        assert sum("ResidualGAN (5000)" in line for line in lines) == tables
