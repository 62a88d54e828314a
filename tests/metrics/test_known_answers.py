"""Answers known by hand."""

import math

import numpy as np
import pytest
import torch

from sgbench.metrics.accuracy import Accuracy, balanced_accuracy
from sgbench.metrics.background import (
    POWERS,
    BackgroundMAE,
    BackgroundMSSSIM,
    BackgroundMSSSIMAsReleased,
    BackgroundPSNR,
    num_clipped,
    side,
)
from sgbench.metrics.distance import BackgroundTint, MeanAbsoluteDistance, changed_region
from sgbench.metrics.inception_score import InceptionScore, joint_posterior


def _once(metric, *inputs):
    return metric.figure(metric.terms(*inputs))


def _noise(n, size, seed=0):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def _flat(level, size=32, n=1):
    return torch.full((n, 3, size, size), level, dtype=torch.uint8)


@pytest.mark.parametrize(("size", "expected"), [(8, 8), (32, 8), (64, 8), (128, 10), (256, 20), (1024, 80)])
def test_side(size, expected):
    assert side(size) == expected
    assert BackgroundMSSSIM(size).definition.startswith(f"top-left {expected}x{expected} of {size}x{size}")


@pytest.mark.parametrize("size", [8, 32, 128, 256])
@pytest.mark.parametrize("metric", [BackgroundMSSSIM, BackgroundMSSSIMAsReleased])
def test_ms_ssim_of_identical_images_is_one(metric, size):
    images = _noise(3, size)
    assert _once(metric(size), images, images) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("metric", [BackgroundMSSSIM, BackgroundMSSSIMAsReleased])
def test_ms_ssim_of_flat_corners_is_the_power_of_luminance(metric):
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert _once(metric(32), _flat(140), _flat(100)) == pytest.approx(luminance ** POWERS[-1], abs=1e-12)


def test_ms_ssim_of_a_negative_clips_at_zero():
    source = _noise(4, 32)
    source[2:] = 77
    metric, as_released = BackgroundMSSSIM(32), BackgroundMSSSIMAsReleased(32)
    terms = metric.terms(255 - source, source)
    assert num_clipped(terms) == 6  # the first three scales of two images
    assert (terms[:2, 0] < 0).all()
    ones = torch.ones(1, 4, dtype=torch.float64)
    assert (metric.reduce(terms[:2], ones[:, :2]) == 0).all()
    assert as_released.reduce(terms[:2], ones[:, :2]).isnan().all()


def test_a_term_of_nothing_is_not_clipped():
    assert num_clipped(torch.tensor([[0.0, -0.5, 1, 1, 1], [1, -1e-9, -1, 0, 1]])) == 3


def test_as_released_averages_terms_before_the_powers():
    terms = torch.tensor([[1.0, 1, 1, 1, 1], [0.2, 1, 1, 1, 1]], dtype=torch.float64)
    ones = torch.ones(1, 2, dtype=torch.float64)
    assert float(BackgroundMSSSIMAsReleased(32).reduce(terms, ones)) == pytest.approx(0.6 ** POWERS[0])
    assert float(BackgroundMSSSIM(32).reduce(terms, ones)) == pytest.approx((1 + 0.2 ** POWERS[0]) / 2)


def test_only_the_corner_counts():
    source = _noise(2, 32)
    result = source.clone()
    result[:, :, 8:, :] = 0
    result[:, :, :, 8:] = 255
    assert _once(BackgroundMSSSIM(32), result, source) == pytest.approx(1, abs=1e-12)
    assert _once(BackgroundMAE(32), result, source) == 0
    assert _once(BackgroundPSNR(32), result, source) == 100


def test_background_error_by_hand():
    source = _flat(100, n=2)
    result = source.clone()
    result[0, 0, 7, 7] = 148
    assert _once(BackgroundMAE(32), result, source) == pytest.approx(48 / 192 / 2)
    psnr = 10 * math.log10(255**2 / (48**2 / 192))
    assert _once(BackgroundPSNR(32), result, source) == pytest.approx((psnr + 100) / 2)


def test_accuracy_by_hand():
    posterior = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    expected = torch.tensor([0, 0, -1, 1, 0])
    terms = Accuracy().terms(posterior, expected).squeeze(1)
    assert terms[[0, 1, 3, 4]].tolist() == [1, 0, 1, 1]
    assert terms[2].isnan()
    assert _once(Accuracy(), posterior, expected) == 0.75


def test_accuracy_of_nothing_is_nan():
    assert math.isnan(_once(Accuracy(), torch.tensor([[0.7, 0.3]]), torch.tensor([-2])))


def test_balanced_accuracy_by_hand():
    posterior = torch.eye(3)[[0, 0, 0, 1, 0, 2]]
    labels = torch.tensor([0, 0, 0, 1, 1, -1])
    assert balanced_accuracy(posterior, labels) == 0.75
    assert math.isnan(balanced_accuracy(posterior, torch.full((6,), -1)))


def test_a_value_of_one_image_counts_in_balanced_accuracy():
    assert balanced_accuracy(torch.eye(2)[[0, 0, 0, 0]], torch.tensor([0, 0, 0, 1])) == 0.5


def test_a_label_beyond_the_values_is_named():
    with pytest.raises(ValueError, match="labels hold 3, but the posterior has 3 values"):
        Accuracy().terms(torch.eye(3)[[0, 1]], torch.tensor([0, 3]))


def test_inception_score_of_one_image_a_split_is_one():
    assert _once(InceptionScore(num_splits=4), torch.eye(4)) == pytest.approx(1)


def test_a_joint_posterior_of_one_head_is_that_head():
    head = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    assert joint_posterior([head]).tolist() == head.tolist()


def test_inception_score_of_uniform_one_hot_is_the_number_of_values():
    posterior = torch.eye(5).repeat(8, 1)
    assert _once(InceptionScore(num_splits=1), posterior) == pytest.approx(5)


def test_inception_score_of_constant_is_one():
    posterior = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64).expand(40, 3)
    metric = InceptionScore()
    assert _once(metric, posterior) == pytest.approx(1)
    assert metric.spread(posterior) == pytest.approx(0, abs=1e-12)


def test_inception_score_splits_as_stated():
    posterior = torch.eye(3, dtype=torch.float64)[np.random.default_rng(0).integers(3, size=23)]
    order = np.random.RandomState(2020).permutation(23)
    scores = []
    for i in range(10):
        shares = posterior[order[i * 23 // 10 : (i + 1) * 23 // 10]].mean(0)
        scores.append(math.exp(-sum(float(s) * math.log(s) for s in shares if s > 0)))
    metric = InceptionScore()
    assert _once(metric, posterior) == pytest.approx(np.mean(scores), abs=1e-12)
    assert metric.spread(posterior) == pytest.approx(np.std(scores), abs=1e-12)


def test_inception_score_leaves_out_a_split_without_weight():
    posterior = torch.eye(2, dtype=torch.float64).repeat(2, 1)
    order = np.random.RandomState(2020).permutation(4)
    weights = torch.zeros(1, 4, dtype=torch.float64)
    weights[0, order[:2]] = 1
    alone = InceptionScore(num_splits=1).reduce(posterior[order[:2]], torch.ones(1, 2, dtype=torch.float64))
    assert torch.equal(InceptionScore(num_splits=2).reduce(posterior, weights), alone)


def test_inception_score_needs_an_image_a_split():
    with pytest.raises(ValueError, match="9 images are too few for 10 splits"):
        _once(InceptionScore(), torch.eye(9))


def test_joint_posterior_is_the_product_over_heads():
    a, b = torch.tensor([[0.25, 0.75]]), torch.tensor([[0.5, 0.125, 0.375]])
    joint = joint_posterior([a, b])
    assert joint.dtype == torch.float64
    assert joint.tolist() == [[0.125, 0.03125, 0.09375, 0.375, 0.09375, 0.28125]]


@pytest.mark.parametrize("heads", [[], [torch.eye(2), torch.eye(3)], [torch.eye(2), torch.zeros(2, 3)]])
def test_joint_posterior_refuses(heads):
    with pytest.raises(ValueError, match=r"heads|posterior"):
        joint_posterior(heads)


def test_region_errors_by_hand():
    source = _flat(100, size=4)
    counterfactual, result = source.clone(), source.clone()
    counterfactual[0, 0, 0, 0] = 103
    counterfactual[0, 2, 0, 1] = 97
    counterfactual[0, :, 3, 3] = 102
    result[0, 0, 0, 0] = 109
    result[0, :, 3, 3] = 98
    region = changed_region(source, counterfactual)
    assert region.nonzero().tolist() == [[0, 0, 0], [0, 0, 1]]
    assert _once(MeanAbsoluteDistance("inside"), result, counterfactual, region) == pytest.approx((6 + 3) / 6)
    assert _once(MeanAbsoluteDistance("outside"), result, counterfactual, ~region) == pytest.approx(12 / (14 * 3))
    assert _once(MeanAbsoluteDistance("whole image"), result, source) == pytest.approx((9 + 6) / 48)


def test_distance_over_an_empty_region_does_not_apply():
    results, references = _flat(10, n=2), _flat(20, n=2)
    results[1] = 0
    region = torch.zeros(2, 32, 32, dtype=torch.bool)
    region[1, :3] = True
    metric = MeanAbsoluteDistance("a region")
    assert metric.terms(results, references, region).isnan().squeeze(1).tolist() == [True, False]
    assert _once(metric, results, references, region) == 20


def test_tint_is_what_the_most_changed_channel_drifts_by():
    """Two images: red goes up by 6 and down by 2, so 2 on average; blue goes down by 3 in both, which is more."""
    sources, mask = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8), torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[:, 0] = True
    results = sources.clone()
    results[0, 0, 0], results[1, 0, 0] = 106, 98
    results[:, 2, 0] -= 3
    results[:, 1, 1:] = 255  # outside of the mask
    metric = BackgroundTint()
    assert _once(metric, results, sources, mask) == 3
    assert metric.per_image(metric.terms(results, sources, mask)).tolist() == [6, 3]
    noise = sources.clone()
    noise[:, :, 0, ::2] += 9
    noise[:, :, 0, 1::2] -= 9
    assert _once(BackgroundTint(), noise, sources, mask) == 0


def test_tint_of_an_image_without_background_does_not_apply():
    sources, mask = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[1] = True
    assert _once(BackgroundTint(), sources + 5, sources, mask) == 5
    assert math.isnan(_once(BackgroundTint(), sources + 5, sources, mask & False))


def test_distance_does_not_wrap_around():
    assert _once(MeanAbsoluteDistance("whole image"), _flat(0), _flat(255)) == 255
