"""The expected calibration error."""

import numpy as np
import oracles
import pytest
import torch

from sgbench.metrics.calibration import ExpectedCalibrationError


def _verdicts(number, values, seed=0, sharp=2.0):
    rng = np.random.default_rng((seed, number, values))
    logits = rng.standard_normal((number, values)) * sharp
    posterior = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.where(rng.random(number) < 0.6, posterior.argmax(1), rng.integers(-2, values, number))
    return posterior, labels


def _compute(posterior, labels):
    metric = ExpectedCalibrationError()
    return metric.figure(metric.terms(torch.as_tensor(posterior), torch.as_tensor(labels)))


def _binary(confidence, hits):
    """Posteriors of two values with these confidences in the first, and labels that make these hits."""
    confidence = torch.as_tensor(confidence, dtype=torch.float64)
    return torch.stack([confidence, 1 - confidence], 1), 1 - torch.as_tensor(hits, dtype=torch.int64)


@pytest.mark.parametrize(("number", "values"), [(1, 2), (40, 2), (500, 3), (300, 16)])
@pytest.mark.parametrize("sharp", [0.5, 3.0])
def test_it_is_the_oracle(number, values, sharp):
    posterior, labels = _verdicts(number, values, sharp=sharp)
    labels[0] = 0
    expected = oracles.expected_calibration_error(posterior, labels)
    assert _compute(posterior, labels) == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    posterior, hits = [0.9, 0.9, 0.92, 0.6, 0.62, 1.0], [1, 0, 1, 0, 1, 1]
    # bins: (13/15, 14/15] has three images, 2/3 right; (9/15, 10/15] only 0.62, right; 0.6 is the upper end of its bin
    expected = (abs(2 - 2.72) + abs(1 - 0.62) + abs(0 - 0.6) + 0) / 6
    assert _compute(*_binary(posterior, hits)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("edge", range(8, 15))
def test_a_bin_has_its_upper_end_and_not_its_lower(edge):
    """Two images of one bin can make up for each other, those of two bins cannot."""
    low, high = (edge - 0.5) / 15, edge / 15
    within = abs((1 - low) + (0 - high)) / 2
    assert _compute(*_binary([low, high], [1, 0])) == pytest.approx(within, rel=1e-12)
    above = np.nextafter(high, 1)
    assert _compute(*_binary([low, above], [1, 0])) == pytest.approx(((1 - low) + above) / 2, rel=1e-12)


def test_the_lowest_bins_are_bins_too():
    """Thirty values: one image of confidence 1/15 that is right, one just above it that is wrong."""
    posterior = torch.full((2, 30), 14 / 15 / 29, dtype=torch.float64)
    posterior[:, 0] = torch.tensor([1 / 15, 0.07], dtype=torch.float64)
    posterior[1, 1:] = 0.93 / 29
    assert _compute(posterior, torch.tensor([0, 1])) == pytest.approx((14 / 15 + 0.07) / 2, rel=1e-12)


def test_confidence_a_little_over_one_by_rounding_is_in_the_last_bin():
    posterior = torch.tensor([[1.0005, 0.0], [0.97, 0.03]], dtype=torch.float64)
    expected = abs(1 - 1.0005 + 0 - 0.97) / 2
    assert _compute(posterior, torch.tensor([0, 1])) == pytest.approx(expected, rel=1e-12)


def test_a_judge_that_is_as_right_as_it_says_has_none():
    confidence, hits = [0.75] * 4 + [1.0] * 3 + [0.6] * 5, [1, 1, 1, 0] + [1] * 3 + [1, 1, 1, 0, 0]
    assert _compute(*_binary(confidence, hits)) == pytest.approx(0, abs=1e-15)


def test_certain_and_always_wrong_is_one():
    assert _compute(*_binary([1.0] * 5, [0] * 5)) == 1


def test_negative_labels_are_left_out():
    posterior, labels = _verdicts(200, 3)
    known = labels >= 0
    assert 20 < (~known).sum() < 180
    metric = ExpectedCalibrationError()
    terms = metric.terms(torch.from_numpy(posterior), torch.from_numpy(labels))
    assert torch.equal(terms.isnan().all(1), torch.from_numpy(~known))
    assert not terms[torch.from_numpy(known)].isnan().any()
    assert _compute(posterior, labels) == pytest.approx(_compute(posterior[known], labels[known]), rel=1e-13)
    assert np.isnan(_compute(posterior, np.full(200, -1)))


def test_the_first_of_equally_probable_values_is_the_prediction():
    posterior = torch.tensor([[0.4, 0.4, 0.2]] * 2, dtype=torch.float64)
    assert _compute(posterior, torch.tensor([0, 0])) == pytest.approx(0.6)
    assert _compute(posterior, torch.tensor([1, 1])) == pytest.approx(0.4)


def test_weights_are_copies():
    posterior, labels = _verdicts(120, 3)
    rng = np.random.default_rng(1)
    weights = np.stack([np.ones(120, dtype=int), rng.integers(0, 4, 120), rng.multinomial(120, np.full(120, 1 / 120))])
    metric = ExpectedCalibrationError()
    terms = metric.terms(torch.from_numpy(posterior), torch.from_numpy(labels))
    actual = metric.reduce(terms, torch.from_numpy(weights).double())
    expected = [oracles.expected_calibration_error(posterior, labels, row) for row in weights]
    assert actual.tolist() == pytest.approx(expected, rel=1e-12)


def test_single_precision_posteriors_are_taken():
    posterior, labels = _verdicts(100, 3)
    terms = ExpectedCalibrationError().terms(torch.from_numpy(posterior).float(), torch.from_numpy(labels))
    assert terms.dtype == torch.float64
    assert _compute(posterior.astype(np.float32), labels) == pytest.approx(_compute(posterior, labels), abs=1e-6)


@pytest.mark.parametrize("labels", [torch.zeros(5), torch.zeros(4, dtype=torch.int64), torch.full((5,), 2)])
def test_refuses_labels(labels):
    with pytest.raises(ValueError, match="labels"):
        ExpectedCalibrationError().terms(torch.full((5, 2), 0.5), labels)


def test_the_bins_are_named_in_the_definition():
    assert "15 bins of equal width with their upper ends" in ExpectedCalibrationError().definition
