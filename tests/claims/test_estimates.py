"""Differences of two systems, computed again by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from claim_scores import (
    COPY,
    FIGURE4,
    FOUR,
    REAL,
    RESIDUAL,
    RESIDUALGAN,
    SGGAN,
    SGGAN_500,
    STARGAN,
    changes,
    scores_of,
    systems,
)
from scipy.stats import t as student

from sgbench.claims.deciding import decide_claims
from sgbench.claims.estimates import difference
from sgbench.claims.logits import LogitChange
from sgbench.metrics.inception_score import InceptionScore
from sgbench.metrics.jury import JuryAccuracy
from sgbench.scoring.cells import Cell
from sgbench.statistics.crossed import CrossedMean, bounded_interval

SEEDS = (0, 1)


def by_hand(tables):
    """Mean, half the 95 % interval and its parts from differences [images, judges] of each seed, by mean squares."""
    means, images, judges, freedoms = [], [], [], []
    for table in tables:
        n, k = table.shape
        mean = table.mean()
        of_images = k * np.square(table.mean(1) - mean).sum() / (n - 1)
        of_judges = n * np.square(table.mean(0) - mean).sum() / (k - 1)
        rest = table - table.mean(1)[:, None] - table.mean(0) + mean
        of_both = np.square(rest).sum() / ((n - 1) * (k - 1))
        squares, total = (of_images / (n * k)) ** 2 / (n - 1), of_images / (n * k)
        own = max(0.0, (of_judges - of_both) / (n * k))
        if own:
            squares += (of_judges / (n * k)) ** 2 / (k - 1) + (of_both / (n * k)) ** 2 / ((n - 1) * (k - 1))
        means.append(mean)
        images.append(total)
        judges.append(own)
        freedoms.append((total + own) ** 2 / squares)
    seeds = np.var(means, ddof=1) / len(means)
    shared = np.mean(images) + np.mean(judges)
    freedom = (shared + seeds) ** 2 / (shared**2 / np.mean(freedoms) + seeds**2 / (len(means) - 1))
    half = student.ppf(0.975, freedom) * math.sqrt(shared + seeds)
    return np.mean(means), half, (np.mean(images), np.mean(judges), seeds)


def kept(system, target, attribute):
    """Whether each judge of the jury sees the source's label in each result: [images, judges], by source image."""
    scores = system.read()
    place = [a.name for a in scores.attributes].index(attribute)
    k = [a.name for a in scores.attributes].index(target)
    request = scores.requests[k]
    labels = scores.labels[request.positions, place]
    hits = [heads[place].argmax(1) == labels for heads in scores.targets[k].posteriors[1:]]
    return torch.stack(hits, 1).double()[request.positions.argsort()].numpy()


def test_evidence_on_accuracy_is_that_of_crossed_images_and_judges_over_seeds():
    """C7 alone has too few comparisons for what others say of the judges."""
    own = [replace(s, read=varied(s)) for s in systems((SGGAN, STARGAN, RESIDUALGAN))]
    (found,) = [c for c in decide_claims(own, ("gender", "smile"), 5, ("table2",)) if c.claim.name == "C7"]
    place = {(s.method, s.seed): kept(s, "gender", "smile") for s in own}
    for evidence, rival in zip(found.evidence, ("stargan", "residualgan"), strict=True):
        mean, half, parts = by_hand([place["sggan", seed] - place[rival, seed] for seed in SEEDS])
        assert evidence.value == pytest.approx(mean)
        assert (evidence.low, evidence.high) == pytest.approx((mean - half, mean + half))
        assert evidence.variances == pytest.approx(parts)
        assert min(parts) > 0


def varied(system):
    """Scores whose judges and seeds differ in more than noise."""
    scores = system.read()
    targets = []
    for own in scores.targets:
        posteriors = list(own.posteriors)
        for judge, share in ((2, 0.4), (3, 0.3 * system.seed)):
            every = int(len(posteriors[judge][1]) * share * {"sggan": 0, "stargan": 1, "residualgan": 2}[system.method])
            heads = list(posteriors[judge])
            heads[1] = torch.cat([heads[1][:every].flip(1), heads[1][every:]])
            posteriors[judge] = tuple(heads)
        targets.append(replace(own, posteriors=tuple(posteriors)))
    changed = replace(scores, targets=tuple(targets))
    return lambda: changed


def test_evidence_on_a_mean_over_images_is_that_of_its_differences():
    own = systems((SGGAN_500, RESIDUAL), noise=0.3)
    (found,) = [c for c in decide_claims(own, FOUR, 5, ("figure6",)) if c.claim.name == "C8"]
    evidence = found.evidence[0]
    terms = {(s.variant, s.seed): s.read().targets[0].terms["change", "image"][:, 0].numpy() for s in own}
    differences = [0.5 * terms["", seed] - terms["residual", seed] for seed in SEEDS]
    n, means = len(differences[0]), [d.mean() for d in differences]
    images, seeds = np.mean([d.var(ddof=1) / n for d in differences]), np.var(means, ddof=1) / 2
    freedom = (images + seeds) ** 2 / (images**2 / (n - 1) + seeds**2)
    half = student.ppf(0.975, freedom) * math.sqrt(images + seeds)
    assert (evidence.value, evidence.num_images, evidence.num_seeds) == (pytest.approx(np.mean(means)), n, 2)
    assert (evidence.low, evidence.high) == pytest.approx((np.mean(means) - half, np.mean(means) + half))
    wide = student.ppf(1 - 0.025 / 3, freedom) * math.sqrt(images + seeds)
    assert evidence.surely_below == pytest.approx(np.mean(means) + wide)


def test_how_far_a_pale_logit_moves():
    own = systems((SGGAN, STARGAN, REAL), FIGURE4, noise=0.0)
    (found,) = [c for c in decide_claims(own, FIGURE4, 5, ("figure4",)) if c.claim.name == "C6"]
    assert [evidence.value for evidence in found.evidence] == pytest.approx(
        [1.0 - 0.3] * 2
    )  # from 1/2, whose logit is 0


def test_a_judge_is_not_surer_than_one_in_a_thousand():
    heads = [torch.tensor([[1.0, 0.0], [0.5, 0.5], [1e-9, 1 - 1e-9]], dtype=torch.float64)]
    before = [torch.full((3, 2), 0.5, dtype=torch.float64)]
    assert LogitChange().terms(heads, before)[:, 0].tolist() == pytest.approx([math.log(999), 0, math.log(999)])


def cell(metric, terms, sources=None, definition="one"):
    terms = torch.as_tensor(terms, dtype=torch.float64)
    record = replace(scores_of(SGGAN, 0, FOUR, FIGURES).base, definition=definition)
    order = np.arange(len(terms)) if sources is None else np.array(sources)
    return Cell(record, metric, terms, order, np.zeros(len(terms), dtype=np.int8))


FIGURES = systems((SGGAN,))[0].read.args[3]


def test_only_requests_of_both_systems_count():
    left, right = cell(JuryAccuracy(), [[1, 1], [1, 0], [0, 0]]), cell(JuryAccuracy(), [[0, 0], [1, 1]], [0, 2])
    found = difference(left, right, 1.0, 5)
    assert (found.num_images, found.table.mean) == (2, pytest.approx((1 - 1) / 2))


def test_half_of_a_figure():
    found = difference(cell(JuryAccuracy(), [[1, 1]] * 3), cell(JuryAccuracy(), [[0, 1]] * 3), 0.5, 5)
    assert found.table.mean == pytest.approx(0.5 - 0.5)


def test_systems_that_were_measured_otherwise_or_share_no_images_are_not_compared():
    one = cell(JuryAccuracy(), [[1, 1]] * 3)
    assert "different ways" in difference(one, cell(JuryAccuracy(), [[1, 1]] * 3, definition="another"), 1.0, 5)
    assert "1 images in common" in difference(one, cell(JuryAccuracy(), [[1, 1]], [2]), 1.0, 5)
    scores = cell(InceptionScore(), np.full((9, 4), 0.25))
    assert "9 images in common" in difference(scores, scores, 1.0, 5)


def test_the_variance_of_a_score_is_that_of_a_bootstrap_with_the_same_draws():
    rng = np.random.default_rng(0)
    left, right = (cell(InceptionScore(2), rng.dirichlet([0.3] * 4, 40)) for _ in range(2))
    assert difference(left, left, 1.0, 30).mean == CrossedMean(0.0, 0.0, 0.0, 39.0)
    found = difference(left, right, 1.0, 30).mean
    assert found.mean == pytest.approx(left.value - right.value)
    assert 0 < found.images < 1


def test_where_nothing_varies_the_interval_is_as_wide_as_so_many_images_leave_it():
    same = CrossedMean(0.5, 0.0, 0.0, 9.0)
    reach = 1 - 0.025 ** (1 / 10)
    assert bounded_interval(same, (-1, 1), 10, 0.95) == pytest.approx((0.5 - reach * 1.5, 0.5 + reach * 0.5))
    assert bounded_interval(same, (-math.inf, math.inf), 10, 0.95) == (-math.inf, math.inf)
    assert bounded_interval(replace(same, images=0.01), (-1, 1), 10, 0.95) == replace(same, images=0.01).interval()


def test_two_perfect_systems_of_few_images_are_not_surely_alike():
    perfect = [changes(place, target=1.0) for place in (SGGAN, STARGAN, RESIDUALGAN)]
    own = systems((SGGAN, STARGAN, RESIDUALGAN, COPY), **{k: v for one in perfect for k, v in one.items()})
    (found,) = [c for c in decide_claims(own, FOUR, 5) if c.claim.name == "C9"]
    evidence = found.evidence[0]
    assert evidence.value == 0
    assert -0.1 < evidence.low < 0 < evidence.high < 0.1
