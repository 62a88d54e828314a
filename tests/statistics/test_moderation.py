"""Variances steadied by others of their kind: by hand, by Smyth's equations, and what they do to intervals."""

import math

import numpy as np
import pytest
from scipy.optimize import root_scalar
from scipy.special import digamma, polygamma

from sgbench.statistics.crossed import crossed_table, judges_priors
from sgbench.statistics.moderation import Prior, fit_prior

OF_JUDGES = Prior(variance=0.08, freedom=6.0)

MANY = 10**6
"""Attributes, so many that they bound nothing."""


def _variances(number, freedom, prior, seed):
    """Estimated variances, of true ones from a scaled inverse chi-square distribution; all alike without freedom."""
    rng = np.random.default_rng(seed)
    true = np.full(number, prior.variance)
    if prior.freedom < math.inf:
        true *= prior.freedom / rng.chisquare(prior.freedom, number)
    return true * rng.chisquare(freedom, number) / freedom


def _smyth(variances, freedom):
    """Section 6.2 of the article, solved for the logarithm of the prior's degrees of freedom."""
    e = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    centre = sum(e) / len(e)
    spread = sum((value - centre) ** 2 for value in e) / (len(e) - 1) - polygamma(1, freedom / 2)
    worth = math.exp(root_scalar(lambda x: polygamma(1, math.exp(x) / 2) - spread, bracket=(-8, 12), xtol=1e-12).root)
    return math.exp(centre + digamma(worth / 2) - math.log(worth / 2)), worth


def _tables(number, seed, num_images=60, num_judges=3, prior=OF_JUDGES):
    """Tables about a mean of 0, whose judges differ by variances from a prior."""
    rng = np.random.default_rng(seed)
    of_judges = np.sqrt(prior.variance * prior.freedom / rng.chisquare(prior.freedom, (number, 1, 1)))
    images, both = rng.normal(size=(number, num_images, 1)), rng.normal(size=(number, num_images, num_judges))
    terms = images + of_judges * rng.normal(size=(number, 1, num_judges)) + both
    return [crossed_table(table, range(num_images)) for table in terms]


def _hits(right, num_images=200):
    """A table of judges who are right on so many images each, rarely on the same ones."""
    rng = np.random.default_rng(sum(right))
    hits = np.stack([rng.permutation(np.arange(num_images) < number) for number in right], 1)
    return crossed_table(hits, range(num_images))


def test_a_prior_by_hand():
    """For two degrees of freedom, logarithms of variance 2 trigamma(1) = pi^2 / 3 leave trigamma(1) for the prior.

    So the prior is worth two as well, and the common value is the geometric mean: 5.
    """
    step = math.sqrt(7 / 8 * math.pi**2 / 3)
    prior = fit_prior([5 * math.exp(sign * step) for sign in (1, -1) * 4], 2)
    assert isinstance(prior, Prior)
    assert prior.freedom == pytest.approx(2)
    assert prior.variance == pytest.approx(5)


@pytest.mark.parametrize("freedom", [1, 2, 4, 9])
@pytest.mark.parametrize("worth", [0.7, 3.0, 6.0])
def test_the_prior_solves_smyths_equations(freedom, worth):
    variances = _variances(5000, freedom, Prior(2.0, worth), seed=freedom)
    prior = fit_prior(variances, freedom)
    assert (prior.variance, prior.freedom) == pytest.approx(_smyth(variances, freedom), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_known_prior_is_recovered(seed):
    prior = fit_prior(_variances(40_000, 2, Prior(2.0, 6.0), seed), 2)
    assert prior.freedom == pytest.approx(6, rel=0.15)
    assert prior.variance == pytest.approx(2, rel=0.05)


def test_variances_that_are_all_alike_are_worth_very_much():
    prior = fit_prior(_variances(40_000, 2, Prior(2.0, math.inf), seed=0), 2)
    assert prior.freedom > 50
    assert prior.variance == pytest.approx(2, rel=0.03)


def test_estimates_that_differ_less_than_chance_leave_the_common_value():
    """Equal logarithms, of which that of a variance with two degrees of freedom is too low by Euler's constant."""
    prior = fit_prior([3.0] * 8, 2)
    assert prior.freedom > 1e5
    assert prior.variance == pytest.approx(3 * math.exp(np.euler_gamma), rel=1e-5)
    assert prior.moderated(100.0, 2)[0] == pytest.approx(prior.variance, rel=1e-2)


def test_the_unit_of_variances_is_that_of_the_prior():
    variances = _variances(50, 2, Prior(2.0, 4.0), seed=1)
    plain, scaled = fit_prior(variances, 2), fit_prior(1e-6 * variances, 2)
    assert scaled.variance == pytest.approx(1e-6 * plain.variance)
    assert scaled.freedom == pytest.approx(plain.freedom, rel=1e-6)


@pytest.mark.parametrize("number", [0, 1, 7])
def test_fewer_than_eight_variances_have_no_prior(number):
    variances = _variances(8, 2, Prior(2.0, 6.0), seed=2)
    assert fit_prior(variances, 2) is not None
    assert fit_prior(variances[:number], 2) is None


def of_many(tables, number=MANY):
    """Tables with the attributes they are of, which follow each other."""
    return ((str(k % number), table) for k, table in enumerate(tables))


def test_a_variance_moderated_by_hand():
    assert Prior(2.0, 6.0).moderated(5.0, 2) == pytest.approx(((6 * 2 + 2 * 5) / 8, 8))
    assert Prior(2.0, 1e12).moderated(5.0, 2)[0] == pytest.approx(2)
    assert Prior(2.0, 1e-12).moderated(5.0, 2) == pytest.approx((5, 2))
    assert Prior(2.0, 6.0).moderated(2.0, 4) == pytest.approx((2, 10))


def test_moderated_variances_are_nearer_to_the_true_ones():
    rng = np.random.default_rng(3)
    true = 2 * 6 / rng.chisquare(6, 2000)
    own = true * rng.chisquare(2, 2000) / 2
    prior = fit_prior(own, 2)
    moderated = [prior.moderated(variance, 2)[0] for variance in own]
    assert np.square(moderated - true).mean() < 0.5 * np.square(own - true).mean()


def test_with_their_prior_intervals_hold_as_often_and_are_narrower():
    tables = _tables(1000, seed=4)
    prior = judges_priors(of_many(tables))[3]
    alone, steadied = (np.array([t.crossed_mean(p).interval() for t in tables]) for p in (None, prior))
    held = [((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean() for ends in (alone, steadied)]
    assert 0.92 <= held[0] <= 0.99
    assert 0.92 <= held[1] <= 0.98
    assert np.diff(steadied).mean() < 0.9 * np.diff(alone).mean()


def test_a_prior_of_few_tables_serves_others_of_their_kind():
    """As in a report: a dozen tables at a time, each with the prior of its own dozen."""
    held = []
    for start in range(60):
        tables = _tables(12, seed=100 + start)
        prior = judges_priors(of_many(tables))[3]
        ends = [table.crossed_mean(prior).interval() for table in tables]
        held += [low <= 0 <= high for low, high in ends]
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_prior_is_of_the_share_of_disagreement(number):
    tables = _tables(40, seed=5, num_judges=number, prior=Prior(0.02, 3.0))
    prior = judges_priors(of_many(tables))[number]
    expected = fit_prior([table.judges * number / table.disagreement for table in tables], number - 1)
    assert (prior.variance, prior.freedom) == pytest.approx(
        (expected.variance, min(expected.freedom, len(tables) * (number - 1)))
    )


def test_numbers_of_judges_are_kept_apart():
    three, five = _tables(10, seed=6), _tables(9, seed=7, num_judges=5)
    mixed = [table for pair in zip(three, five, strict=False) for table in pair] + three[9:]
    priors = judges_priors(of_many(iter(mixed)))
    assert priors == judges_priors(of_many(three)) | judges_priors(of_many(five))
    assert set(priors) == {3, 5}
    assert priors[3] != priors[5]
    assert set(judges_priors(of_many(three + five[:7]))) == {3}


def test_no_tables_have_no_priors():
    assert judges_priors(of_many([])) == {}


def test_tables_without_disagreement_are_left_out():
    tables = _tables(8, seed=8)
    agreed = crossed_table(np.repeat([[0.0], [1.0], [1.0]], 3, axis=1), range(3))
    assert judges_priors(of_many([agreed, *tables, agreed], 8)) == judges_priors(of_many(tables, 8))
    assert judges_priors(of_many([*tables[:7], agreed])) == {}


def test_judges_who_are_right_equally_often_count_alike_however_often_that_is():
    """Their means are equal; the rounding of 135 / 200 makes no variance whose logarithm outweighs all others."""
    tables = [_hits(right) for right in np.random.default_rng(0).integers(120, 180, (30, 3))]
    even, odd = (judges_priors(of_many([*tables, _hits([right] * 3)]))[3] for right in (100, 135))
    assert (odd.variance, odd.freedom) == pytest.approx((even.variance, even.freedom))


@pytest.mark.parametrize(("number", "num_attributes"), [(3, 4), (3, 1), (5, 2)])
def test_a_prior_is_worth_no_more_than_the_judges_are_over_single_attributes(number, num_attributes):
    tables = _tables(200, seed=9, num_judges=number, prior=Prior(0.02, 1e6))
    free, bound = judges_priors(of_many(tables))[number], judges_priors(of_many(tables, num_attributes))[number]
    assert free.freedom > 20
    assert bound.freedom == num_attributes * (number - 1)
    assert bound.variance == free.variance


def test_attributes_count_where_as_many_judges_look_at_them():
    """One attribute alone, whose other judges may not sit, is worth no more for what those of the others are worth."""
    two, five = (_tables(200, seed=9, num_judges=n, prior=Prior(0.02, 1e6)) for n in (2, 5))
    priors = judges_priors([*(("alone", table) for table in two), *of_many(five, 4)])
    assert {number: prior.freedom for number, prior in priors.items()} == {2: 1, 5: 16}
