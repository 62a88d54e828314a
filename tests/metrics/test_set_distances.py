"""FID and KID against torch-fidelity, closed forms and hand-made cases."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from sgbench.metrics.frechet import FrechetDistance
from sgbench.metrics.kernel import KernelDistance

MAKERS = {"frechet": FrechetDistance, "kernel": lambda: KernelDistance(num_subsets=7, subset_size=20)}
both = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def _features(number, dimensions, seed):
    """Correlated, skewed and all positive, as Inception's features are; float64 [number, dimensions]."""
    rng = np.random.default_rng((seed, dimensions))
    mixing = rng.standard_normal((dimensions, dimensions)) / math.sqrt(dimensions)
    shift = rng.random(dimensions)
    return torch.from_numpy(np.abs(rng.standard_normal((number, dimensions)) @ mixing + shift))


def _filled(metric, real, generated, batch_size=100_000):
    for features, is_real in ((real, True), (generated, False)):
        for part in features.split(batch_size):
            metric.update(part, real=is_real)
    return metric


def _value(metric, real, generated, batch_size=100_000):
    value = _filled(metric, real, generated, batch_size).compute()
    assert value.shape == ()
    assert value.dtype == torch.float64
    return value.item()


def _reference_fid(real, generated):
    statistics = [fid_features_to_statistics(x) for x in (generated, real)]
    return fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]


def _reference_kid(real, generated, **settings):
    found = kid_features_to_metric(generated, real, verbose=False, **settings)
    return found[KEY_METRIC_KID_MEAN], found[KEY_METRIC_KID_STD]


def _with_moments(number, mean, deviations, seed=0):
    """Features whose sample mean and (unbiased, diagonal) covariance are exactly these."""
    x = np.random.default_rng(seed).standard_normal((number, len(mean)))
    q, _ = np.linalg.qr(x - x.mean(0))
    return torch.from_numpy(q * math.sqrt(number - 1) * deviations + mean)


# Fréchet distance


@pytest.mark.parametrize(("dimensions", "real", "generated"), [(64, 300, 450), (128, 2000, 700), (256, 500, 500)])
def test_frechet_distance_is_torch_fidelitys(dimensions, real, generated):
    real, generated = _features(real, dimensions, 0), _features(generated, dimensions, 1)
    expected = _reference_fid(real, generated)
    assert expected > 1
    assert _value(FrechetDistance(), real, generated) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_float32_features_is_torch_fidelitys():
    real, generated = _features(800, 96, 0).float(), _features(600, 96, 1).float()
    assert _value(FrechetDistance(), real, generated) == pytest.approx(_reference_fid(real, generated), rel=1e-6)


def test_frechet_distance_of_fewer_images_than_dimensions_is_torch_fidelitys():
    real, generated = _features(50, 128, 0), _features(40, 128, 1)
    assert _value(FrechetDistance(), real, generated) == pytest.approx(_reference_fid(real, generated), rel=1e-6)


def test_frechet_distance_of_diagonal_gaussians_has_a_closed_form():
    mean, other = np.array([0.0, 1.0, -2.0, 5.0]), np.array([1.0, 1.0, 0.0, 4.5])
    deviations, others = np.array([1.0, 0.5, 3.0, 0.0]), np.array([2.0, 0.5, 1.0, 0.7])
    expected = ((mean - other) ** 2).sum() + ((deviations - others) ** 2).sum()
    real, generated = _with_moments(30, mean, deviations), _with_moments(45, other, others, seed=1)
    assert _value(FrechetDistance(), real, generated) == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_rotated_gaussians_has_a_closed_form():
    # Covariances diag(a, b) and diag(b, a): tr = 2 (a + b) - 4 sqrt(a b). Rotated together, nothing changes.
    real, generated = _with_moments(20, np.zeros(2), [2.0, 1.0]), _with_moments(25, np.zeros(2), [1.0, 2.0], seed=1)
    turn = torch.tensor([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], dtype=torch.float64)
    assert _value(FrechetDistance(), real @ turn, generated @ turn) == pytest.approx(2.0, rel=1e-12)


def test_frechet_distance_in_one_dimension_by_hand():
    real, generated = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [3.0], [6.0]])
    # Means 1 and 4, variances 2 and 3.
    assert _value(FrechetDistance(), real, generated) == pytest.approx(9 + 2 + 3 - 2 * math.sqrt(6), rel=1e-12)


@pytest.mark.parametrize("number", [400, 30])
def test_frechet_distance_of_a_set_to_itself_is_zero(number):
    features = _features(number, 64, 0)
    assert abs(_value(FrechetDistance(), features, features.flip(0))) < 1e-10


def test_frechet_distance_is_symmetric():
    a, b = _features(300, 64, 0), _features(70, 64, 1)
    assert _value(FrechetDistance(), a, b) == pytest.approx(_value(FrechetDistance(), b, a), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_frechet_distance_ignores_batches_and_order(batch_size):
    real, generated = _features(90, 32, 0), _features(64, 32, 1)
    expected = _value(FrechetDistance(), real, generated)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    assert _value(FrechetDistance(), real[order], generated.flip(0), batch_size) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("dimensions", "real", "generated", "size"), [(64, 300, 450, 100), (128, 2000, 1200, 1000), (256, 500, 400, 400)]
)
def test_kernel_distance_is_torch_fidelitys(dimensions, real, generated, size):
    real, generated = _features(real, dimensions, 0), _features(generated, dimensions, 1)
    num_subsets = 100 if size < 1000 else 5
    mean, deviation = _reference_kid(real, generated, kid_subsets=num_subsets, kid_subset_size=size)
    estimates = _filled(KernelDistance(num_subsets, size), real, generated).estimates()
    assert estimates.shape == (num_subsets,)
    assert estimates.mean().item() == pytest.approx(mean, rel=1e-9)
    assert estimates.std(correction=0).item() == pytest.approx(deviation, rel=1e-6, abs=1e-12)


def test_kernel_distance_of_the_same_distribution_is_torch_fidelitys():
    both_sets = _features(900, 64, 0)
    real, generated = both_sets[:500], both_sets[500:]
    mean, deviation = _reference_kid(real, generated, kid_subset_size=200)
    value = _value(KernelDistance(subset_size=200), real, generated)
    assert value == pytest.approx(mean, rel=1e-6)
    assert abs(mean) < deviation


def test_kernel_distance_by_hand():
    real, generated = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 2.0], [2.0, 2.0]])
    # x'y / 2 + 1 is 1 within real; 3 within generated; 1, 1, 1, 3 between: cubes 1, 27 and 30 in all.
    assert _value(KernelDistance(3, 2), real, generated) == pytest.approx(1 + 27 - 2 * 30 / 4, rel=1e-12)


def test_kernel_distance_of_one_subset_is_the_sum_over_pairs():
    real, generated = _features(11, 5, 0).numpy(), _features(11, 5, 1).numpy()

    def kernel(x, y):
        return (float(x @ y) / 5 + 1) ** 3

    within = sum(kernel(x, y) for rows in (real, generated) for x, y in itertools.permutations(rows, 2))
    between = sum(kernel(x, y) for x in real for y in generated)
    value = _value(KernelDistance(1, 11), torch.from_numpy(real), torch.from_numpy(generated))
    assert value == pytest.approx(within / (11 * 10) - 2 * between / 11**2, rel=1e-10)


def test_kernel_distance_has_no_bias_at_any_subset_size():
    both_sets = _features(800, 16, 0)
    real, generated = both_sets[:400], both_sets[400:] + 0.3
    small, large = (_filled(KernelDistance(800, size), real, generated).estimates() for size in (10, 200))
    error = small.std() / math.sqrt(len(small))
    assert abs(small.mean() - large.mean()) < 4 * error
    assert large.mean() > 20 * error


def test_kernel_distance_of_whole_sets_ignores_order_and_batches():
    real, generated = _features(60, 32, 0), _features(60, 32, 1)
    expected = _value(KernelDistance(3, 60), real, generated)
    assert _value(KernelDistance(3, 60), real.flip(0), generated, 7) == pytest.approx(expected, rel=1e-11)


def test_kernel_distance_needs_a_subset_of_images():
    metric = _filled(KernelDistance(), _features(1000, 8, 0), _features(999, 8, 1))
    with pytest.raises(ValueError, match="999 generated images are too few: at least 1000"):
        metric.compute()


@pytest.mark.parametrize("sizes", [(0, 100), (10, 1)])
def test_kernel_distance_refuses_subsets_that_say_nothing(sizes):
    with pytest.raises(ValueError, match="at least 1 subset of 2 images"):
        KernelDistance(*sizes)


def test_kernel_distance_names_its_subsets():
    assert "100 subsets of 1000" in KernelDistance().definition
    assert "100 subsets of 250" in KernelDistance(subset_size=250).definition


# Both


@both
def test_a_set_distance_says_what_it_is(make):
    assert make().definition


@both
@pytest.mark.parametrize(
    "features",
    [torch.ones(5), torch.ones(5, 3, 2), torch.ones(5, 3, dtype=torch.int64), torch.tensor([[1.0, torch.nan, 2.0]])],
    ids=["one dimension", "three dimensions", "integers", "NaN"],
)
@pytest.mark.parametrize("real", [True, False])
def test_a_set_distance_refuses_features(make, features, real):
    with pytest.raises(ValueError, match=r"features (must be|hold)"):
        make().update(features, real=real)


@both
def test_a_set_distance_refuses_another_number_of_dimensions(make):
    metric = make()
    metric.update(torch.rand(30, 8), real=True)
    with pytest.raises(ValueError, match=r"must be \[N, 8\] as before, not \[30, 9\]"):
        metric.update(torch.rand(30, 9), real=False)


@both
@pytest.mark.parametrize(("real", "generated", "kind"), [(1, 40, "1 real"), (40, 1, "1 generated"), (40, 0, "0 gen")])
def test_a_set_distance_refuses_too_few_images(make, real, generated, kind):
    metric = make()
    for number, is_real in ((real, True), (generated, False)):
        if number:
            metric.update(torch.rand(number, 8), real=is_real)
    with pytest.raises(ValueError, match=f"{kind}.* too few"):
        metric.compute()


@both
def test_a_set_distance_forgets_when_reset(make):
    metric = _filled(make(), _features(40, 8, 0), _features(40, 8, 1))
    metric.reset()
    assert _value(metric, _features(40, 8, 2), _features(40, 8, 3)) == _value(
        make(), _features(40, 8, 2), _features(40, 8, 3)
    )
