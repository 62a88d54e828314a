"""The level of an interval beside a corrected p-value, against cases done by hand."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from sgbench.statistics.corrections import at_level, holm, holm_factors, widened


def test_factors_by_hand():
    """In order .005, .01, .03, .04: times 4, 3, 2, 1; the last two are both .06, which is 1.5 times .04."""
    np.testing.assert_allclose(holm_factors([0.01, 0.04, 0.03, 0.005]), [3, 1.5, 2, 4], rtol=1e-14)
    assert holm_factors([0.0, 0.0, 1.0]).tolist() == [3, 2, 1]
    assert holm_factors([]).tolist() == []


def test_tests_that_were_not_made_have_no_factor():
    factors = holm_factors([math.nan, 0.02, math.nan, 0.01])
    np.testing.assert_allclose(factors, [math.nan, 1, math.nan, 2])


@pytest.mark.parametrize("seed", range(5))
def test_a_factor_is_what_the_procedure_multiplies_by_and_no_more_than_the_number_of_tests(seed):
    p = np.random.default_rng(seed).uniform(size=30) ** 4
    factors = holm_factors(p)
    np.testing.assert_allclose(holm(p), np.minimum(1, factors * p))
    assert (factors >= 1).all()
    assert factors.max() == pytest.approx(30)


@pytest.mark.parametrize("seed", range(5))
def test_an_adjusted_interval_leaves_zero_out_where_the_adjusted_p_is_below_five_hundredths(seed):
    """Normal estimates with a deviation of 1: p and the interval at 95 % are known exactly."""
    values = np.random.default_rng(seed).normal(scale=3, size=20)
    p = 2 * norm.sf(np.abs(values))
    half = norm.isf(0.025)
    for value, adjusted, factor in zip(values, holm(p), holm_factors(p), strict=True):
        low, high = widened(value, value - half, value + half, factor)
        assert (low > 0 or high < 0) == (adjusted < 0.05)
        assert high - value == pytest.approx(norm.isf((1 - at_level(0.95, factor)) / 2))


def test_ends_keep_their_sides_and_one_test_alone_changes_nothing():
    assert widened(1.0, 0.5, 3.0, 1.0) == pytest.approx((0.5, 3.0))
    low, high = widened(1.0, 0.5, 3.0, 2.0)  # 2.2414 / 1.9600
    assert (1 - low, high - 1) == pytest.approx((0.5 * 1.14357, 2 * 1.14357), rel=1e-4)
    assert all(math.isnan(end) for end in widened(1.0, math.nan, math.nan, 5.0))


def test_levels_by_hand():
    assert at_level(0.95, 1) == pytest.approx(0.95)
    assert at_level(0.95, 10) == pytest.approx(0.995)
