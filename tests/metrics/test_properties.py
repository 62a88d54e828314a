"""What holds for any input: identity, symmetry, bounds, monotony, and that order and batches are of no account."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sgbench.metrics.accuracy import Accuracy, balanced_accuracy
from sgbench.metrics.background import (
    BackgroundMAE,
    BackgroundMSSSIM,
    BackgroundMSSSIMAsReleased,
    BackgroundPSNR,
    num_clipped,
)
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.distance import MeanAbsoluteDistance, changed_region
from sgbench.metrics.identity import IdentitySimilarity
from sgbench.metrics.inception_score import InceptionScore, joint_posterior
from sgbench.metrics.perceptual import PerceptualDistance
from sgbench.metrics.similarity import MSSSIM, PSNR, SSIM

SIZE, MANY = 64, 70
ROUNDING = 1e-12
pinned = settings(derandomize=True, deadline=None, max_examples=25)

SIMILARITIES = {  # made for images of side 64: identical, least, most
    "psnr": (PSNR, 100, 0, 100),
    "ssim": (SSIM, 1, -1, 1),
    "ms_ssim": (lambda: MSSSIM(SIZE), 1, 0, 1),
    "background_psnr": (lambda: BackgroundPSNR(SIZE), 100, 0, 100),
    "background_ms_ssim": (lambda: BackgroundMSSSIM(SIZE), 1, 0, 1),
}
DISTANCES = {
    "background_mae": (lambda: BackgroundMAE(SIZE), 0, 0, 255),
    "distance": (lambda: MeanAbsoluteDistance("whole image"), 0, 0, 255),
}
PAIRS = SIMILARITIES | DISTANCES


def _draw_image(draw, size=SIZE):
    """An image of a kind that breaks formulas: noise, flat, two levels, a slope, or one pixel off flat."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "flat", "levels", "slope", "dot"]))
    if kind == "noise":
        image = rng.integers(0, 256, (3, size, size))
    elif kind == "levels":
        image = rng.choice(rng.integers(0, 256, 2), (3, size, size))
    elif kind == "slope":
        image = np.clip(np.arange(size) * rng.integers(1, 9) + rng.integers(-99, 99, (3, 1, 1)), 0, 255) * np.ones(
            (size, 1)
        )
    else:
        image = np.broadcast_to(rng.integers(0, 256, (3, 1, 1)), (3, size, size)).copy()
        if kind == "dot":
            image[tuple(rng.integers(0, n) for n in (3, 8, 8))] = rng.integers(0, 256)
    return torch.from_numpy(image.astype(np.uint8))


@st.composite
def image_pairs(draw):
    """(results, sources), uint8 [n, 3, 64, 64]."""
    number = draw(st.integers(1, 3))
    return tuple(torch.stack([_draw_image(draw) for _ in range(number)]) for _ in range(2))


@st.composite
def posteriors(draw, fewest=2, most=40):
    """float64 [n, m] between even and certain, some with ties or zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(fewest, most)), draw(st.integers(2, 6))
    weights = rng.random((n, m)) ** draw(st.sampled_from([0, 1, 8, 200])) + 1e-300
    weights[rng.random(n) < 0.2, -1] = 0
    return torch.from_numpy(weights / weights.sum(1, keepdims=True))


@st.composite
def verdicts(draw):
    """A posterior and labels, some negative."""
    posterior = draw(posteriors())
    n, m = posterior.shape
    labels = draw(st.lists(st.integers(-2, m - 1), min_size=n, max_size=n))
    return posterior, torch.tensor(labels)


@st.composite
def embedding_pairs(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d, scale = draw(st.integers(1, 20)), draw(st.integers(1, 9)), 10.0 ** draw(st.integers(-20, 20))
    return tuple(torch.from_numpy(rng.normal(draw(st.integers(-2, 2)), 1, (n, d)) * scale) for _ in range(2))


def _figure(metric, *inputs):
    terms = metric.terms(*inputs)
    return float(metric.reduce(terms, terms.new_ones(1, len(terms)))[0])


def _figures(metric, *inputs):
    """Of each image alone."""
    terms = metric.terms(*inputs)
    return metric.reduce(terms, torch.eye(len(terms), dtype=torch.float64))


# Images


@pytest.mark.parametrize("name", PAIRS)
@pinned
@given(images=image_pairs())
def test_an_image_and_itself(name, images):
    make, identical, _, _ = PAIRS[name]
    for x in images:
        assert _figures(make(), x, x).tolist() == pytest.approx([identical] * len(x), abs=ROUNDING)


@pytest.mark.parametrize("name", [*PAIRS, "as_released_terms"])
@pinned
@given(images=image_pairs())
def test_results_and_sources_may_be_exchanged(name, images):
    make = PAIRS[name][0] if name in PAIRS else lambda: BackgroundMSSSIMAsReleased(SIZE)
    x, y = images
    torch.testing.assert_close(make().terms(x, y), make().terms(y, x), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("name", PAIRS)
@pinned
@given(images=image_pairs())
def test_figures_of_images_keep_their_bounds(name, images):
    make, _, least, most = PAIRS[name]
    figures = _figures(make(), *images)
    assert (figures >= least - ROUNDING).all()
    assert (figures <= most + ROUNDING).all()


@pytest.mark.parametrize("name", PAIRS)
@pinned
@given(images=image_pairs())
def test_different_corners_show(name, images):
    make, identical, _, _ = PAIRS[name]
    x, y = images
    y[:, :, 2, 3] = x[:, :, 2, 3] ^ 128
    assert (_figures(make(), x, y) - identical).abs().gt(1e-9).all()


@pytest.mark.parametrize("name", PAIRS)
@pinned
@given(seed=st.integers(0, 2**32 - 1), level=st.integers(60, 190), step=st.integers(1, 12))
def test_more_of_the_same_noise_is_worse(name, seed, level, step):
    pattern = np.random.default_rng(seed).integers(-1, 2, (1, 3, SIZE, SIZE))
    pattern[..., :8, :8] = pattern[..., 8:16, 8:16]
    pattern[..., 0, 0] = 1
    source = torch.full((1, 3, SIZE, SIZE), level, dtype=torch.uint8)
    results = [
        torch.from_numpy((level + amplitude * pattern).astype(np.uint8)) for amplitude in (0, step, 3 * step, 5 * step)
    ]
    figures = [_figure(PAIRS[name][0](), result, source) for result in results]
    assert figures == sorted(figures, reverse=name in SIMILARITIES)
    assert len(set(figures)) == 4


@pinned
@given(images=image_pairs(), seed=st.integers(0, 2**32 - 1))
def test_a_distance_is_the_mean_of_its_two_parts(images, seed):
    region = torch.from_numpy(np.random.default_rng(seed).random((len(images[0]), SIZE, SIZE)) < 0.4)
    metric = MeanAbsoluteDistance("a region")
    share = region.double().mean((1, 2))
    inside, outside, whole = (metric.terms(*images, *r).squeeze(1) for r in ((region,), (~region,), ()))
    torch.testing.assert_close(share * inside + (1 - share) * outside, whole, rtol=ROUNDING, atol=ROUNDING)


@pinned
@given(images=image_pairs())
def test_a_distance_takes_no_detour(images):
    x, y = images
    metric = MeanAbsoluteDistance("whole image")
    middle = x.flip(-1)
    assert (metric.terms(x, y) <= metric.terms(x, middle) + metric.terms(middle, y) + 1e-9).all()


@pinned
@given(images=image_pairs())
def test_what_changed_changed_both_ways_and_nothing_changes_of_itself(images):
    x, y = images
    assert torch.equal(changed_region(x, y), changed_region(y, x))
    assert not changed_region(x, x).any()
    assert not changed_region(x, x ^ 2).any()
    assert changed_region(x, x ^ 4).all()


# Posteriors


@pinned
@given(case=verdicts())
def test_accuracy_keeps_its_bounds_and_forgets_the_names_of_values(case):
    posterior, labels = case
    if not (labels >= 0).any():
        assert math.isnan(_figure(Accuracy(), posterior, labels))
        return
    accuracy = _figure(Accuracy(), posterior, labels)
    assert 0 <= accuracy <= 1
    assert _figure(Accuracy(), posterior, posterior.argmax(1)) == 1
    if (posterior == posterior.amax(1, keepdim=True)).sum(1).eq(1).all():
        m = posterior.shape[1]
        renamed = labels.where(labels < 0, m - 1 - labels)
        assert _figure(Accuracy(), posterior.flip(1), renamed) == accuracy
        assert balanced_accuracy(posterior.flip(1), renamed) == pytest.approx(balanced_accuracy(posterior, labels))


@pinned
@given(case=verdicts())
def test_one_more_image_that_is_right_raises_accuracy(case):
    posterior, labels = case
    right = torch.cat([posterior, posterior[:1]]), torch.cat([labels, posterior[:1].argmax(1)])
    wrong = torch.cat([posterior, posterior[:1]]), torch.cat([labels, posterior[:1].argmin(1)])
    if (labels >= 0).any() and posterior[0].argmax() != posterior[0].argmin():
        assert _figure(Accuracy(), *right) >= _figure(Accuracy(), posterior, labels) >= _figure(Accuracy(), *wrong)
        assert _figure(Accuracy(), *right) > _figure(Accuracy(), *wrong)


@pinned
@given(posterior=posteriors(), repeats=st.integers(1, 4))
def test_balanced_accuracy_of_balanced_labels_is_accuracy(posterior, repeats):
    m = posterior.shape[1]
    labels = torch.arange(m).repeat(len(posterior) * repeats)
    posterior = posterior.repeat_interleave(m * repeats, dim=0)
    assert balanced_accuracy(posterior, labels) == pytest.approx(_figure(Accuracy(), posterior, labels), abs=ROUNDING)


@pinned
@given(case=verdicts())
def test_calibration_keeps_its_bounds_and_is_at_least_the_gap_of_the_means(case):
    posterior, labels = case
    metric = ExpectedCalibrationError()
    terms = metric.terms(posterior, labels)
    known = labels >= 0
    if known.any():
        error = _figure(metric, posterior, labels)
        confidence, hits = terms[known].mean(0).tolist()
        assert abs(confidence - hits) - ROUNDING <= error <= 1
        assert terms[known, 0].min() > 1 / posterior.shape[1] - ROUNDING
        assert set(terms[known, 1].tolist()) <= {0.0, 1.0}


@pinned
@given(posterior=posteriors(), splits=st.integers(1, 5))
def test_inception_score_lies_between_one_and_the_number_of_values(posterior, splits):
    if len(posterior) >= splits:
        score = _figure(InceptionScore(splits), posterior)
        assert 1 - ROUNDING <= score <= min(posterior.shape[1], math.ceil(len(posterior) / splits)) + 1e-9


@pinned
@given(posterior=posteriors())
def test_inception_score_forgets_the_names_of_values_and_empty_ones(posterior):
    score = _figure(InceptionScore(2), posterior)
    assert _figure(InceptionScore(2), posterior.flip(1)) == pytest.approx(score, rel=ROUNDING)
    more = torch.cat([posterior, torch.zeros(len(posterior), 2, dtype=torch.float64)], 1)
    assert _figure(InceptionScore(2), more) == pytest.approx(score, rel=ROUNDING)


@pinned
@given(posterior=posteriors(), share=st.floats(0.05, 0.95))
def test_posteriors_nearer_to_even_score_less(posterior, share):
    even = share * posterior + (1 - share) / posterior.shape[1]
    assert _figure(InceptionScore(1), even) <= _figure(InceptionScore(1), posterior) + ROUNDING


@pinned
@given(posterior=posteriors(1, 9), data=st.data())
def test_fewer_images_than_splits_are_refused(posterior, data):
    splits = data.draw(st.integers(len(posterior) + 1, 12))
    with pytest.raises(ValueError, match=f"{len(posterior)} images are too few for {splits} splits"):
        _figure(InceptionScore(splits), posterior)
    _figure(InceptionScore(len(posterior)), posterior)


@pinned
@given(first=posteriors(7, 7), second=posteriors(7, 7))
def test_a_joint_posterior_has_its_heads_as_marginals(first, second):
    joint = joint_posterior([first, second]).view(7, first.shape[1], second.shape[1])
    torch.testing.assert_close(joint.sum(2), first, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(joint.sum(1), second, rtol=ROUNDING, atol=ROUNDING)


# Embeddings


@pinned
@given(pair=embedding_pairs(), scale=st.floats(1e-3, 1e3))
def test_identity_is_symmetric_bounded_and_blind_to_length(pair, scale):
    x, y = pair
    metric = IdentitySimilarity()
    terms = metric.terms(x, y)
    assert terms.abs().max() <= 1
    torch.testing.assert_close(metric.terms(y, x), terms, rtol=0, atol=0)
    torch.testing.assert_close(metric.terms(scale * x, y), terms, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(metric.terms(-x, y), -terms, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(metric.terms(x, x), torch.ones_like(terms), rtol=0, atol=ROUNDING)


# Every metric


def _many_images(seed):
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, 256, (MANY, 3, SIZE, SIZE))
    sources[::5] = 200
    results = (sources + rng.integers(-60, 60, sources.shape)).clip(0, 255)
    results[::7] = 255 - sources[::7]
    results[::11] = sources[::11]
    return tuple(torch.from_numpy(x.astype(np.uint8)) for x in (results, sources))


def _many_verdicts():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.dirichlet([0.5] * 4, MANY)), torch.from_numpy(rng.integers(-1, 4, MANY))


def _many_embeddings():
    return tuple(torch.from_numpy(np.random.default_rng(seed).normal(size=(MANY, 8))) for seed in (0, 1))


EVERY = {
    **{name: (make, lambda: _many_images(0)) for name, (make, *_) in PAIRS.items()},
    "as_released": (lambda: BackgroundMSSSIMAsReleased(SIZE), lambda: _many_images(0)),
    "distance_region": (
        lambda: MeanAbsoluteDistance("changed"),
        lambda: (*_many_images(0), changed_region(*_many_images(0))),
    ),
    "accuracy": (Accuracy, _many_verdicts),
    "calibration": (ExpectedCalibrationError, _many_verdicts),
    "inception_score": (InceptionScore, lambda: _many_verdicts()[:1]),
    "inception_score_unsplit": (lambda: InceptionScore(1), lambda: _many_verdicts()[:1]),
    "identity": (IdentitySimilarity, _many_embeddings),
    "perceptual_distance": (lambda: PerceptualDistance("mean"), lambda: (_many_embeddings()[0][:, 0],)),
}
DECISIONS = {"accuracy", "distance", "background_mae", "distance_region", "perceptual_distance"}
"""Metrics whose terms are counts or whole numbers, the same to the last bit."""


def _close(name, actual, expected):
    tolerance = 0 if name in DECISIONS else ROUNDING
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batches_of_any_size_give_the_same_terms(name, batch_size):
    make, inputs = EVERY[name]
    inputs = inputs()
    metric = make()
    found = torch.cat([metric.terms(*parts) for parts in zip(*(x.split(batch_size) for x in inputs), strict=True)])
    expected = make().terms(*inputs)
    _close(name, found, expected)
    if name in ("background_ms_ssim", "as_released"):
        assert num_clipped(found) == num_clipped(expected) > 0
    if name == "calibration":
        assert torch.equal(found[:, 1].isnan(), expected[:, 1].isnan())
        assert torch.equal(found[:, 1].nan_to_num(), expected[:, 1].nan_to_num())


@pytest.mark.parametrize("name", EVERY)
def test_images_of_another_order_have_the_same_terms_and_figure(name):
    make, inputs = EVERY[name]
    inputs = inputs()
    order = torch.randperm(MANY, generator=torch.Generator().manual_seed(0))
    terms, shuffled = make().terms(*inputs), make().terms(*(x[order] for x in inputs))
    _close(name, shuffled, terms[order])
    ones = terms.new_ones(1, MANY)
    if name != "inception_score":
        torch.testing.assert_close(make().reduce(shuffled, ones), make().reduce(terms, ones), rtol=ROUNDING, atol=0)


@cache
def _many_terms(name):
    make, inputs = EVERY[name]
    return make().terms(*inputs())


@pytest.mark.parametrize("name", EVERY)
@pinned
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(0.01, 100))
def test_only_the_ratios_of_weights_count(name, seed, factor):
    metric, terms = EVERY[name][0](), _many_terms(name)
    weights = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (3, MANY))).double()
    actual, expected = metric.reduce(terms, weights * factor), metric.reduce(terms, weights)
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-13, equal_nan=True)
