"""One contract that every metric passes: terms an image, and a reduction of weighted terms."""

import math

import pytest
import torch

from sgbench.metrics.accuracy import Accuracy, BalancedAccuracy
from sgbench.metrics.background import BackgroundMAE, BackgroundMSSSIM, BackgroundMSSSIMAsReleased, BackgroundPSNR
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.distance import BackgroundTint, MeanAbsoluteDistance
from sgbench.metrics.identity import IdentitySimilarity
from sgbench.metrics.image_metric import check_posterior
from sgbench.metrics.inception_score import InceptionScore
from sgbench.metrics.perceptual import PerceptualDistance
from sgbench.metrics.similarity import MSSSIM, PSNR, SSIM

N, SIZE = 23, 32


def _images(seed, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    sources = torch.randint(0, 256, (N, 3, size, size), dtype=torch.uint8, generator=generator)
    noise = torch.randint(-40, 41, sources.shape, generator=generator)
    return (sources.int() + noise).clamp(0, 255).byte(), sources


def _posterior(values, seed=0):
    return torch.randn(N, values, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(1)


def _embedding(seed):
    return torch.randn(N, 5, generator=torch.Generator().manual_seed(seed))


def _labels():
    return torch.tensor([0, 1, 2, -1, -2] * 5, dtype=torch.int8)[:N]


def _region():
    region = torch.rand(N, SIZE, SIZE, generator=torch.Generator().manual_seed(3)) < 0.3
    region[4] = False
    return region


CASES = {
    "ms_ssim": (lambda: BackgroundMSSSIM(SIZE), lambda: _images(0)),
    "ms_ssim_as_released": (lambda: BackgroundMSSSIMAsReleased(SIZE), lambda: _images(0)),
    "mae": (lambda: BackgroundMAE(SIZE), lambda: _images(0)),
    "psnr": (lambda: BackgroundPSNR(SIZE), lambda: _images(0)),
    "accuracy": (Accuracy, lambda: (_posterior(3), _labels())),
    "balanced_accuracy": (BalancedAccuracy, lambda: (_posterior(3), _labels())),
    "inception_score": (InceptionScore, lambda: (_posterior(6),)),
    "inception_score_unsplit": (lambda: InceptionScore(num_splits=1), lambda: (_posterior(6),)),
    "distance": (lambda: MeanAbsoluteDistance("whole image"), lambda: _images(0)),
    "distance_region": (lambda: MeanAbsoluteDistance("a region"), lambda: (*_images(0), _region())),
    "tint": (BackgroundTint, lambda: (*_images(0), _region())),
    "whole_psnr": (PSNR, lambda: _images(0)),
    "whole_ssim": (SSIM, lambda: _images(0)),
    "whole_ms_ssim": (lambda: MSSSIM(64), lambda: _images(0, 64)),
    "calibration": (ExpectedCalibrationError, lambda: (_posterior(3), _labels())),
    "identity": (IdentitySimilarity, lambda: (_embedding(0), _embedding(1))),
    "perceptual_distance": (lambda: PerceptualDistance("a distance"), lambda: (_embedding(0)[:, 0],)),
}
ORDERED = {"inception_score"}

every_metric = pytest.mark.parametrize("name", CASES)


def _case(name):
    make, inputs = CASES[name]
    return make(), inputs()


def _figure(metric, inputs, batch_size=N):
    batches = [[x[start : start + batch_size] for x in inputs] for start in range(0, N, batch_size)]
    return metric.figure(torch.cat([metric.terms(*batch) for batch in batches]))


@every_metric
def test_says_what_it_is(name):
    metric, _ = _case(name)
    assert metric.definition


@every_metric
def test_terms_are_rows_of_float64(name):
    metric, inputs = _case(name)
    terms = metric.terms(*inputs)
    assert terms.dtype == torch.float64
    assert terms.shape[0] == N
    assert terms.ndim == 2


@every_metric
def test_the_figure_counts_each_image_once(name):
    metric, inputs = _case(name)
    terms = metric.terms(*inputs)
    figure = _figure(metric, inputs)
    assert math.isfinite(figure)
    assert figure == metric.reduce(terms, torch.ones(1, N, dtype=torch.float64))[0]


@every_metric
@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_is_of_no_account(name, batch_size):
    metric, inputs = _case(name)
    assert _figure(metric, inputs, batch_size) == pytest.approx(_figure(metric, inputs), rel=1e-12, abs=0)


@pytest.mark.parametrize("name", sorted(CASES.keys() - ORDERED))
def test_order_is_of_no_account(name):
    metric, inputs = _case(name)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    shuffled = [x[order] for x in inputs]
    assert _figure(metric, shuffled) == pytest.approx(_figure(metric, inputs), rel=1e-12, abs=0)


@every_metric
def test_weights_of_one_row_do_not_touch_another(name):
    metric, inputs = _case(name)
    terms = metric.terms(*inputs)
    weights = torch.randint(0, 4, (5, N), generator=torch.Generator().manual_seed(2)).double()
    together = metric.reduce(terms, weights)
    assert together.shape == (5,)
    alone = torch.cat([metric.reduce(terms, w[None]) for w in weights])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", sorted(CASES.keys() - ORDERED))
def test_a_weight_is_a_number_of_copies(name):
    metric, inputs = _case(name)
    weights = torch.arange(N) % 3
    copies = [x.repeat_interleave(weights, dim=0) for x in inputs]
    weighted = metric.reduce(metric.terms(*inputs), weights[None].double())[0]
    terms = metric.terms(*copies)
    torch.testing.assert_close(weighted, metric.reduce(terms, terms.new_ones(1, len(terms)))[0], rtol=1e-12, atol=0)


def test_the_value_of_an_image_is_its_first_term():
    posterior = torch.tensor([[0.3, 0.7], [0.9, 0.1]])
    metric = ExpectedCalibrationError()
    values = metric.per_image(metric.terms(posterior, torch.tensor([0, 0])))
    assert values.tolist() == pytest.approx([0.7, 0.9])  # the confidence, not whether it is right


@every_metric
def test_rows_of_nan_have_no_weight(name):
    metric, inputs = _case(name)
    terms = metric.terms(*inputs)
    more = torch.cat([terms, terms.new_full((4, terms.shape[1]), math.nan)])
    ones = terms.new_ones(1, len(more))
    assert metric.reduce(more, ones)[0] == metric.reduce(terms, ones[:, :N])[0]


@every_metric
def test_weightless_is_nan(name):
    metric, inputs = _case(name)
    assert metric.reduce(metric.terms(*inputs), torch.zeros(2, N, dtype=torch.float64)).isnan().all()


IMAGES = [name for name, (_, inputs) in CASES.items() if inputs()[0].dtype == torch.uint8]
POSTERIORS = ["accuracy", "inception_score", "inception_score_unsplit", "calibration"]
OF_ONE_SIZE = ["ms_ssim", "ms_ssim_as_released", "mae", "psnr", "whole_ms_ssim"]

BAD_IMAGES = {
    "floating point": lambda x: x.float(),
    "NaN": lambda x: x.float() * math.nan,
    "signed": lambda x: x.to(torch.int16),
    "grey": lambda x: x[:, :1],
    "no batch": lambda x: x[0],
    "not square": lambda x: x[..., :-1],
    "other number": lambda x: x[:-1],
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("spoil", BAD_IMAGES)
def test_refuses_images(name, argument, spoil):
    metric, inputs = _case(name)
    inputs = list(inputs)
    inputs[argument] = BAD_IMAGES[spoil](inputs[argument])
    with pytest.raises(ValueError, match=r"results|sources|references"):
        metric.terms(*inputs)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("spoil", ["grey", "no batch", "not square"])
def test_refuses_images_of_the_same_wrong_shape(name, spoil):
    metric, (results, sources, *rest) = _case(name)
    with pytest.raises(ValueError, match=r"must be \[N, 3, S, S\]"):
        metric.terms(BAD_IMAGES[spoil](results), BAD_IMAGES[spoil](sources), *rest)


@pytest.mark.parametrize("name", OF_ONE_SIZE)
def test_refuses_images_of_another_size(name):
    metric, (results, sources) = _case(name)
    with pytest.raises(ValueError, match=f"must have side {results.shape[-1]}, not 24"):
        metric.terms(results[..., :24, :24], sources[..., :24, :24])


@pytest.mark.parametrize("metric", [BackgroundMSSSIM, BackgroundMSSSIMAsReleased, BackgroundMAE, BackgroundPSNR])
def test_refuses_a_corner_larger_than_the_image(metric):
    with pytest.raises(ValueError, match="smaller than the corner"):
        metric(4)


BAD_POSTERIORS = {
    "integers": lambda p: p.long(),
    "NaN": lambda p: p.where(p < p.max(), torch.nan),
    "infinite": lambda p: p.where(p < p.max(), torch.inf),
    "logits": lambda p: p.log(),
    "negative": lambda p: p - torch.eye(p.shape[1])[0] * 2 + torch.eye(p.shape[1])[1] * 2,
    "sum": lambda p: p * 1.01,
    "sum of one row": lambda p: torch.cat([p[:1] * 1.01, p[1:]]),
    "one dimension": lambda p: p[0],
    "one value": lambda p: p[:, :1],
    "one value of sum 1": lambda p: torch.ones_like(p[:, :1]),
}


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("spoil", BAD_POSTERIORS)
def test_refuses_posteriors(name, spoil):
    metric, (posterior, *rest) = _case(name)
    with pytest.raises(ValueError, match="posterior"):
        metric.terms(BAD_POSTERIORS[spoil](posterior), *rest)


def test_the_sum_of_a_posterior_may_be_off_by_a_thousandth():
    row = torch.tensor([[0.4, 0.6]], dtype=torch.float64)
    for off in (-0.000999, 0.000999):
        check_posterior(row + off / 2)
    for off in (-0.001001, 0.001001):
        with pytest.raises(ValueError, match="rows of sum 1"):
            check_posterior(row + off / 2)


@pytest.mark.parametrize("labels", [_labels().float(), _labels() > 0, _labels()[:-1], _labels() + 1])
def test_accuracy_refuses_labels(labels):
    with pytest.raises(ValueError, match="labels"):
        Accuracy().terms(_posterior(3), labels)


@pytest.mark.parametrize(
    "values",
    [
        _embedding(0),
        torch.tensor(1.0),
        torch.ones(3, dtype=torch.int64),
        torch.tensor([1, math.nan]),
        torch.tensor([math.inf]),
    ],
)
def test_perceptual_distance_refuses_values(values):
    with pytest.raises(ValueError, match="distances"):
        PerceptualDistance("a distance").terms(values)


def test_perceptual_distance_says_what_it_was_told():
    metric = PerceptualDistance("some distance")
    assert metric.definition == "some distance"
    assert metric.figure(metric.terms(torch.tensor([1.0, 2.5]))) == 1.75


@pytest.mark.parametrize("region", [_region().byte(), _region()[:-1], _region()[:, :-1]])
def test_distance_refuses_regions(region):
    with pytest.raises(ValueError, match="region"):
        MeanAbsoluteDistance("a region").terms(*_images(0), region)
