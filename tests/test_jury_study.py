"""The study of juries counts the same results and hits as records do."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests
from sgbench.metrics.jury import JuryAccuracy

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
LABELS = torch.tensor([[0, 1], [1, -2], [1, 0], [0, -2], [0, 0], [1, 1]], dtype=torch.int8)
REQUESTS = make_requests(LABELS, ATTRIBUTES)


@pytest.fixture
def jury(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("jury")


@pytest.fixture
def verdicts(jury):
    return importlib.import_module("verdicts")


def seen(seed):
    """Verdicts of a judge who guesses, and the posteriors that they are the most probable values of."""
    rng = np.random.default_rng(seed)
    posteriors = {("x", r.target): rng.dirichlet([1, 1], (len(r.positions), 2)) for r in REQUESTS}
    return {key: p.argmax(2).astype(np.int8) for key, p in posteriors.items()}, posteriors


def test_cells_have_the_results_and_values_of_records(verdicts):
    cells = list(verdicts.cells(REQUESTS, LABELS.numpy()))
    assert [(c.target, c.value, c.attribute) for c in cells] == [
        (t, v, a) for t in (0, 1) for v in (0, 1) for a in (0, 1)
    ]
    by_place = {(c.target, c.value, c.attribute): c for c in cells}
    to_male = by_place[0, 1, 0]
    assert to_male.sources.tolist() == [0, 3, 4]
    assert to_male.expected.tolist() == [1, 1, 1]
    assert by_place[0, 1, 1].sources.tolist() == [0, 4]  # hair of neither colour is not measured
    assert by_place[0, 1, 1].expected.tolist() == [1, 0]


def test_hits_are_those_of_the_jurys_accuracy(verdicts):
    cells = list(verdicts.cells(REQUESTS, LABELS.numpy()))
    judges = [seen(seed) for seed in range(3)]
    tables = verdicts.hits([verdict for verdict, _ in judges], "x", cells)
    for cell, table in zip(cells, tables, strict=True):
        posteriors = [torch.from_numpy(p["x", cell.target][cell.rows, cell.attribute]) for _, p in judges]
        metric = JuryAccuracy()
        terms = metric.terms(posteriors, torch.from_numpy(cell.expected))
        assert table.mean() == pytest.approx(metric.figure(terms))


def test_drawn_juries_are_disjoint_and_their_architectures_take_turns(jury):
    rng = np.random.default_rng(0)
    for size in (2, 3, 5):
        first, second = jury.draw(rng, size, range(22), 2)
        assert len({*first, *second}) == 2 * size
        assert [k % 2 for k in first] == [place % 2 for place in range(size)]


def test_a_figure_that_is_not_scored_differs_from_every_other(jury):
    one = jury.CrossedMean(0.5, 0.0, 0.0, 1.0)
    assert jury.gap(one, None) > jury.POINTS
    assert jury.gap(None, None) > jury.POINTS
    assert jury.gap(one, one) == 0
