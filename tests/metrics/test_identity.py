"""The cosine of embeddings."""

import math

import numpy as np
import oracles
import pytest
import torch

from sgbench.metrics.identity import IdentitySimilarity


def _embedding(number=30, size=17, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0.3, 2, (number, size)))


def test_it_is_the_oracle():
    x, y = _embedding(), _embedding(seed=1)
    expected = [oracles.cosine(*pair) for pair in zip(x.tolist(), y.tolist(), strict=True)]
    terms = IdentitySimilarity().terms(x, y)
    assert terms.flatten().tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert IdentitySimilarity().figure(IdentitySimilarity().terms(x, y)) == pytest.approx(np.mean(expected), rel=1e-12)


def test_by_hand():
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0], [2.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[6.0, 8.0], [0.0, 5.0], [-1.0, 0.0], [1.0, 0.0]])
    terms = IdentitySimilarity().terms(x, y).flatten().tolist()
    assert terms == pytest.approx([1, 0, -1, math.sqrt(0.5)], rel=1e-15)


def test_length_is_of_no_account():
    x, y = _embedding(), _embedding(seed=1)
    terms = IdentitySimilarity().terms(x, y)
    torch.testing.assert_close(IdentitySimilarity().terms(x * 1e-30, y * 1e30), terms, rtol=1e-13, atol=1e-15)


def test_no_cosine_leaves_the_range():
    x = _embedding(2000, 5)
    assert IdentitySimilarity().terms(x, 3 * x).max() <= 1
    assert IdentitySimilarity().terms(x, -3 * x).min() >= -1


@pytest.mark.parametrize("which", ["results", "sources"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda x: x.long(), "must be floating point"),
        (lambda x: x[0], "must be floating point"),
        (lambda x: x[None], "must be floating point"),
        (lambda x: x.index_fill(0, torch.tensor(7), math.nan), "NaN or infinite"),
        (lambda x: x.index_fill(1, torch.tensor(3), math.inf), "NaN or infinite"),
        (lambda x: x.index_fill(0, torch.tensor(7), 0.0), "the embedding of image 7 is zero"),
    ],
)
def test_refuses(which, spoil, problem):
    inputs = {"results": _embedding(), "sources": _embedding(seed=1)}
    inputs[which] = spoil(inputs[which])
    with pytest.raises(ValueError, match=f"{which}: .*{problem}"):
        IdentitySimilarity().terms(*inputs.values())


@pytest.mark.parametrize("other", [_embedding(29), _embedding(30, 16), _embedding(1)])
def test_refuses_embeddings_that_do_not_match(other):
    with pytest.raises(ValueError, match="embeddings differ"):
        IdentitySimilarity().terms(_embedding(), other)


def test_the_embedding_is_named_in_the_definition():
    assert IdentitySimilarity("cosine by network x").definition == "cosine by network x"
    assert IdentitySimilarity().definition == "cosine of face embeddings"
