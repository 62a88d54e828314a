"""Averages of a system's figures as records."""

import math

import pytest
from frames import by_jury, record

from sgbench.report.averages import averaged, mean

FIRST, SECOND = (
    by_jury("alpha", "500", "smile", "smile", 0.9, 0.02),
    by_jury("alpha", "500", "smile", "hair", 0.7, 0.04),
)


def test_a_mean_is_as_uncertain_as_if_all_errors_went_together():
    found = mean([FIRST, SECOND], measured_on="both")
    assert (found.measured_on, found.metric, found.target) == ("both", "jury_accuracy", "smile")
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.77, 0.83))
    for part in ("variance_images", "variance_judges"):
        deviations = [math.sqrt(getattr(r, part)) for r in (FIRST, SECOND)]
        assert math.sqrt(getattr(found, part)) == pytest.approx(sum(deviations) / 2)


def test_weights_and_shift_scale_figures_and_intervals():
    found = averaged([FIRST], [2.0], -0.5)
    assert (found.value, found.low, found.high) == pytest.approx((1.3, 1.26, 1.34))
    assert found.variance_judges == pytest.approx(4 * FIRST.variance_judges)


def test_figures_without_parts_of_variance_keep_their_intervals():
    own = [
        record("alpha", "500", t, "background", v, 0.1, metric="background_ms_ssim") for t, v in (("a", 1), ("b", 0))
    ]
    found = mean(own)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.4, 0.6))
    assert math.isnan(found.variance_images)


def test_a_missing_figure_leaves_the_mean_without_one_and_says_why():
    unscored = by_jury("alpha", "500", "smile", "hair", math.nan, note="not scored: floor")
    for others, reason in (([unscored], "not scored: floor"), ([None], "not all figures that it is the mean of")):
        found = mean([FIRST, *others])
        assert math.isnan(found.value)
        assert found.note.startswith(reason)
    assert mean([None, None]) is None
    assert mean([]) is None
