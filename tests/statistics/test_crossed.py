"""Means over images and judges: by hand, by analysis of variance in loops, by scipy, and how often intervals hold."""

import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from scipy import stats

from sgbench.statistics.crossed import CrossedMean, CrossedTable, crossed_table, mean_over_images, over_seeds
from sgbench.statistics.moderation import Prior

BY_HAND = [[1, 0], [4, 1], [7, 2]]
"""Means of rows 1/2, 5/2, 9/2 and of columns 4 and 1; what is left of the rows: (-1, 1), (0, 0), (1, -1)."""


def _hits(num_images, num_judges, seed):
    """Images of which some are harder, seen by judges of whom some are stricter."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.2, 0.8, (num_images, 1)) + rng.uniform(-0.2, 0.2, num_judges)
    return (rng.random((num_images, num_judges)) < chance).astype(float)


def _mean_squares(table):
    """Grand mean and mean squares of images, judges and the rest, of the two-way layout without replication."""
    n, k = table.shape
    mean = sum(table[i, j] for i in range(n) for j in range(k)) / (n * k)
    of_images = [sum(table[i, j] for j in range(k)) / k for i in range(n)]
    of_judges = [sum(table[i, j] for i in range(n)) / n for j in range(k)]
    rest = sum((table[i, j] - of_images[i] - of_judges[j] + mean) ** 2 for i in range(n) for j in range(k))
    return (
        mean,
        k * sum((m - mean) ** 2 for m in of_images) / (n - 1),
        n * sum((m - mean) ** 2 for m in of_judges) / (k - 1),
        rest / ((n - 1) * (k - 1)),
    )


def _tables(number, num_images, of_judges, seed, num_judges=3):
    """Tables about a mean of 0: normal effects of images, judges and both; those of images and both of variance 1."""
    rng = np.random.default_rng(seed)
    images, judges = rng.normal(size=(number, num_images, 1)), of_judges * rng.normal(size=(number, 1, num_judges))
    return images + judges + rng.normal(size=(number, num_images, num_judges))


def _bootstrap(table, rng, num_resamples=300):
    """Interval of quantiles of means over images and judges, both drawn again."""
    n, k = table.shape
    images = rng.multinomial(n, np.full(n, 1 / n), num_resamples) / n
    judges = rng.multinomial(k, np.full(k, 1 / k), num_resamples) / k
    return np.quantile(((images @ table) * judges).sum(1), [0.025, 0.975])


def test_a_table_by_hand():
    table = crossed_table(BY_HAND, [0, 1, 2])
    assert isinstance(table, CrossedTable)
    assert table.mean == pytest.approx(5 / 2)
    assert table.images == pytest.approx(8 / 6)  # mean square 2 (4 + 0 + 4) / 2, of six terms
    assert table.judges == pytest.approx(13.5 / 6)  # 3 (9/4 + 9/4) / 1
    assert table.interaction == pytest.approx(2 / 6)  # (1 + 1 + 1 + 1) / 2
    assert table.disagreement == pytest.approx(2)  # the mean square of what is left
    assert (table.num_images, table.num_judges) == (3, 2)


def test_the_mean_of_a_table_by_hand():
    mean = crossed_table(BY_HAND, [0, 1, 2]).crossed_mean()
    assert mean.mean == pytest.approx(5 / 2)
    assert mean.images == pytest.approx(4 / 3)
    assert mean.judges == pytest.approx(9 / 4 - 1 / 3)
    assert mean.seeds == 0
    assert mean.variance == pytest.approx(13 / 4)
    below = (4 / 3) ** 2 / 2 + (9 / 4) ** 2 / 1 + (1 / 3) ** 2 / 2
    assert mean.freedom == pytest.approx((13 / 4) ** 2 / below) == pytest.approx(1521 / 865)


def test_the_mean_of_a_table_by_hand_with_a_prior():
    """Judges' means vary by 9/4 of the disagreement of 2; with 1, worth two degrees of freedom, that is 17/12."""
    mean = crossed_table(BY_HAND, [0, 1, 2]).crossed_mean(Prior(variance=1.0, freedom=2.0))
    judges = 17 / 12 * 2 / 2
    assert mean.images == pytest.approx(4 / 3)
    assert mean.judges == pytest.approx(judges - 1 / 3) == pytest.approx(13 / 12)
    below = (4 / 3) ** 2 / 2 + judges**2 / 3 + (1 / 3) ** 2 / 2
    assert mean.freedom == pytest.approx((29 / 12) ** 2 / below)


def test_judges_who_differ_by_less_than_the_interaction_add_nothing():
    table = crossed_table([[0, 1], [1, 0], [1, 1], [0, 0]], range(4))
    mean = table.crossed_mean()
    assert table.judges == 0
    assert table.interaction > 0
    assert (mean.judges, mean.freedom) == (0, 3)
    assert mean.variance == table.images


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("num_images", "num_judges"), [(2, 2), (7, 3), (40, 5), (3, 12)])
def test_the_parts_are_those_of_an_analysis_of_variance(num_images, num_judges, seed):
    hits = _hits(num_images, num_judges, seed)
    mean, *squares = _mean_squares(hits)
    images, judges, both = (square / hits.size for square in squares)
    table = crossed_table(hits, np.arange(num_images))
    assert (table.mean, table.images, table.judges, table.interaction) == pytest.approx(
        (mean, images, judges, both), rel=1e-9, abs=1e-15
    )
    assert table.disagreement == pytest.approx(squares[2], rel=1e-9, abs=1e-15)

    found, part = table.crossed_mean(), max(0.0, judges - both)
    below = images**2 / (num_images - 1)
    if part > 1e-15:
        below += judges**2 / (num_judges - 1) + both**2 / ((num_images - 1) * (num_judges - 1))
    assert (found.images, found.judges) == pytest.approx((images, part), rel=1e-9, abs=1e-15)
    if images + part > 0 and (part > 1e-15 or both > judges + 1e-15):  # of equal ones rounding decides
        assert found.freedom == pytest.approx((images + part) ** 2 / below, rel=1e-9)


def test_it_takes_tensors():
    hits = _hits(9, 3, 0)
    assert crossed_table(torch.from_numpy(hits), torch.arange(9)) == crossed_table(hits, np.arange(9))


def test_rows_scored_twice_say_nothing_new():
    hits, sources = _hits(20, 3, 1), np.arange(20)
    once = crossed_table(hits, sources)
    twice = crossed_table(np.tile(hits, (2, 1)), np.tile(sources, 2))
    assert astuple(twice) == pytest.approx(astuple(once), rel=1e-9)
    assert astuple(twice.crossed_mean()) == pytest.approx(astuple(once.crossed_mean()), rel=1e-9)
    as_if_others = crossed_table(np.tile(hits, (2, 1)), np.arange(40))
    assert as_if_others.images < 0.6 * once.images
    assert as_if_others.interaction < 0.6 * once.interaction


def test_only_which_sources_are_equal_matters():
    hits = _hits(6, 3, 2)
    named = crossed_table(hits, [900, 7, 7, -3, 900, 7])
    assert named == crossed_table(hits, [2, 1, 1, 0, 2, 1])
    assert named.num_images == 3


def test_clusters_of_unequal_size_by_hand():
    """Two rows of one image, one of another; the image's sums are of rows about the grand mean of 3."""
    table = crossed_table([[1, 1], [2, 4], [6, 4]], [5, 5, 8])
    assert table.mean == 3
    assert table.images == pytest.approx(2 / 9 * ((-2 + 0) ** 2 + 2**2))
    assert table.judges == 0
    assert table.interaction == pytest.approx(2 / 9 * 2 * ((0 - 1 + 0) ** 2 + 1**2) / 2)
    assert table.disagreement == pytest.approx(4 * table.interaction)


@pytest.mark.parametrize("sizes", [[1] * 20, [2] * 20, [1, 2, 3, 4] * 5])
def test_the_variance_is_on_average_that_of_the_mean(sizes):
    sources = np.repeat(np.arange(20), sizes)
    tables = _tables(3000, 20, 0.5, seed=3)[:, sources] + np.random.default_rng(4).normal(size=(3000, len(sources), 3))
    found = [crossed_table(table, sources) for table in tables]
    estimated = np.mean([t.images + t.judges - t.interaction for t in found])
    assert estimated == pytest.approx(np.var([t.mean for t in found], ddof=1), rel=0.12)


def test_the_order_of_rows_and_judges_changes_nothing():
    rng = np.random.default_rng(5)
    hits, sources = _hits(30, 4, 3), rng.integers(0, 12, 30)
    expected = crossed_table(hits, sources)
    for _ in range(5):
        rows, judges = rng.permutation(30), rng.permutation(4)
        mixed = crossed_table(hits[rows][:, judges], sources[rows])
        assert astuple(mixed) == pytest.approx(astuple(expected), rel=1e-9)
        assert astuple(mixed.crossed_mean()) == pytest.approx(astuple(expected.crossed_mean()), rel=1e-9)


def test_the_unit_changes_nothing_but_the_unit():
    table = _tables(1, 10, 1.0, seed=6)[0]
    plain, scaled = (crossed_table(terms, range(10)).crossed_mean() for terms in (table, 100 * table + 7))
    assert scaled.interval() == pytest.approx([100 * end + 7 for end in plain.interval()])
    assert scaled.freedom == pytest.approx(plain.freedom)


@pytest.mark.parametrize("num_judges", [2, 3, 5])
@pytest.mark.parametrize("prior", [None, Prior(variance=0.3, freedom=4.0)])
def test_judges_all_alike_leave_the_t_test_of_images(num_judges, prior):
    column = _hits(25, 1, 4)
    table = crossed_table(np.repeat(column, num_judges, axis=1), range(25))
    mean, expected = table.crossed_mean(prior), stats.ttest_1samp(column[:, 0], 0)
    assert (table.judges, table.interaction, table.disagreement) == pytest.approx((0, 0, 0), abs=1e-25)
    assert mean.judges == pytest.approx(0, abs=1e-25)
    assert mean.freedom == pytest.approx(24)
    assert mean.p == pytest.approx(expected.pvalue)
    assert mean.interval(0.9) == pytest.approx(expected.confidence_interval(0.9))


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_interval_is_that_of_scipys_t(confidence):
    mean = CrossedMean(0.3, images=0.01, judges=0.02, freedom=3.7, seeds=0.005)
    expected = stats.t(3.7, loc=0.3, scale=math.sqrt(0.035)).interval(confidence)
    assert mean.variance == pytest.approx(0.035)
    assert mean.interval(confidence) == pytest.approx(expected)


def test_without_being_told_the_interval_is_of_95_percent():
    mean = CrossedMean(0.3, 0.01, 0.02, 3.7)
    assert mean.interval() == mean.interval(0.95)


@pytest.mark.parametrize("value", [0.0, 0.3, -0.3, 2.0])
def test_p_is_two_sided_and_that_of_scipys_t(value):
    mean = CrossedMean(value, images=0.01, judges=0.02, freedom=3.7)
    expected = 2 * min(stats.t.cdf(value / math.sqrt(0.03), 3.7), stats.t.sf(value / math.sqrt(0.03), 3.7))
    assert mean.p == pytest.approx(expected)
    if value:
        assert min(map(abs, mean.interval(1 - mean.p))) == pytest.approx(0, abs=1e-9)


def test_a_mean_without_variance_is_known():
    always, never = (crossed_table(np.full((4, 3), value), range(4)).crossed_mean() for value in (1.0, 0.0))
    assert always.variance == never.variance == 0
    assert always.interval() == (1, 1)
    assert (always.p, never.p) == (0, 1)
    assert always.freedom == 3


def test_the_interval_holds_the_mean_where_a_bootstrap_does_not():
    tables, rng = _tables(500, 30, 1.0, seed=0), np.random.default_rng(8)
    ours = [crossed_table(table, range(30)).crossed_mean().interval() for table in tables]
    drawn = [_bootstrap(table, rng) for table in tables]
    held, by_bootstrap = (np.mean([low <= 0 <= high for low, high in ends]) for ends in (ours, drawn))
    assert 0.92 <= held <= 0.99
    assert by_bootstrap < 0.9


@pytest.mark.parametrize("of_judges", [0.0, 0.1, 2.0])
def test_the_interval_holds_the_mean_however_much_judges_differ(of_judges):
    ends = [crossed_table(t, range(30)).crossed_mean().interval() for t in _tables(500, 30, of_judges, seed=9)]
    assert 0.92 <= np.mean([low <= 0 <= high for low, high in ends]) <= 0.99


@pytest.mark.parametrize("num_sources", [0, 4, 6])
def test_refuses_sources_that_do_not_match(num_sources):
    with pytest.raises(ValueError, match="one for each row"):
        crossed_table(_hits(5, 3, 0), np.arange(num_sources))


def test_refuses_one_judge_and_one_image():
    with pytest.raises(ValueError, match="two judges"):
        crossed_table(_hits(5, 1, 0), range(5))
    with pytest.raises(ValueError, match="two images"):
        crossed_table(_hits(1, 3, 0), [0])
    with pytest.raises(ValueError, match="two images"):
        crossed_table(_hits(5, 3, 0), [4] * 5)


def test_a_mean_over_images_leaves_their_t_test():
    values = np.random.default_rng(3).normal(0.2, 1, 12)
    mean = mean_over_images(values, range(12))
    expected = stats.ttest_1samp(values, 0)
    assert (mean.judges, mean.freedom) == (0, 11)
    assert mean.interval() == pytest.approx(expected.confidence_interval())
    assert mean.p == pytest.approx(expected.pvalue)


def test_a_mean_over_images_of_unequal_clusters_by_hand():
    mean = mean_over_images([1, 2, 6], [7, 7, 3])  # mean 3: the clusters' sums of residuals are -3 and 3
    assert (mean.mean, mean.images) == pytest.approx((3, 2 / 1 / 9 * (9 + 9)))
    with pytest.raises(ValueError, match="two images are the least, not 1"):
        mean_over_images([1, 2], [5, 5])


def test_seeds_by_hand():
    """Means of variance 1 over three seeds; other parts are their means, as more seeds do not make them smaller."""
    seeds = [CrossedMean(m, i, j, f) for m, i, j, f in ((1, 0.2, 0.0, 10), (2, 0.4, 0.2, 20), (3, 0.6, 0.4, 30))]
    mean = over_seeds(seeds)
    assert (mean.mean, mean.images, mean.judges, mean.seeds) == pytest.approx((2, 0.4, 0.2, 1 / 3))
    assert mean.variance == pytest.approx(14 / 15)
    assert mean.freedom == pytest.approx((14 / 15) ** 2 / ((1 / 3) ** 2 / 2 + 0.6**2 / 20)) == pytest.approx(3920 / 331)


def test_seeds_in_another_order_give_the_same():
    seeds = [crossed_table(t, range(12)).crossed_mean() for t in _tables(4, 12, 0.5, seed=10)]
    assert astuple(over_seeds(seeds[::-1])) == pytest.approx(astuple(over_seeds(seeds)))


def test_seeds_alone_leave_their_t_test():
    values = [0.61, 0.67, 0.58, 0.66]
    mean = over_seeds([CrossedMean(value, 0.0, 0.0, math.inf) for value in values])
    expected = stats.ttest_1samp(values, 0.5)
    assert mean.freedom == pytest.approx(3)
    assert mean.interval() == pytest.approx(expected.confidence_interval())
    shifted = over_seeds([CrossedMean(value - 0.5, 0.0, 0.0, math.inf) for value in values])
    assert shifted.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("number", [2, 3, 7])
def test_equal_seeds_add_nothing(number):
    one = crossed_table(_hits(20, 3, 5), range(20)).crossed_mean()
    mean = over_seeds([one] * number)
    assert mean.seeds == pytest.approx(0, abs=1e-25)
    assert astuple(mean) == pytest.approx(astuple(one), rel=1e-9, abs=1e-25)


def test_different_seeds_widen_the_interval():
    one = CrossedMean(0.5, 0.01, 0.01, 20.0)
    low, high = over_seeds([CrossedMean(0.4, 0.01, 0.01, 20.0), CrossedMean(0.6, 0.01, 0.01, 20.0)]).interval()
    assert low < one.interval()[0] < one.interval()[1] < high


@pytest.mark.parametrize("value", [0.5, 0.1, 0.675, 0.9])
def test_equal_seeds_without_variance_have_none(value):
    """Exactly none, as whoever asks whether there is a variance does."""
    mean = over_seeds([CrossedMean(value, 0.0, 0.0, math.inf)] * 3)
    assert mean.variance == 0
    assert mean.interval() == pytest.approx((value, value))
    assert (mean.p, mean.freedom) == (0, 2)
    assert over_seeds([CrossedMean(0.0, 0.0, 0.0, math.inf)] * 3).p == 1
