"""Paired comparisons: all swaps by enumeration, tests by hand, behaviour under the null; Holm by closed testing."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from sgbench.metrics import inception_score
from sgbench.metrics.accuracy import Accuracy, BalancedAccuracy
from sgbench.metrics.background import BackgroundMSSSIM, BackgroundMSSSIMAsReleased
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.inception_score import InceptionScore
from sgbench.metrics.perceptual import PerceptualDistance
from sgbench.statistics import paired as comparison
from sgbench.statistics.corrections import holm
from sgbench.statistics.intervals import bootstrap_interval
from sgbench.statistics.paired import Pair, paired_difference, paired_differences

MEAN = PerceptualDistance("mean")


class MeanByReduce(PerceptualDistance):
    """The same mean, of which nobody can tell that it is one."""

    def __init__(self):
        super().__init__("mean")

    def reduce(self, terms, weights):
        return (weights * terms[:, 0]).sum(1) / weights.sum(1)


class Place(MeanByReduce):
    """A figure in which each row counts by its place."""

    def reduce(self, terms, weights):
        return (weights * terms[:, 0] * torch.arange(1.0, len(terms) + 1, dtype=torch.float64)).sum(1)


def _column(values):
    return torch.as_tensor(np.asarray(values, dtype=np.float64)).reshape(-1, 1)


def _normal(n, seed=0, shift=0.0):
    return _column(np.random.default_rng(seed).normal(shift, size=n))


def _uniform(n, columns, seed):
    return torch.from_numpy(np.random.default_rng(seed).random((n, columns)))


def _verdicts(n, seed):
    """Confidences and hits."""
    drawn = _uniform(n, 2, seed)
    return torch.stack([0.5 + drawn[:, 0] / 2, (drawn[:, 1] < 0.6).double()], 1)


def _posterior(n, classes, seed):
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), n))


def _figure(metric, terms):
    return float(metric.reduce(terms, terms.new_ones(1, len(terms)))[0])


def _exact_p(metric, terms_a, terms_b, sources):
    """Share of all swaps of sources whose difference is at least as large as the one observed."""
    observed = abs(_figure(metric, terms_a) - _figure(metric, terms_b))
    unique = sorted(set(sources))
    extreme = 0
    for swaps in itertools.product([False, True], repeat=len(unique)):
        swapped = dict(zip(unique, swaps, strict=True))
        a, b = terms_a.clone(), terms_b.clone()
        for row, source in enumerate(sources):
            if swapped[source]:
                a[row], b[row] = terms_b[row], terms_a[row]
        extreme += abs(_figure(metric, a) - _figure(metric, b)) >= observed - 1e-12
    return extreme / 2 ** len(unique)


def _agrees(p, exact, num_resamples):
    """Within four standard errors of a Monte-Carlo estimate, and what counting the observed one adds."""
    return abs(p - exact) < 4 * math.sqrt(exact * (1 - exact) / num_resamples) + 2 / num_resamples


CASES = {
    "mean": (MEAN, _normal(12, 1, 0.6), _normal(12, 2)),
    "mean_by_reduce": (MeanByReduce(), _normal(12, 1, 0.6), _normal(12, 2)),
    "accuracy": (Accuracy(), _column([1] * 9 + [0] * 3), _column([1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0])),
    "place": (Place(), _normal(12, 3), _normal(12, 4)),
    "ms_ssim": (BackgroundMSSSIM(32), _uniform(12, 5, 0) - 0.1, _uniform(12, 5, 1) - 0.2),
    "as_released": (BackgroundMSSSIMAsReleased(32), _uniform(12, 5, 0), _uniform(12, 5, 1) * 0.9),
    "split_score": (InceptionScore(num_splits=3), _posterior(12, 4, 0), _posterior(12, 4, 1)),
    "calibration": (ExpectedCalibrationError(), _verdicts(12, 0), _verdicts(12, 1)),
}
SOURCES = [7, 7, 3, 3, 3, 8, 9, 9, 1, 0, 0, 5]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sources", [SOURCES, [i % 7 for i in range(12)]])
def test_p_is_that_of_all_swaps(name, sources):
    metric, a, b = CASES[name]
    result = paired_difference(metric, a, b, sources, num_resamples=800)
    assert _agrees(result.p, _exact_p(metric, a, b, sources), 800)
    assert result.difference == _figure(metric, a) - _figure(metric, b)
    assert result.num_images == 12


def test_swaps_of_a_mean_are_those_of_any_metric():
    a, b, sources = _normal(40, 1, 0.3), _normal(40, 2), np.arange(40) // 3
    known, unknown = (paired_difference(m, a, b, sources) for m in (MEAN, MeanByReduce()))
    assert known.p == unknown.p
    assert (known.low, known.high) == pytest.approx((unknown.low, unknown.high), rel=1e-12)


def test_two_accuracies_by_hand():
    """McNemar's exact test: of ten images on which the two differ, one is right where the other is wrong."""
    a = _column([1] * 9 + [0] + [1] * 20 + [0] * 10)
    b = _column([0] * 9 + [1] + [1] * 20 + [0] * 10)
    result = paired_difference(Accuracy(), a, b, np.arange(40), num_resamples=20000)
    assert result.difference == pytest.approx(8 / 40, abs=1e-15)
    assert _agrees(result.p, 22 / 1024, 20000)
    assert _agrees(result.p, stats.binomtest(1, 10).pvalue, 20000)


def test_a_difference_on_every_image_has_a_p_that_no_swap_shows():
    """The gaps are all 1: no swap but none, or all, is as large, 2 in 2^50; the bound is 3.18 normal tails twice."""
    result = paired_difference(MEAN, _normal(50, 0) + 1, _normal(50, 0), np.arange(50), num_resamples=199)
    assert result.p == pytest.approx(2 * stats.norm.sf(50**0.5) / (4 * stats.norm.sf(2**0.5)), rel=1e-6)
    assert 2 / 2**50 < result.p < 1 / 200


def test_the_bound_of_other_metrics_is_no_smaller_than_their_p():
    """Of 1,000 images 15 have a value, which one system finds and the other misses: 2 of 2^15 swaps are as large."""
    labels = torch.tensor([1] * 15 + [0] * 985)
    found = torch.nn.functional.one_hot(labels, 2).double()
    metric = BalancedAccuracy()
    a, b = metric.terms(found, labels), metric.terms(torch.tensor([[1.0, 0.0]]).repeat(1000, 1), labels)
    result = paired_difference(metric, a, b, np.arange(1000), num_resamples=199)
    assert result.difference == pytest.approx(0.5)
    assert 2 / 2**15 < result.p < 1e-3
    assert result.p == pytest.approx(2 * stats.norm.sf(15**0.5) / (4 * stats.norm.sf(2**0.5)), rel=1e-9)


def _collapsed(rng, n):
    """Posteriors of which a system's are near certain and even, the other's all of one class, by image at random."""
    certain = 0.9 * np.eye(16)[rng.integers(16, size=n)] + 0.1 / 16
    dull = 0.9 * np.eye(16)[np.zeros(n, int)] + 0.1 * rng.dirichlet(np.ones(16), n)
    swapped = rng.random((n, 1)) < 0.5
    return (torch.from_numpy(np.where(swapped, x, y)) for x, y in ((certain, dull), (dull, certain)))


@pytest.mark.slow
def test_the_bound_of_a_score_is_no_smaller_than_chance():
    """By slopes in the weights of images, a hundredth is reached three times as often."""
    rng = np.random.default_rng(0)
    metric, n, trials = InceptionScore(num_splits=2), 20, 2000
    bounds = []
    for _ in range(trials):
        shares = metric.shares(*_collapsed(rng, n)).numpy()
        bounds.append(2 * comparison.GAUSSIAN_BOUND * stats.norm.sf(abs(shares.sum()) / np.linalg.norm(shares)))
    for level in (0.1, 0.01):
        assert np.mean(np.array(bounds) <= level) <= level


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"place"}))
def test_an_exchange_changes_the_sign_of_a_share_alone(name):
    metric, a, b = CASES[name]
    swap = torch.arange(12) % 3 == 0
    shares = metric.shares(a, b)
    swapped = metric.shares(torch.where(swap[:, None], b, a), torch.where(swap[:, None], a, b))
    torch.testing.assert_close(swapped, torch.where(swap, -shares, shares), rtol=1e-12, atol=1e-15)
    near = 0.95 * a + 0.05 * b, 0.05 * a + 0.95 * b
    if name not in ("accuracy", "calibration", "ms_ssim"):  # whose terms cannot be mixed
        assert float(metric.shares(*near).sum()) == pytest.approx(
            _figure(metric, near[0]) - _figure(metric, near[1]), rel=0.1, abs=1e-3
        )


def test_p_is_counted_where_a_swap_is_as_large():
    few = paired_difference(MEAN, _normal(4, 0) + 1, _normal(4, 0), np.arange(4), num_resamples=199)
    assert _agrees(few.p, 2 / 2**4, 199)


def test_a_difference_has_its_interval():
    result = paired_difference(MEAN, _normal(50, 0) + 1, _normal(50, 0), np.arange(50), num_resamples=199)
    assert result.low == pytest.approx(1)
    assert result.high == pytest.approx(1)


@pytest.mark.parametrize("metric", [MEAN, MeanByReduce()])
def test_a_system_does_not_differ_from_itself(metric):
    terms = _normal(30)
    result = paired_difference(metric, terms, terms, np.arange(30), num_resamples=100)
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)


def test_exchanging_the_systems_changes_the_sign_alone():
    a, b, sources = _normal(30, 1, 0.4), _normal(30, 2), np.arange(30) // 2
    there, back = paired_difference(MEAN, a, b, sources), paired_difference(MEAN, b, a, sources)
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), rel=1e-12)
    assert back.p == there.p


@pytest.mark.parametrize("metric", [MEAN, MeanByReduce()])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_differences_that_are_the_same_but_for_rounding_are_ties(metric, scale):
    """Three sources that differ by as much, one the other way: whatever is swapped, the mean gap is no smaller."""
    base = np.random.default_rng(0).uniform(50, 150, 3)
    a, b = _column(np.add(base, [0.1, 0.1, -0.1]) * scale), _column(base * scale)
    assert paired_difference(metric, a, b, range(3), num_resamples=100).p == 1


@pytest.mark.parametrize("metric", [MEAN, MeanByReduce()])
def test_differences_from_a_figure_of_nothing_are_ties_as_well(metric):
    """As above, but one system's figure is 0: what rounding is goes by the other's."""
    b = np.array([0.3, -0.1, -0.2])
    a = np.add(b, [0.1, 0.1, -0.1])
    for first, second in ((a, b), (b, a)):
        assert paired_difference(metric, _column(first), _column(second), range(3), num_resamples=100).p == 1


def test_without_being_told_it_draws_a_thousand_times_for_95_percent():
    a, b, sources = _normal(30, 1, 0.3), _normal(30, 2), np.arange(30)
    stated = paired_difference(MEAN, a, b, sources, num_resamples=1000, confidence=0.95, seed=0, recentre=False)
    assert paired_difference(MEAN, a, b, sources) == stated


def test_translations_of_a_source_are_swapped_together():
    a, b = _normal(9, 1, 0.5), _normal(9, 2)
    alone = paired_difference(MEAN, a, b, np.arange(9))
    copies = [terms.repeat_interleave(5, dim=0) for terms in (a, b)]
    together = paired_difference(MEAN, *copies, np.arange(9).repeat(5))
    as_if_independent = paired_difference(MEAN, *copies, np.arange(45))
    assert together.p == alone.p
    assert as_if_independent.p < alone.p / 2
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=1e-9)


def test_the_interval_is_that_of_the_differences():
    a, b, sources = _normal(60, 1, 0.4), _normal(60, 2), np.arange(60) // 2
    result = paired_difference(MEAN, a, b, sources, num_resamples=300, confidence=0.9, seed=5)
    expected = bootstrap_interval(MEAN, a - b, sources, num_resamples=300, confidence=0.9, seed=5)
    assert (result.low, result.high) == pytest.approx(expected, rel=1e-10)
    assert result.low < result.difference < result.high


def test_the_same_draws_make_the_interval_of_like_systems_narrow():
    difficulty = _normal(100)
    a, b = difficulty + 0.1 * _normal(100, 1), difficulty + 0.1 * _normal(100, 2)
    result = paired_difference(MEAN, a, b, np.arange(100))
    assert result.high - result.low < 0.3 * np.subtract(*bootstrap_interval(MEAN, a, np.arange(100))[::-1])


def test_recentring_reaches_the_interval():
    a, b = _posterior(60, 8, 0), _posterior(60, 8, 1).softmax(1)
    metric = InceptionScore(num_splits=1)
    plain, centred = (paired_difference(metric, a, b, np.arange(60), 200, recentre=r) for r in (False, True))
    assert centred.high - centred.low == pytest.approx(plain.high - plain.low, rel=1e-9)
    assert abs((centred.low + centred.high) / 2 - centred.difference) < abs(
        (plain.low + plain.high) / 2 - plain.difference
    )


def test_the_seed_decides():
    a, b, sources = _normal(30, 1, 0.3), _normal(30, 2), np.arange(30)
    first = paired_difference(MEAN, a, b, sources, num_resamples=300)
    assert first == paired_difference(MEAN, a, b, sources, num_resamples=300)
    other = paired_difference(MEAN, a, b, sources, num_resamples=300, seed=1)
    assert other.p != first.p
    assert other.low != first.low
    assert other.difference == first.difference


@pytest.mark.parametrize("metric", [MEAN, MeanByReduce()])
@pytest.mark.parametrize("at_once", [1, 210])
def test_chunks_make_the_same_swaps(monkeypatch, metric, at_once):
    a, b, sources = _normal(30, 1, 0.3), _normal(30, 2), np.arange(30)
    whole = paired_difference(metric, a, b, sources, num_resamples=100)
    monkeypatch.setattr(comparison, "_SWAPS_AT_ONCE", at_once)
    assert paired_difference(metric, a, b, sources, num_resamples=100) == whole


def test_p_is_uniform_where_the_systems_are_alike():
    p = [
        paired_difference(MEAN, _normal(15, (0, trial)), _normal(15, (1, trial)), np.arange(15), 99, seed=trial).p
        for trial in range(400)
    ]
    assert min(p) >= 0.01
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 400))


def test_p_is_uniform_for_sources_of_many_translations():
    p = []
    for trial in range(200):
        shared = np.random.default_rng(trial).normal(size=(2, 12)).repeat(6, axis=1)
        a, b = (_column(side) for side in shared)
        p.append(paired_difference(MEAN, a, b, np.arange(12).repeat(6), 99, seed=trial).p)
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.08)


def test_the_interval_covers_the_true_difference_as_often_as_stated():
    hits = 0
    for trial in range(200):
        shared = _normal(50, (2, trial))
        a, b = shared + _normal(50, (0, trial), 0.5), shared + _normal(50, (1, trial))
        result = paired_difference(MEAN, a, b, np.arange(50), 300, seed=trial)
        hits += result.low <= 0.5 <= result.high
    assert 0.89 < hits / 200 < 0.985


def test_a_translation_without_a_term_on_one_side_is_left_out_of_both():
    a, b, sources = _normal(20, 1, 0.5), _normal(20, 2), np.arange(20) // 2
    a[3], b[8] = math.nan, math.nan
    kept = np.delete(np.arange(20), [3, 8])
    result = paired_difference(MEAN, a, b, sources)
    assert result == paired_difference(MEAN, a[kept], b[kept], sources[kept])
    assert result.num_images == 18


def test_an_image_with_one_missing_term_of_several_is_left_out():
    a, b = _uniform(10, 5, 0), _uniform(10, 5, 1)
    a[4, 2] = math.nan
    kept = np.delete(np.arange(10), 4)
    result = paired_difference(BackgroundMSSSIM(32), a, b, np.arange(10), 50)
    assert result == paired_difference(BackgroundMSSSIM(32), a[kept], b[kept], kept, 50)


def test_one_source_has_neither_interval_nor_significance():
    result = paired_difference(MEAN, _normal(5, 1) + 9, _normal(5, 2), [4] * 5)
    assert result.difference > 5
    assert math.isnan(result.low)
    assert math.isnan(result.high)
    assert result.p == 1


def test_nothing_to_compare_is_nan():
    result = paired_difference(MEAN, _column([math.nan] * 3), _normal(3), np.arange(3))
    assert all(map(math.isnan, (result.difference, result.low, result.high, result.p)))
    assert result.num_images == 0


def test_an_undefined_difference_has_no_p():
    terms = torch.full((6, 5), -0.5, dtype=torch.float64)
    result = paired_difference(BackgroundMSSSIMAsReleased(32), terms, terms.abs(), np.arange(6), 50)
    assert math.isnan(result.difference)
    assert math.isnan(result.p)


def test_a_swap_without_a_figure_counts_against_significance():
    a, b = torch.ones(12, 5, dtype=torch.float64), torch.full((12, 5), 0.9, dtype=torch.float64)
    a[0, 0], b[0, 0] = 20, -9.8  # defined as it is, negative in the mean once this image is swapped alone
    a[1:, 0], b[1:, 0] = -0.5, 1.0
    metric = BackgroundMSSSIMAsReleased(32)
    assert math.isfinite(_figure(metric, a) - _figure(metric, b))
    swapped = torch.cat([b[:1], a[1:]])
    assert math.isnan(_figure(metric, swapped))
    result = paired_difference(metric, a, b, np.arange(12), 200)
    assert result.p > 0.4  # of the swaps, half are without a figure


@pytest.mark.parametrize(("rows_a", "rows_b", "num_sources"), [(9, 8, 9), (8, 9, 9), (9, 9, 8), (9, 9, 10), (1, 9, 9)])
def test_what_is_not_the_same_translations_is_refused(rows_a, rows_b, num_sources):
    with pytest.raises(ValueError, match="the same translations must be compared"):
        paired_difference(MEAN, _normal(rows_a), _normal(rows_b), np.arange(num_sources))


# Holm


def _closed_testing(p):
    """Holm's procedure as closed testing: the largest Bonferroni p of any set of hypotheses with this one."""
    known = [i for i in range(len(p)) if not math.isnan(p[i])]
    adjusted = [math.nan] * len(p)
    for i in known:
        sets = [s for r in range(1, len(known) + 1) for s in itertools.combinations(known, r) if i in s]
        adjusted[i] = max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets)
    return adjusted


@pytest.mark.parametrize("seed", range(6))
def test_holm_is_closed_testing(seed):
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=7) ** 3
    p[rng.integers(7)] = p[rng.integers(7)]
    if seed % 2:
        p[rng.integers(7)] = math.nan
    np.testing.assert_allclose(holm(p), _closed_testing(p), rtol=1e-14)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-14)
    assert holm([0.7, 0.6]).tolist() == [1, 1]
    assert holm([0.0, 1.0]).tolist() == [0, 1]
    assert holm([0.3]).tolist() == [0.3]
    assert holm([]).tolist() == []


def test_holm_counts_tests_that_were_made():
    adjusted = holm([math.nan, 0.02, math.nan, 0.01])
    np.testing.assert_array_equal(np.isnan(adjusted), [True, False, True, False])
    np.testing.assert_allclose(adjusted[[1, 3]], 0.02)
    assert np.isnan(holm([math.nan])).all()


@pytest.mark.parametrize("p", [[1.01], [-0.01, 0.5], [[0.1, 0.2]], 0.1])
def test_holm_refuses_what_is_no_row_of_probabilities(p):
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm(p)


def test_pairs_that_are_compared_together_have_the_figures_that_each_has_alone():
    sources, fewer = np.asarray(SOURCES), np.asarray([i % 7 for i in range(12)])
    given = [(metric, a, b, own) for metric, a, b in CASES.values() for own in (sources, fewer)]
    given += [(metric, b, a.flip(0), sources) for metric, a, b in CASES.values()]
    given += [
        (MEAN, torch.where(torch.arange(12)[:, None] < 3, math.nan, a), b, sources) for _, a, b in [CASES["mean"]]
    ]
    found = paired_differences([Pair(*one, recentre=k % 2 == 0) for k, one in enumerate(given)], 60, num_swaps=90)
    alone = [paired_difference(*one, 60, recentre=k % 2 == 0, num_swaps=90) for k, one in enumerate(given)]
    assert len(found) == 25
    np.testing.assert_array_equal([vars(d) for d in found], [vars(d) for d in alone])
    assert found[-1].num_images == 9


def test_holm_keeps_the_rate_of_any_false_discovery():
    rng = np.random.default_rng(0)
    any_false = np.mean([(holm(rng.uniform(size=8)) <= 0.1).any() for _ in range(2000)])
    assert any_false == pytest.approx(0.1, abs=0.03)


def test_swaps_are_drawn_once_for_the_same_source_images(monkeypatch):
    drawn, swapped = [], comparison._swapped_differences
    monkeypatch.setattr(comparison, "_swapped_differences", lambda *a: drawn.append(a) or swapped(*a))
    sources = np.asarray(SOURCES)
    orders = sources, sources[::-1], np.roll(sources, 5), sources + 1
    paired_differences([Pair(*CASES["mean"], order) for order in orders], 20)
    assert len(drawn) == 2


@pytest.mark.parametrize("at_once", [1, 100, 2**18])
@pytest.mark.parametrize("num_splits", [1, 3])
def test_exchanged_rows_of_an_inception_score_are_scored_as_if_each_swap_were_made(monkeypatch, num_splits, at_once):
    monkeypatch.setattr(inception_score, "_SUMS_AT_ONCE", at_once)
    rng = np.random.default_rng(num_splits)
    a, b = (torch.from_numpy(rng.dirichlet([0.2] * 5, 31)) for _ in range(2))
    a[3] = torch.tensor([0.0, 1, 0, 0, 0], dtype=torch.float64)
    swaps = torch.from_numpy(rng.random((31, 40)) < 0.5)
    metric = InceptionScore(num_splits)
    pairs = [(a, b), (b, a.flip(0))]
    fast = metric.exchanging(pairs)(swaps)
    slow = ImageMetric.exchanging(metric, pairs)(swaps)
    assert fast.shape == slow.shape == (2, 40)
    assert torch.allclose(fast, slow, rtol=0, atol=1e-12)
