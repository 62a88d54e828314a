"""The committed power study computes the p-values of the paired test, and its committed answer is what its rows say."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sgbench.measure import Cell
from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.background import BackgroundMSSSIM
from sgbench.metrics.inception_score import InceptionScore
from sgbench.paired_regression import paired_p

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


def _p(metric, old, new):
    sources = np.arange(old.shape[1])
    return [
        paired_p(*(Cell(None, metric, torch.from_numpy(side), sources, np.zeros_like(sources)) for side in pair))
        for pair in zip(old, new, strict=True)
    ]


@pytest.mark.parametrize("loss", [0.01, 0.15])
def test_p_of_accuracy_is_the_commands(power, scores, loss):
    old, new = _pairs(scores, scores.draw_accuracy, 300, loss)
    ours = power.p_values(power.Means, old, new)
    assert ours == pytest.approx(_p(Accuracy(), old[..., None], new[..., None]), rel=1e-9)
    assert (ours.min() < 1e-3) == (loss == 0.15)


@pytest.mark.parametrize("loss", [0.002, 0.01])
def test_p_of_ms_ssim_is_the_commands(power, scores, loss):
    """Five equal terms, whose powers sum to 1.0001, make almost the score."""
    old, new = _pairs(scores, scores.draw_ms_ssim, 600, loss)
    terms = [np.repeat(side[..., None], 5, 2) ** (1 / 1.0001) for side in (old, new)]
    assert power.p_values(power.Means, old, new) == pytest.approx(_p(BackgroundMSSSIM(32), *terms), rel=1e-6)


@pytest.mark.parametrize("loss", [0.01, 0.4])
def test_p_of_judge_scores_is_the_commands(power, scores, loss):
    old, new = _pairs(scores, scores.draw_posteriors, 153, loss, trials=1)
    ours = power.p_values(power.JudgeScores, *(np.stack([scores.statistics(p) for p in s]) for s in (old, new)))
    assert ours == pytest.approx(_p(InceptionScore(), old, new), rel=1e-9)


def test_true_losses_are_the_stated_ones(scores):
    n = 400_000
    for regime in scores.REGIMES:
        rng = np.random.default_rng(1)
        for draw, loss in ((scores.draw_accuracy, 0.01), (scores.draw_ms_ssim, 0.002)):
            old, new = draw(rng, n, regime, loss)
            error = (new - old).std() / n**0.5
            assert old.mean() - new.mean() == pytest.approx(loss, abs=4 * error)


@pytest.mark.parametrize(("metric", "n"), [("accuracy", 1000), ("background_ms_ssim", 500), ("judge_score", 500)])
def test_committed_rows_are_made_again(power, scores, metric, n):
    rows = pd.read_csv(BENCHMARKS / "power.csv").set_index(["metric", "regime", "loss", "sources"])
    regime, loss = scores.REGIMES[1], power.LOSSES[metric]
    again = pd.DataFrame(power.simulate(metric, regime, n, loss, power.TRIALS, [1, 60]))
    committed = rows.loc[(metric, regime.name, loss, n)]
    assert again["significant"].tolist() == committed["significant"].tolist()
    assert again["tests"].tolist() == committed["tests"].tolist()


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
