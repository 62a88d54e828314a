"""Tables that the paper does not have, against cells worked out by hand."""

from math import nan

import pytest
from frames import LAYOUT, comparisons, record, rows, small_frame

from sgbench.report.beyond import (
    beyond_table,
    comparisons_table,
    distribution_table,
    likeness_table,
    matrix_table,
)
from sgbench.report.markdown import to_markdown
from sgbench.results.records import to_frame


def score(method, metric, value, half=nan, unit="score", **other):
    """A record of whole images."""
    return record(method, "all", "smile", "image", value, half, metric=metric, unit=unit, **other)


def test_beyond_leaves_out_what_was_not_measured():
    where = {"metric": "counterfactual_error", "unit": "levels"}
    frame = to_frame([record("alpha", "all", "smile", "inside", 12.3456, 0.5, **where)])
    table = beyond_table(frame, LAYOUT)
    assert table.cells["column"].unique().tolist() == ["Counterfactual inside"]
    assert rows(table, "Target: Smile") == {"Alpha": ("12.35 [11.85, 12.85]",)}
    assert to_markdown(beyond_table(small_frame(), LAYOUT)).endswith("None of it was measured.\n")


def test_likeness_has_the_better_end_of_each_measure_in_bold():
    values = {"identity": (0.9, 0.8), "lpips": (0.1, 0.2), "ms_ssim": (0.95, 0.9), "ssim": (0.9, 0.8)}
    records = [
        score(m, metric, v) for metric, both in values.items() for m, v in zip(("beta", "alpha"), both, strict=True)
    ]
    records += [score(m, "psnr", v, 0.25, "dB") for m, v in (("beta", 31.25), ("alpha", 30.0))]
    records += [score("copy", metric, 1.0, origin="control") for metric in values]
    assert rows(likeness_table(to_frame(records), LAYOUT), "Target: Smile") == {
        "Beta-GAN": ("**0.900**", "**0.100**", "**0.950**", "**0.900**", "**31.2** [31.0, 31.5]"),
        "Alpha": ("0.800", "0.200", "0.900", "0.800", "30.0 [29.8, 30.2]"),
        "copy": ("1.000", "1.000", "1.000", "1.000", "–"),
    }


def test_distances_of_distributions_stand_by_the_value_asked_for():
    records = [
        score(m, metric, v, direction=d)
        for d in ("neutral", "smiling")
        for m, k in (("beta", 1), ("alpha", 2))
        for metric, v in (("fid", 40.0 * k), ("kid", 0.0123 * k), ("kid_std", 0.00056))
    ]
    table = distribution_table(to_frame(records), LAYOUT)
    assert table.cells["column"].unique().tolist() == [
        "FID to neutral",
        "FID to smiling",
        "KID x 1000 to neutral",
        "KID x 1000 to smiling",
    ]
    assert rows(table, "Target: Smile") == {
        "Beta-GAN": ("**40.00**",) * 2 + ("**12.3**±0.56",) * 2,
        "Alpha": ("80.00",) * 2 + ("24.6±0.56",) * 2,
    }


def test_a_kid_below_zero_keeps_its_interval_over_seeds():
    records = [score("alpha", "kid", v, direction="smiling", seed=s) for s, v in enumerate((-0.001, 0.001))]
    cell = distribution_table(to_frame(records), LAYOUT).cells.iloc[0]
    assert cell["low"] == pytest.approx(-12.7062 * 0.001, rel=1e-5)  # t of 1 degree of freedom


def test_the_matrix_has_a_row_for_each_target_and_no_real_images():
    table = matrix_table(small_frame(), LAYOUT)
    assert table.cells["block"].unique().tolist() == ["Beta-GAN (all)", "Beta-GAN (500)", "Alpha (500)", "copy"]
    assert rows(table, "Alpha (500)") == {
        "Target: Smile": ("90.4 [87.9, 92.9]", "77.0 [74.0, 80.0]"),
        "Target: Hair colour": ("–", "not scored <sup>1</sup>"),
    }
    assert not to_markdown(table).count("**9")  # its rows are no systems that compete
    assert set(table.cells["metric"]) == {"jury_accuracy"}
    assert "that the jury sees with the value asked for (the target's own column)" in table.caption
    assert table.caption.endswith("on average over the cells, images 75 % + judges 25 %.")


def test_comparisons_show_difference_interval_and_adjusted_p():
    table = comparisons_table(comparisons(), LAYOUT)
    assert table.cells["column"].unique().tolist() == ["Smile (target)", "Hair colour †", "Counterfactual inside"]
    assert rows(table, "Target: Smile") == {
        "Alpha (500) vs copy": (
            "+1.2 [-2.0, 5.0], p = 0.020",
            "-50.0 [-2.0, 5.0], p < 0.001",
            "-1.50, p = 0.500",
        ),
        "Alpha (500) vs Beta-GAN": ("–", "–", "–"),
    }
    assert table.cells[["first", "second", "p"]].iloc[0].tolist() == ["Alpha (500)", "copy", 0.01]
    assert table.caption.endswith("Of accuracy, both hold what another jury would say too.")
