"""The masked losses against hand-computed and NumPy values."""

import math

import numpy as np
import pytest
import torch

from sgbench.methods.losses import (
    masked_binary_cross_entropy,
    masked_cross_entropy,
    masked_reconstruction,
)


def _random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _close(actual, expected, tolerance=1e-12):
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else actual
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# Masked cross entropy


def _cross_entropy(logits, labels):
    total, number = 0.0, 0
    for row, label in zip(logits, labels, strict=True):
        if label >= 0:
            top = max(row)
            total += top + math.log(sum(math.exp(v - top) for v in row)) - row[label]
            number += 1
    return total / max(1, number)


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [50.0, -50.0]], dtype=torch.float64)
    # log 2 for the first; the second gives value 1 the probability 1/4; the third is masked.
    _close(masked_cross_entropy(logits, torch.tensor([0, 1, -1])), (math.log(2) + math.log(4)) / 2)
    _close(masked_cross_entropy(logits, torch.tensor([-2, 1, -1])), math.log(4))


@pytest.mark.parametrize("values", [2, 3, 5])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int8])
def test_cross_entropy_against_numpy(values, dtype):
    rng = np.random.default_rng(values)
    logits = rng.standard_normal((40, values)) * 4
    labels = rng.integers(-2, values, 40)
    actual = masked_cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels).to(dtype))
    assert actual.shape == ()
    _close(actual, _cross_entropy(logits.tolist(), labels.tolist()))


def test_cross_entropy_masked_rows_contribute_nothing():
    logits = _random(6, 3).requires_grad_(True)
    labels = torch.tensor([0, -1, 2, -2, 1, -1])
    masked_cross_entropy(logits, labels).backward()
    assert (logits.grad[labels < 0] == 0).all()
    probability = torch.softmax(logits.detach(), 1)[labels >= 0]
    target = torch.eye(3, dtype=torch.float64)[labels[labels >= 0]]
    _close(logits.grad[labels >= 0], ((probability - target) / 3).numpy())


@pytest.mark.parametrize("label", [-1, -2])
def test_cross_entropy_all_masked(label):
    logits = _random(4, 3).requires_grad_(True)
    loss = masked_cross_entropy(logits, torch.full((4,), label))
    assert loss.shape == ()
    assert loss.item() == 0
    loss.backward()
    assert (logits.grad == 0).all()


# Masked binary cross entropy


def _binary_cross_entropy(logits, targets, known):
    loss = 0.0
    for entry in range(logits.shape[1]):
        total, number = 0.0, 0
        for row in range(logits.shape[0]):
            if known[row, entry]:
                p = 1 / (1 + math.exp(-logits[row, entry]))
                total -= targets[row, entry] * math.log(p) + (1 - targets[row, entry]) * math.log(1 - p)
                number += 1
        loss += total / max(1, number)
    return loss


def test_binary_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3), 9.0], [0.0, 7.0, -9.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    known = torch.tensor([[True, True, False], [True, False, False]])
    # entry 0: two known, log 2 each, mean log 2; entry 1: one known, -log(1 - 3/4); entry 2: none known.
    _close(masked_binary_cross_entropy(logits, targets, known), math.log(2) + math.log(4))


def test_binary_cross_entropy_against_numpy():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((30, 5)) * 3
    targets = rng.integers(0, 2, (30, 5)).astype(np.float64)
    known = rng.random((30, 5)) < np.array([1, 0.7, 0.3, 0.05, 0])
    actual = masked_binary_cross_entropy(*(torch.from_numpy(a) for a in (logits, targets, known)))
    assert actual.shape == ()
    _close(actual, _binary_cross_entropy(logits, targets, known), 1e-11)


def test_binary_cross_entropy_all_known_is_the_perceptual_distance_of_the_sum():
    logits, known = _random(8, 5), torch.ones(8, 5, dtype=torch.bool)
    targets = (_random(8, 5, seed=1) > 0).double()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / 8
    _close(masked_binary_cross_entropy(logits, targets, known), expected.item())


@pytest.mark.parametrize("unknown", [-1.0, -2.0, 1.0])
def test_binary_cross_entropy_unknown_entries_contribute_nothing(unknown):
    logits = _random(6, 2).requires_grad_(True)
    known = torch.tensor([[True, False]] * 3 + [[False, True]] * 3)
    targets = torch.where(known, torch.ones(6, 2, dtype=torch.float64), unknown)
    masked_binary_cross_entropy(logits, targets, known).backward()
    assert (logits.grad[~known] == 0).all()
    _close(logits.grad[known], ((torch.sigmoid(logits.detach()) - 1) / 3)[known].numpy())


def test_binary_cross_entropy_none_known():
    logits = _random(4, 3).requires_grad_(True)
    loss = masked_binary_cross_entropy(logits, torch.zeros(4, 3).double(), torch.zeros(4, 3, dtype=torch.bool))
    assert loss.item() == 0
    loss.backward()
    assert (logits.grad == 0).all()


def test_binary_cross_entropy_large_logits():
    logits = torch.tensor([[1000.0], [-1000.0]], dtype=torch.float64)
    targets, known = torch.tensor([[0.0], [0.0]], dtype=torch.float64), torch.ones(2, 1, dtype=torch.bool)
    _close(masked_binary_cross_entropy(logits, targets, known), 500.0)


# Masked reconstruction


def test_reconstruction_by_hand():
    x = torch.zeros(3, 3, 4, 4, dtype=torch.float64)
    rec = torch.stack([torch.full((3, 4, 4), v, dtype=torch.float64) for v in (0.5, -1.0, 100.0)])
    _close(masked_reconstruction(x, rec, torch.tensor([True, True, False])), 0.75)
    _close(masked_reconstruction(x, rec, torch.tensor([False, True, False])), 1.0)


def test_reconstruction_against_numpy():
    x, rec = _random(7, 3, 8, 8), _random(7, 3, 8, 8, seed=1)
    known = torch.tensor([True, False, True, True, False, False, True])
    chosen = [float(np.abs(a - b).mean()) for a, b, k in zip(x.numpy(), rec.numpy(), known, strict=True) if k]
    actual = masked_reconstruction(x, rec, known)
    assert actual.shape == ()
    _close(actual, sum(chosen) / 4)


def test_reconstruction_gradient_only_where_known():
    x, rec = _random(4, 3, 4, 4), _random(4, 3, 4, 4, seed=1).requires_grad_(True)
    known = torch.tensor([True, False, True, False])
    masked_reconstruction(x, rec, known).backward()
    assert (rec.grad[~known] == 0).all()
    _close(rec.grad[known], (torch.sign(rec.detach() - x)[known] / (3 * 4 * 4 * 2)).numpy())


def test_reconstruction_none_known():
    x, rec = _random(2, 3, 4, 4), _random(2, 3, 4, 4, seed=1).requires_grad_(True)
    loss = masked_reconstruction(x, rec, torch.zeros(2, dtype=torch.bool))
    assert loss.item() == 0
    loss.backward()
    assert (rec.grad == 0).all()
