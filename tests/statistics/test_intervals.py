"""The bootstrap: coverage, determinism, and sources drawn with all their translations."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from sgbench.statistics import intervals as statistics
from sgbench.statistics.intervals import bootstrap_interval, bootstrap_variance, exact_interval


class Mean:
    """Weighted mean of the first term."""

    def reduce(self, terms, weights):
        return weights @ terms[:, 0] / weights.sum(1)


def _normal(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 1)))


def test_covers_a_known_mean_as_often_as_stated():
    hits = 0
    for trial in range(300):
        low, high = bootstrap_interval(Mean(), _normal(60, trial), np.arange(60), num_resamples=400, seed=trial)
        hits += low <= 0 <= high
    assert 0.90 < hits / 300 < 0.98


def test_agrees_with_the_standard_error():
    terms = _normal(400)
    low, high = bootstrap_interval(Mean(), terms, np.arange(400), num_resamples=4000)
    half = 1.96 * float(terms.std()) / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)
    assert (high + low) / 2 == pytest.approx(float(terms.mean()), abs=0.1 * half)


def test_confidence_widens():
    terms, sources = _normal(100), np.arange(100)
    narrow = bootstrap_interval(Mean(), terms, sources, confidence=0.5)
    wide = bootstrap_interval(Mean(), terms, sources, confidence=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_same_seed_gives_the_same_interval():
    terms, sources = _normal(50), np.arange(50)
    assert bootstrap_interval(Mean(), terms, sources) == bootstrap_interval(Mean(), terms, sources)
    assert bootstrap_interval(Mean(), terms, sources, seed=1) != bootstrap_interval(Mean(), terms, sources)


def test_without_being_told_it_draws_a_thousand_times_for_95_percent():
    terms, sources = _normal(50), np.arange(50)
    stated = bootstrap_interval(Mean(), terms, sources, num_resamples=1000, confidence=0.95, seed=0, recentre=False)
    assert bootstrap_interval(Mean(), terms, sources) == stated


def test_the_ends_are_quantiles_of_the_draws():
    figures = []

    class Watch(Mean):
        def reduce(self, terms, weights):
            figures.append(super().reduce(terms, weights))
            return figures[-1]

    interval = bootstrap_interval(Watch(), _normal(50), np.arange(50), num_resamples=101, confidence=0.9)
    drawn = torch.cat(figures).sort().values
    assert len(drawn) == 101
    assert interval == (float(drawn[5]), float(drawn[95]))


def test_recentring_moves_the_interval_by_the_bias_of_the_draws():
    class Spread:
        """Mean square about the weighted mean, which drawing again lowers by the share of 1 / N."""

        def reduce(self, terms, weights):
            shares = weights / weights.sum(1, keepdim=True)
            return shares @ terms[:, 0].square() - (shares @ terms[:, 0]).square()

    terms, sources = _normal(8), np.arange(8)
    plain, centred = (bootstrap_interval(Spread(), terms, sources, 4000, recentre=r) for r in (False, True))
    bias = float(terms.var(correction=0)) / 8
    assert centred[0] - plain[0] == pytest.approx(bias, rel=0.15)
    assert centred[1] - plain[1] == pytest.approx(centred[0] - plain[0], rel=1e-9)


def test_two_sources_have_an_interval():
    terms = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    assert bootstrap_interval(Mean(), terms, [4, 9], num_resamples=200) == (1, 3)


@pytest.mark.parametrize(("at_once", "chunks"), [(350, [7, 7, 6]), (1, [1] * 20), (2**22, [20])])
def test_only_so_many_weights_are_made_at_once(monkeypatch, at_once, chunks):
    seen = []

    class Watch(Mean):
        def reduce(self, terms, weights):
            seen.append(len(weights))
            return super().reduce(terms, weights)

    monkeypatch.setattr(statistics, "_WEIGHTS_AT_ONCE", at_once)
    bootstrap_interval(Watch(), _normal(50), np.arange(50), num_resamples=20)
    assert seen == chunks


def test_chunks_draw_the_same_images(monkeypatch):
    terms, sources = _normal(50), np.arange(50)
    whole = bootstrap_interval(Mean(), terms, sources, num_resamples=100)
    monkeypatch.setattr(statistics, "_WEIGHTS_AT_ONCE", 350)
    assert bootstrap_interval(Mean(), terms, sources, num_resamples=100) == pytest.approx(whole, rel=1e-12)


def test_translations_of_a_source_are_drawn_together():
    terms = _normal(50).repeat_interleave(4, dim=0)
    alone = bootstrap_interval(Mean(), _normal(50), np.arange(50))
    grouped = bootstrap_interval(Mean(), terms, np.arange(50).repeat(4))
    as_if_independent = bootstrap_interval(Mean(), terms, np.arange(200))
    assert grouped == pytest.approx(alone, abs=1e-12)
    assert grouped[1] - grouped[0] > 1.7 * (as_if_independent[1] - as_if_independent[0])


def test_sources_may_have_any_number_of_translations():
    seen = []

    class Watch(Mean):
        def reduce(self, terms, weights):
            seen.append(weights)
            return super().reduce(terms, weights)

    sources = torch.tensor([7, 3, 7, 900, 3, 3])
    bootstrap_interval(Watch(), _normal(6), sources, num_resamples=50)
    weights = torch.cat(seen)
    assert torch.equal(weights[:, 0], weights[:, 2])
    assert torch.equal(weights[:, 1], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()


def test_a_draw_without_a_figure_leaves_no_interval():
    """Of the draws that have one alone, it would be of something else."""

    class Gap(Mean):
        def reduce(self, terms, weights):
            figures = super().reduce(terms, weights)
            figures[0] = math.nan
            return figures

    assert all(map(math.isnan, bootstrap_interval(Gap(), _normal(50), np.arange(50))))


def test_nothing_to_measure_is_nan():
    class Nothing:
        def reduce(self, terms, weights):
            return weights.sum(1) * math.nan

    assert all(map(math.isnan, bootstrap_interval(Nothing(), _normal(9), np.arange(9))))
    assert all(map(math.isnan, bootstrap_interval(Mean(), _normal(9), np.zeros(9, dtype=int))))


def test_refuses_sources_that_do_not_match():
    with pytest.raises(ValueError, match="one for each row"):
        bootstrap_interval(Mean(), _normal(9), np.arange(8))


@pytest.mark.parametrize("number", [1, 2, 30, 5000])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_exact_interval_is_that_of_a_binomial_test(number, confidence):
    for share in (0, 1):
        expected = binomtest(share * number, number).proportion_ci(confidence, method="exact")
        assert exact_interval(share, number, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert (exact_interval(share, number) == exact_interval(share, number, confidence)) == (confidence == 0.95)


def test_the_variance_of_a_bootstrap_is_that_of_its_draws():
    values = torch.from_numpy(np.random.default_rng(5).normal(size=200))
    found = bootstrap_variance(lambda weights: weights @ values / 200, range(200), 4000)
    assert found == pytest.approx(float(values.var()) / 200, rel=0.1)
    together = bootstrap_variance(lambda weights: weights @ values / 200, np.arange(200) // 2, 500)
    assert together == bootstrap_variance(lambda weights: weights @ values / 200, np.arange(200) // 2, 500) > 0
    assert math.isnan(bootstrap_variance(lambda weights: weights @ values / 200, [1] * 200))
