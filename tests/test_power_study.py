"""The committed power study computes the p-values of the paired test, and its committed answer is what its rows say."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.background import BackgroundMSSSIM
from sgbench.metrics.inception_score import InceptionScore
from sgbench.regression.by_images import paired_p
from sgbench.scoring.cells import Cell

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def power(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("power")


@pytest.fixture
def scores(power):
    return importlib.import_module("power_scores")


def _pairs(scores, draw, n, loss, trials=4):
    rng = np.random.default_rng(0)
    pairs = [draw(rng, n, scores.REGIMES[k % 3], loss) for k in range(trials)]
    return [np.stack(side) for side in zip(*pairs, strict=True)]


CASES = [
    ("draw_accuracy", "Means", Accuracy(), 300, lambda hits: hits[:, None]),
    ("draw_ms_ssim", "Means", BackgroundMSSSIM(32), 300, lambda s: np.repeat(s[:, None], 5, 1) ** (1 / 1.0001)),
    ("draw_posteriors", "JudgeScores", InceptionScore(), 153, lambda posterior: posterior),
]
"""Terms of MS-SSIM are five equal ones, whose powers sum to 1.0001."""
LOSSES = {"draw_accuracy": (0.01, 0.15), "draw_ms_ssim": (0.002, 0.01), "draw_posteriors": (0.4,)}
by_metric = pytest.mark.parametrize(("draw", "test", "metric", "n", "terms"), CASES, ids=[c[0] for c in CASES])


def _of_study(scores, test, sides):
    return [np.stack([scores.statistics(p) for p in side]) if test == "JudgeScores" else side for side in sides]


@by_metric
def test_exchanged_scores_differ_as_the_metric_says(power, scores, draw, test, metric, n, terms):
    old, new = _pairs(scores, getattr(scores, draw), n, LOSSES[draw][0], trials=3)
    swaps = np.random.default_rng(1).random((5, n)) < 0.5
    found = getattr(power, test)(*_of_study(scores, test, (old, new))).swapped(swaps)
    for trial, (a, b) in enumerate(zip(old, new, strict=True)):
        a, b = (torch.from_numpy(terms(side)) for side in (a, b))
        for swap, difference in zip(torch.from_numpy(swaps), found[:, trial], strict=True):
            sides = torch.where(swap[:, None], a, b), torch.where(swap[:, None], b, a)
            ours = [float(metric.reduce(side, torch.ones(1, n, dtype=torch.float64))) for side in sides]
            assert difference == pytest.approx(ours[0] - ours[1], abs=1e-9)


@by_metric
def test_p_is_the_commands(power, scores, draw, test, metric, n, terms):
    """Up to the random choice of swaps; in the far tail, where p does not depend on it, to the last digits."""
    for loss in LOSSES[draw]:
        old, new = _pairs(scores, getattr(scores, draw), n, loss, trials=1)
        ours = power.p_values(getattr(power, test), *_of_study(scores, test, (old, new)))
        sources = np.arange(n)
        for p, *pair in zip(ours, old, new, strict=True):
            theirs = paired_p(
                *(Cell(None, metric, torch.from_numpy(terms(s)), sources, np.zeros_like(sources)) for s in pair)
            )
            assert p == pytest.approx(theirs, rel=1e-6 if theirs < 0.9 / 1001 else 0.5, abs=0.01)


def test_true_losses_are_the_stated_ones(scores):
    n = 400_000
    for regime in scores.REGIMES:
        rng = np.random.default_rng(1)
        for draw, loss in ((scores.draw_accuracy, 0.01), (scores.draw_ms_ssim, 0.002)):
            old, new = draw(rng, n, regime, loss)
            error = (new - old).std() / n**0.5
            assert old.mean() - new.mean() == pytest.approx(loss, abs=4 * error)


@pytest.mark.parametrize(
    ("metric", "n"),
    [("accuracy", 1000), ("background_ms_ssim", 500), pytest.param("judge_score", 500, marks=pytest.mark.slow)],
)
def test_committed_rows_are_made_again(power, scores, metric, n):
    rows = pd.read_csv(BENCHMARKS / "power.csv")
    regime, loss = scores.REGIMES[1], power.LOSSES[metric]
    again = pd.DataFrame(power.simulate(metric, regime, n, loss, power.TRIALS, [1, 60]))
    committed = rows[(rows[["metric", "regime", "loss", "sources"]] == [metric, regime.name, loss, n]).all(axis=1)]
    assert again["significant"].tolist() == committed["significant"].tolist()
    assert again["tests"].tolist() == committed["tests"].tolist()


@pytest.mark.slow
def test_the_page_is_made_of_the_committed_rows(power):
    rows = pd.read_csv(BENCHMARKS / "power.csv")
    page = (BENCHMARKS / "power.md").read_text(encoding="utf-8")
    assert rows["trials"].min() >= 400
    assert set(rows["metric"]) == set(power.METRICS)
    assert f"{power.BEGIN}\n{power.tables(rows)}\n{power.END}" in page


def test_false_alarms_are_no_more_than_one_per_cent():
    rows = pd.read_csv(BENCHMARKS / "power.csv")
    equal = rows[rows["loss"] == 0]
    assert (equal["low"] <= 0.01).mean() > 0.9
    assert equal["significant"].sum() / equal["trials"].sum() <= 0.0105


def test_what_is_found_and_what_is_not_found():
    rows = pd.read_csv(BENCHMARKS / "power.csv").set_index(["metric", "regime", "tests", "sources"])
    shares = rows[rows["loss"] > 0]["share"]
    for metric, size in (("accuracy", 3000), ("background_ms_ssim", 2000), ("judge_score", 5000)):
        assert shares[metric, "changed code", 1, size] >= 0.95
    assert shares["background_ms_ssim", "retrained, unsteady", 1, 20000] < 0.5
