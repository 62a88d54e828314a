"""The metrics against the oracles, on random and on structured inputs."""

import math

import numpy as np
import oracles
import pytest
import torch

from sgbench.metrics.accuracy import Accuracy, balanced_accuracy
from sgbench.metrics.background import (
    BackgroundMAE,
    BackgroundMSSSIM,
    BackgroundMSSSIMAsReleased,
    BackgroundPSNR,
    num_clipped,
    side,
)
from sgbench.metrics.distance import MeanAbsoluteDistance, changed_region
from sgbench.metrics.inception_score import InceptionScore, joint_posterior

SIZES = (32, 64, 128, 256)


def _close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=tolerance, atol=tolerance)


def _compute(metric, *batches):
    tensors = [[torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in batch] for batch in batches]
    return metric.figure(torch.cat([metric.terms(*batch) for batch in tensors]))


def _random(size, number=4, seed=0):
    return np.random.default_rng((seed, size)).integers(0, 256, (number, 3, size, size), dtype=np.uint8)


def _structured(size):
    """(results, sources) pairs [N, 3, S, S] whose regions are easy to reason about."""
    rows, columns = np.mgrid[:size, :size]
    checker = np.broadcast_to(((rows + columns) % 2 * 255).astype(np.uint8), (3, size, size))
    ramp = np.broadcast_to(np.minimum(rows * 12, 255).astype(np.uint8), (3, size, size))
    slope = np.broadcast_to(np.minimum(columns * 12, 255).astype(np.uint8), (3, size, size))
    black, grey, white = (np.full((3, size, size), v, dtype=np.uint8) for v in (0, 128, 255))
    dot = black.copy()
    dot[1, 2, 3] = 255
    coloured = np.stack([ramp[0], slope[0], checker[0]])
    noise = _random(size, 1, seed=9)[0]
    near = np.clip(ramp.astype(int) + _random(size, 1, seed=8)[0] % 9 - 4, 0, 255).astype(np.uint8)
    outside = noise.copy()
    edge = oracles.region_side(size)
    outside[:, edge:], outside[:, :, edge:] = 255 - outside[:, edge:], 255 - outside[:, :, edge:]
    pairs = [
        (noise, noise),
        (outside, noise),
        (black, black),
        (black, white),
        (grey, grey + np.uint8(1)),
        (black, black + np.uint8(1)),
        (checker, 255 - checker),
        (checker, ramp),
        (ramp, 255 - ramp),
        (slope, ramp),
        (coloured, coloured[[1, 2, 0]]),
        (dot, black),
        (near, ramp),
        (noise, grey),
    ]
    return tuple(np.stack(images) for images in zip(*pairs, strict=True))


def _mixed(size):
    results, sources = _structured(size)
    return np.concatenate([_random(size), results]), np.concatenate([_random(size, seed=1), sources])


# The oracles themselves


def test_oracle_windows_and_sides():
    assert [oracles.region_side(size) for size in SIZES] == [8, 8, 10, 20]
    plane, sides = np.zeros((10, 10)), []
    for _ in range(5):
        sides.append(len(plane))
        plane = oracles.downsample(plane)
    assert sides == [10, 5, 3, 2, 1]
    assert oracles.downsample(np.arange(9.0).reshape(3, 3)).tolist() == [[2, 3.5], [6.5, 8]]
    weights = np.exp(-(np.array([0.5, 1.5]) ** 2) / (2 * (1.5 * 4 / 11) ** 2))
    np.testing.assert_allclose(oracles.gaussian_window(4).sum(0), np.r_[weights[::-1], weights] / weights.sum() / 2)


def test_oracle_of_two_constants_by_hand():
    result, source = (np.full((3, 128, 128), v, dtype=np.uint8) for v in (100, 50))
    luminance = (2 * 100 * 50 + 2.55**2) / (100**2 + 50**2 + 2.55**2)
    _close(oracles.background_terms(result, source), [1, 1, 1, 1, luminance])
    _close(oracles.background_ms_ssim(result, source), luminance**0.1333)


def test_oracle_scores_by_hand():
    _close(oracles.inception_score(np.full((20, 4), 0.25)), [1, 0])
    certain = np.eye(2)[np.arange(40) % 2]
    _close(oracles.inception_score(certain, num_splits=1), [2, 0])
    _close(oracles.joint_posterior([[[0.25, 0.75]], [[0.5, 0.3, 0.2]]]), [[0.125, 0.075, 0.05, 0.375, 0.225, 0.15]])


# Background


@pytest.mark.parametrize("size", [*SIZES, 8, 96, 112, 160, 178, 512])
def test_side(size):
    assert side(size) == oracles.region_side(size)


@pytest.mark.parametrize("size", SIZES)
def test_background_terms(size):
    results, sources = _mixed(size)
    terms = BackgroundMSSSIM(size).terms(torch.from_numpy(results), torch.from_numpy(sources))
    assert terms.dtype == torch.float64
    expected = np.stack([oracles.background_terms(r, s) for r, s in zip(results, sources, strict=True)])
    assert terms.shape == expected.shape
    _close(terms, expected)
    assert (expected < 0).any()  # or the clipping is not exercised


def test_num_clipped_counts_the_negative_terms():
    results, sources = _mixed(256)
    terms = np.stack([oracles.background_terms(r, s) for r, s in zip(results, sources, strict=True)])
    assert (terms < 0).sum() > (terms < 0).any(1).sum()  # an image with two of them
    assert num_clipped(torch.from_numpy(terms)) == (terms < 0).sum()


@pytest.mark.parametrize("size", SIZES)
def test_background_ms_ssim(size):
    results, sources = _mixed(size)
    expected = [oracles.background_ms_ssim(r, s) for r, s in zip(results, sources, strict=True)]
    for result, source, value in zip(results, sources, expected, strict=True):
        _close(_compute(BackgroundMSSSIM(size), (result[None], source[None])), value, 1e-10)
    _close(_compute(BackgroundMSSSIM(size), (results, sources)), np.mean(expected), 1e-10)
    batches = [(results[i : i + 5], sources[i : i + 5]) for i in range(0, len(results), 5)]
    _close(_compute(BackgroundMSSSIM(size), *batches), np.mean(expected), 1e-10)
    _close(expected[4:6], 1)  # the same region, whatever lies outside


@pytest.mark.parametrize("size", SIZES)
def test_background_ms_ssim_as_released(size):
    results, sources = _mixed(size)
    chosen = [(results, sources), (results[:4], sources[:4]), (results[4:], sources[4:])]
    values = [oracles.background_ms_ssim_as_released(r, s) for r, s in chosen]
    assert np.isfinite(values[0])
    for (r, s), expected in zip(chosen, values, strict=True):
        if math.isfinite(expected):
            _close(_compute(BackgroundMSSSIMAsReleased(size), (r, s)), expected, 1e-10)
    batches = [(results[i : i + 5], sources[i : i + 5]) for i in range(0, len(results), 5)]
    _close(_compute(BackgroundMSSSIMAsReleased(size), *batches), values[0], 1e-10)


@pytest.mark.parametrize("size", SIZES)
def test_as_released_equals_ours_for_one_image_without_negative_terms(size):
    results, sources = _structured(size)
    pair = results[12:13], sources[12:13]
    assert (oracles.background_terms(pair[0][0], pair[1][0]) > 0).all()
    ours, released = _compute(BackgroundMSSSIM(size), pair), _compute(BackgroundMSSSIMAsReleased(size), pair)
    _close(ours, released, 1e-10)
    assert ours < 1


def test_as_released_of_a_negative_mean_is_not_a_number():
    results, sources = (images[6:7] for images in _structured(128))  # the checkerboard and its inverse
    assert math.isnan(oracles.background_ms_ssim_as_released(results, sources))
    assert math.isnan(_compute(BackgroundMSSSIMAsReleased(128), (results, sources)))
    assert _compute(BackgroundMSSSIM(128), (results, sources)) == 0


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("kind", "oracle"),
    [(BackgroundMAE, oracles.background_mae), (BackgroundPSNR, oracles.background_psnr)],
)
def test_background_mae_and_psnr(size, kind, oracle):
    results, sources = _mixed(size)
    expected = [oracle(r, s) for r, s in zip(results, sources, strict=True)]
    _close(_compute(kind(size), (results, sources)), np.mean(expected))
    _close(_compute(kind(size), (results[:3], sources[:3]), (results[3:], sources[3:])), np.mean(expected))
    terms = kind(size).terms(torch.from_numpy(results), torch.from_numpy(sources))
    assert terms.shape[0] == len(results)
    for result, source, value in zip(results, sources, expected, strict=True):
        _close(_compute(kind(size), (result[None], source[None])), value)


def test_background_by_hand():
    result, source = np.full((1, 3, 128, 128), 10, dtype=np.uint8), np.full((1, 3, 128, 128), 250, dtype=np.uint8)
    assert _compute(BackgroundMAE(128), (result, source)) == 240
    _close(_compute(BackgroundPSNR(128), (result, source)), 20 * math.log10(255 / 240))
    assert _compute(BackgroundPSNR(128), (source, source)) == 100


# Accuracy


def _posterior(number, values, seed=0, sharp=3.0):
    logits = np.random.default_rng((seed, number, values)).standard_normal((number, values)) * sharp
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("values", [2, 3, 6])
def test_accuracy(values):
    posterior = _posterior(101, values)
    expected = np.random.default_rng(values).integers(-2, values, 101)
    _close(_compute(Accuracy(), (posterior, expected)), oracles.accuracy(posterior, expected))
    batches = [(posterior[i : i + 30], expected[i : i + 30]) for i in range(0, 101, 30)]
    _close(_compute(Accuracy(), *batches), oracles.accuracy(posterior, expected))


def test_accuracy_by_hand():
    posterior = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4], [0.4, 0.6]])
    assert _compute(Accuracy(), (posterior, np.array([0, 1, 1, -1, -2]))) == pytest.approx(2 / 3, abs=1e-15)


@pytest.mark.parametrize("values", [2, 3, 6])
def test_balanced_accuracy(values):
    posterior = _posterior(120, values)
    expected = np.minimum(np.random.default_rng(values).geometric(0.5, 120) - 1, values - 1)
    expected[::7] = -1
    expected[3::11] = -2
    actual = balanced_accuracy(torch.from_numpy(posterior), torch.from_numpy(expected))
    _close(actual, oracles.balanced_accuracy(posterior, expected))


def test_balanced_accuracy_by_hand():
    posterior = np.array([[0.9, 0.1]] * 9 + [[0.8, 0.2]])
    expected = np.array([0] * 9 + [1])
    _close(balanced_accuracy(torch.from_numpy(posterior), torch.from_numpy(expected)), 0.5)


# Inception score


@pytest.mark.parametrize(("number", "classes"), [(10, 3), (97, 8), (500, 16), (203, 1008)])
@pytest.mark.parametrize("sharp", [0.3, 3.0])
def test_inception_score(number, classes, sharp):
    posterior = _posterior(number, classes, sharp=sharp)
    mean, spread = oracles.inception_score(posterior)
    metric = InceptionScore(num_splits=10)
    _close(_compute(metric, (posterior,)), mean, 1e-10)
    _close(metric.spread(metric.terms(torch.from_numpy(posterior))), spread, 1e-10)
    batches = [(posterior[i : i + 64],) for i in range(0, number, 64)]
    _close(_compute(InceptionScore(num_splits=10), *batches), mean, 1e-10)


def test_inception_score_of_certain_posteriors():
    posterior = np.eye(5)[np.random.default_rng(0).integers(0, 5, 100)]  # zeros: 0 log 0 is 0
    mean, spread = oracles.inception_score(posterior)
    metric = InceptionScore(num_splits=10)
    _close(_compute(metric, (posterior,)), mean, 1e-10)
    _close(metric.spread(metric.terms(torch.from_numpy(posterior))), spread, 1e-10)


def test_inception_score_by_hand():
    certain = np.eye(4)[np.arange(80) % 4]
    _close(_compute(InceptionScore(num_splits=1), (certain,)), 4)
    _close(_compute(InceptionScore(num_splits=10), (np.full((80, 4), 0.25),)), 1)


def test_inception_score_order_matters_through_the_splits():
    posterior = _posterior(60, 4)
    assert oracles.inception_score(posterior)[0] != oracles.inception_score(posterior[::-1])[0]
    _close(
        _compute(InceptionScore(num_splits=10), (posterior[::-1].copy(),)), oracles.inception_score(posterior[::-1])[0]
    )


def test_inception_score_weighted_is_replicated_rows():
    number = 205
    posterior = _posterior(number, 7)
    rng = np.random.default_rng(3)
    weights = np.stack(
        [
            np.ones(number, dtype=int),
            rng.multinomial(number, np.full(number, 1 / number)),
            rng.multinomial(number, np.full(number, 1 / number)),
            rng.integers(1, 4, number),
            np.full(number, 3),
        ]
    )
    metric = InceptionScore(num_splits=10)
    terms = metric.terms(torch.from_numpy(posterior))
    actual = metric.reduce(terms, torch.from_numpy(weights).double())
    expected = [oracles.inception_score(posterior, counts=row)[0] for row in weights]
    assert actual.shape == (5,)
    _close(actual, expected, 1e-10)
    _close(expected[4], expected[0], 1e-12)


def _columns_in_order(matrix):
    return matrix[:, np.lexsort(matrix)]


@pytest.mark.parametrize("values", [(2,), (2, 2), (2, 3, 2), (2, 2, 2, 2)])
def test_joint_posterior(values):
    heads = [_posterior(33, m, seed=i, sharp=1.0) for i, m in enumerate(values)]
    expected = oracles.joint_posterior(heads)
    joint = np.asarray(joint_posterior([torch.from_numpy(head) for head in heads]))
    assert joint.shape == (33, math.prod(values))
    _close(joint.sum(1), np.ones(33))
    _close(_columns_in_order(joint), _columns_in_order(expected))  # the order of the columns is free
    _close(_compute(InceptionScore(num_splits=10), (joint,)), oracles.inception_score(expected)[0], 1e-10)


# Distance


def _regions(number, size):
    region = np.random.default_rng(size).random((number, size, size)) < 0.2
    region[0] = False
    region[0, 3, 5] = True
    region[1] = True
    return region


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("with_region", [False, True])
def test_mean_absolute_distance(size, with_region):
    results, references = _random(size, 3), _random(size, 3, seed=1)
    regions = _regions(3, size) if with_region else None
    expected = [
        oracles.mean_absolute_distance(r, t, None if regions is None else regions[i])
        for i, (r, t) in enumerate(zip(results, references, strict=True))
    ]
    _close(_compute(MeanAbsoluteDistance("distance"), (results, references, regions)), np.mean(expected))
    first, rest = (
        (results[s], references[s], None if regions is None else regions[s]) for s in (slice(1), slice(1, 3))
    )
    _close(_compute(MeanAbsoluteDistance("distance"), first, rest), np.mean(expected))


def test_mean_absolute_distance_by_hand():
    results, references = np.zeros((2, 3, 32, 32), dtype=np.uint8), np.zeros((2, 3, 32, 32), dtype=np.uint8)
    results[0, :, 0, 0], references[0, 0, 0, 0] = 30, 255  # |30 - 255|, 30, 30: mean 95
    references[1] = 200
    region = np.zeros((2, 32, 32), dtype=bool)
    region[0, 0, 0] = region[1, 4, 4] = region[1, 5, 5] = True
    _close(_compute(MeanAbsoluteDistance("inside"), (results, references, region)), (95 + 200) / 2)
    _close(_compute(MeanAbsoluteDistance("outside"), (results, references, ~region)), (0 + 200) / 2)


def test_mean_absolute_distance_leaves_out_images_with_an_empty_region():
    results, references = _random(32, 3), _random(32, 3, seed=1)
    regions = _regions(3, 32)
    regions[2] = False
    expected = [oracles.mean_absolute_distance(results[i], references[i], regions[i]) for i in range(3)]
    assert math.isnan(expected[2])
    _close(_compute(MeanAbsoluteDistance("distance"), (results, references, regions)), np.mean(expected[:2]))


def test_changed_region():
    first = _random(32, 2) // 2 + 20
    second = first.copy()
    second[0, 1, 4, 7] += 3  # one channel of one pixel; up to 2 levels count as unchanged
    second[0, :, 5, 7] += 2
    second[0, :, 6, 7] -= 2
    second[0, 2, 8, 9] -= 3
    second[1, :, 10:12, 20:25] ^= 255
    region = np.asarray(changed_region(torch.from_numpy(first), torch.from_numpy(second)))
    expected = (np.abs(first.astype(int) - second.astype(int)) > 2).any(1)
    assert np.argwhere(expected[0]).tolist() == [[4, 7], [8, 9]]
    assert region.dtype == bool
    assert (region == expected).all()
