"""Kendall's tau by hand and against SciPy, over columns, and its interval."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

from sgbench.statistics.ranks import Figures, Ranked, kendalls_tau, tau_interval


def ranked(known, measured, deviation=0.0, freedom=math.inf):
    uncertain = Figures(measured, [deviation] * len(known), [freedom] * len(known))
    return Ranked(Figures(known), uncertain)


@pytest.mark.parametrize(
    ("measured", "tau"),
    [([1, 2, 3, 4], 1), ([4, 3, 2, 1], -1), ([1, 3, 2, 4], 4 / 6), ([2, 1, 4, 3], 2 / 6), ([1, 1, 3, 4], 5 / 30**0.5)],
)
def test_tau_by_hand(measured, tau):
    assert kendalls_tau([ranked([10, 20, 30, 40], measured)]) == pytest.approx(tau)


def test_ties_count_as_in_scipys_tau_b():
    known, measured = np.random.default_rng(0).integers(0, 4, (2, 12))
    assert kendalls_tau([ranked(known, measured)]) == pytest.approx(kendalltau(known, measured).statistic)


def test_figures_are_compared_only_within_their_column():
    three, two = ranked([1, 2, 3], [0.1, 0.2, 0.3]), ranked([90, 80], [0.5, 0.9])
    assert kendalls_tau([three, two]) == pytest.approx((3 - 1) / 4)
    assert kendalls_tau([three, ranked([90, 80], [0.09, 0.05])]) == 1


def test_a_column_without_differences_has_no_tau():
    assert math.isnan(kendalls_tau([ranked([1, 1], [1, 2])]))
    assert kendalls_tau([ranked([1, 1], [1, 2]), ranked([1, 2], [1, 2])]) == pytest.approx(1 / 2**0.5)


def test_figures_that_are_certain_have_an_interval_of_no_width():
    assert tau_interval([ranked([1, 2, 3], [1, 3, 2])]) == pytest.approx((1 / 3, 1 / 3))


@pytest.mark.parametrize(("share", "low"), [(0.01, 1), (0.04, -1)])
def test_the_interval_holds_the_order_that_comes_often_enough(share, low):
    apart = norm.ppf(1 - share) * 2**0.5  # the share of draws in which two of deviation 1 change places
    assert tau_interval([ranked([1, 2], [0, apart], deviation=1)]) == (low, 1)


def test_few_degrees_of_freedom_make_the_interval_wider():
    columns = [ranked([1, 2], [0, 4], deviation=1, freedom=freedom) for freedom in (math.inf, 2)]
    assert [tau_interval([column])[0] for column in columns] == [1, -1]


def test_both_sources_may_be_uncertain():
    apart = (
        4.0  # of deviation 1 on one side two change places in 0.2 % of draws, on both independently in twice as many
    )
    sure, unsure = Figures([0, apart]), Figures([0, apart], [1.5, 1.5])
    assert tau_interval([Ranked(sure, unsure)]) == (-1, 1)
    assert tau_interval([Ranked(unsure, sure)]) == (-1, 1)
    close = Figures([0, apart], [1.35, 1.35])  # 1.8 % of draws change places, so 3.6 % with two of them
    assert tau_interval([Ranked(sure, close)]) == (1, 1)
    assert tau_interval([Ranked(close, close)]) == (-1, 1)
