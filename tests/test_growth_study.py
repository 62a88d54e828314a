"""The benchmark of growth repeats images without changing figures, and fits powers."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
LABELS = torch.tensor([[0, 1], [1, -2], [1, 0], [0, -2], [0, 0], [1, 1]], dtype=torch.int8)


@pytest.fixture
def benchmark_of(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.parametrize("number", [3, 6, 7, 13])
def test_requests_of_repeated_images_are_those_of_as_many_images(benchmark_of, number):
    scoring = benchmark_of("growth_scoring")
    own = make_requests(LABELS, ATTRIBUTES)
    for request, expected in zip(own, make_requests(LABELS.repeat(3, 1)[:number], ATTRIBUTES), strict=True):
        found, rows = scoring.repeated_requests(request, len(LABELS), number)
        assert torch.equal(found.positions, expected.positions)
        assert torch.equal(found.values, expected.values)
        assert torch.equal(request.positions[rows], found.positions % len(LABELS))
        assert torch.equal(request.values[rows], found.values)


def test_the_power_of_a_power_is_its_exponent(benchmark_of):
    sizes = [500, 1000, 5000]
    assert benchmark_of("growing").exponent(sizes, [3e-9 * n**1.7 for n in sizes]) == pytest.approx(1.7)


def test_a_measurement_sees_time_and_memory_and_a_call_that_failed(benchmark_of):
    growing = benchmark_of("growing")
    cost = growing.measured(lambda: np.ones(2**23))
    assert 60 < cost.mebibytes < 80
    assert 0 < cost.seconds < 5
    with pytest.raises(RuntimeError, match="status 1"):
        growing.measured(lambda: 1 / 0)
