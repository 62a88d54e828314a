"""A p-value and the interval beside it are corrected alike, in what is computed, in CSV and in what is shown."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest
from many import many
from scipy.stats import norm
from scipy.stats import t as student

from sgbench.metrics.catalogue import spec_of
from sgbench.report.beyond import comparisons_table
from sgbench.report.comparisons import _adjusted, _Test, compare_systems
from sgbench.report.layout import Layout, to_csv
from sgbench.report.making import _scores
from sgbench.report.members import Member
from sgbench.report.text import shown
from sgbench.statistics.corrections import holm
from sgbench.statistics.crossed import CrossedMean
from sgbench.statistics.paired import PairedDifference

LAYOUT = Layout({}, {"gender": "Gender", "smile": "Smile"})


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    """All pairs of four made-up systems."""
    study = many(tmp_path_factory.mktemp("four"), 4)
    systems = study.read_description().systems
    members = [Member(study.runs.system(s.folder), s.method, s.shown, s.shown) for s in systems]
    return compare_systems(_scores(members), 200)


def test_both_are_at_the_level_of_the_test(tests):
    assert len(tests) == 24
    assert tests["p_adjusted"].tolist() == holm(tests["p"]).tolist()
    widths = tests["high_adjusted"] - tests["low_adjusted"], tests["high"] - tests["low"]
    smallest = tests["p"].idxmin()
    assert (widths[0] >= widths[1] - 1e-12).all()
    assert widths[0][smallest] > 1.2 * widths[1][smallest]


def adjusted(metric, found, mean, factor, p=0.01, num_images=100):
    return _adjusted(_Test({"metric": metric}, found, SimpleNamespace(num_images=num_images)), found, mean, factor, p)


def test_a_difference_by_hand():
    """The smallest of ten p-values is multiplied by ten, so its interval is at 99.5 %."""
    found = PairedDifference(0.10, 0.06, 0.16, 0.001, 100)
    reach = norm.isf(0.0025) / norm.isf(0.025)
    ends = adjusted("background_ms_ssim", found, None, 10.0)
    assert ends == pytest.approx((0.10 - 0.04 * reach, 0.10 + 0.06 * reach))
    mean = CrossedMean(0.10, 0.0001, 0.0003, 4.0)
    ends = adjusted("jury_accuracy", found, mean, 10.0)
    assert ends == pytest.approx((0.10 - 0.02 * student.isf(0.0025, 4), 0.10 + 0.02 * student.isf(0.0025, 4)))


def test_no_end_is_further_than_differences_reach():
    mean = CrossedMean(0.5, 0.01, 0.03, 1.0)
    assert adjusted("jury_accuracy", PairedDifference(0.5, 0, 1, 0.5, 9), mean, 1000.0) == (-1.0, 1.0)


def test_a_test_that_could_not_be_made_has_neither():
    nothing = PairedDifference(*[math.nan] * 4, 0)
    assert all(math.isnan(end) for end in adjusted("change", nothing, None, math.nan, math.nan))


def test_where_judges_and_images_agree_the_interval_is_what_so_many_images_leave_possible():
    found, mean = PairedDifference(1.0, 1.0, 1.0, 0.001, 40), CrossedMean(1.0, 0.0, 0.0, math.inf)
    low, high = adjusted("jury_accuracy", found, mean, 1.0, num_images=40)
    assert (low, high) == pytest.approx((1 - 2 * (1 - 0.025 ** (1 / 40)), 1))
    assert adjusted("jury_accuracy", found, mean, 10.0, num_images=40)[0] < low
    test = _Test({"metric": "jury_accuracy"}, found, SimpleNamespace(num_images=40))
    assert test.difference_of(mean).low == pytest.approx(low)


def test_an_interval_holds_0_where_its_p_leaves_it_possible():
    """The p of a permutation may be the larger one, the interval is of images and judges."""
    found, mean = PairedDifference(0.10, 0.02, 0.18, 0.06, 100), CrossedMean(0.10, 0.0004, 0.0003, 40.0)
    assert mean.interval()[0] > 0
    assert adjusted("jury_accuracy", found, mean, 1.0, p=0.06) == pytest.approx((0, mean.interval()[1]))
    assert adjusted("jury_accuracy", found, mean, 1.0, p=0.05) == pytest.approx(mean.interval())
    test = _Test({"metric": "jury_accuracy"}, found, SimpleNamespace(num_images=100))
    assert (test.difference_of(mean).low, test.difference_of(mean).p) == (0, 0.06)


def test_the_table_shows_the_adjusted_pair_and_the_csv_names_both(tests):
    table = comparisons_table(tests, LAYOUT)
    first = table.cells.iloc[0]
    scale = spec_of(first["metric"]).scale
    cell = shown(table)[0][first["block"]].loc[first["row"], first["column"]]
    assert cell.interval == f"[{scale * first['low_adjusted']:.1f}, {scale * first['high_adjusted']:.1f}]"
    assert cell.p == f"p = {first['p_adjusted']:.3f}"
    assert "adjusted alike for the 24 tests" in table.caption
    columns = to_csv(table).splitlines()[0].split(",")
    assert {"low", "high", "p", "low_adjusted", "high_adjusted", "p_adjusted"} <= set(columns)


def test_a_single_test_is_not_widened(tmp_path):
    study = many(tmp_path, 2)
    members = [
        Member(study.runs.system(s.folder), s.method, s.shown, s.shown) for s in study.read_description().systems
    ]
    only = compare_systems(_scores(members), 50)
    largest = only["p"].idxmax()
    assert pd.isna(only["p"]).sum() == 0
    assert only.loc[largest, "low_adjusted"] <= only.loc[largest, "low"] + 1e-12
