"""Every formula against golden.json: figures of the oracles on inputs that arithmetic makes, the same on any machine.

``python tests/metrics/test_golden.py > tests/metrics/golden.json`` writes the file anew. It holds what the oracles
gave, never what the package gives.
"""

import json
from pathlib import Path

import numpy as np
import oracles
import pytest
import torch

from sgbench.metrics.accuracy import Accuracy, balanced_accuracy
from sgbench.metrics.background import (
    BackgroundMAE,
    BackgroundMSSSIM,
    BackgroundMSSSIMAsReleased,
    BackgroundPSNR,
    num_clipped,
    side,
)
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.distance import MeanAbsoluteDistance, changed_region
from sgbench.metrics.identity import IdentitySimilarity
from sgbench.metrics.inception_score import InceptionScore, joint_posterior
from sgbench.metrics.perceptual import PerceptualDistance
from sgbench.metrics.similarity import MSSSIM, PSNR, SSIM, ms_ssim_window

FILE = Path(__file__).with_name("golden.json")


def _sources(number, size):
    n, channel, row, column = np.ogrid[:number, :3, :size, :size]
    return ((7 * row + 13 * column + 29 * channel + 31 * n + row * column * (n + 3) % 37) % 256).astype(np.uint8)


def _results(number, size):
    """The sources with a pattern added that grows with the image; the last but one inverted, the last unchanged."""
    n, channel, row, column = np.ogrid[:number, :3, :size, :size]
    pattern = (5 * row + 11 * column + 3 * channel + row * row % 7) % 41 - 20
    results = (_sources(number, size) + pattern * (n + 1) // 2).clip(0, 255).astype(np.uint8)
    results[-2], results[-1] = 255 - _sources(number, size)[-2], _sources(number, size)[-1]
    return results


def _region(number, size):
    n, row, column = np.ogrid[:number, :size, :size]
    return (3 * row + 5 * column + n) % 11 < 3


def _posterior(number, values, seed=0):
    n, value = np.ogrid[:number, :values]
    shares = (1 + (7 * n * (value + 2) + seed + n * n % 5) % 11) ** 3
    return shares / shares.sum(1, keepdims=True)


def _labels(number, values):
    n = np.arange(number)
    return (n * n + n // 3) % (values + 1) - 1


def _embedding(number, size, seed):
    n, d = np.ogrid[:number, :size]
    return ((13 * n + 7 * d + 5 * seed + n * d % 9) % 17 - 8) / 4


def _counts(number):
    n = np.arange(number)
    return (n * n + 1) % 4


def _each(oracle, *inputs):
    return [float(oracle(*row)) for row in zip(*inputs, strict=True)]


def _terms(metric, *inputs):
    return metric.terms(*map(torch.as_tensor, inputs)).tolist()


def _value(metric, *inputs):
    return metric.figure(metric.terms(*map(torch.as_tensor, inputs)))


def _weighted(metric, *inputs):
    terms = metric.terms(*map(torch.as_tensor, inputs))
    return float(metric.reduce(terms, torch.as_tensor(_counts(len(terms)))[None].double())[0])


def _column(metric, *inputs):
    return [row[0] for row in _terms(metric, *inputs)]


def _both(size, number=4):
    return _results(number, size), _sources(number, size)


def _repeated(*inputs):
    return [np.repeat(x, _counts(len(x)), axis=0) for x in inputs]


POSTERIOR, LABELS = _posterior(61, 5), _labels(61, 5)

CASES = {
    "side": (
        lambda: [oracles.region_side(size) for size in (32, 64, 128, 256)],
        lambda: [side(size) for size in (32, 64, 128, 256)],
    ),
    **{
        f"background_{name}_{size}": (
            lambda size=size, oracle=oracle: _each(oracle, *_both(size)),
            lambda size=size, metric=metric: _column(metric(size), *_both(size)),
        )
        for size in (32, 128, 256)
        for name, metric, oracle in (
            ("mae", BackgroundMAE, oracles.background_mae),
            ("psnr", BackgroundPSNR, oracles.background_psnr),
        )
    },
    **{
        f"background_terms_{size}": (
            lambda size=size: [oracles.background_terms(*pair).tolist() for pair in zip(*_both(size), strict=True)],
            lambda size=size: _terms(BackgroundMSSSIM(size), *_both(size)),
        )
        for size in (32, 128, 256)
    },
    "background_ms_ssim": (
        lambda: np.mean(_each(oracles.background_ms_ssim, *_both(128))).item(),
        lambda: _value(BackgroundMSSSIM(128), *_both(128)),
    ),
    "background_ms_ssim_weighted": (
        lambda: np.mean(_each(oracles.background_ms_ssim, *_repeated(*_both(32, 6)))).item(),
        lambda: _weighted(BackgroundMSSSIM(32), *_both(32, 6)),
    ),
    "background_ms_ssim_as_released": (
        lambda: oracles.background_ms_ssim_as_released(*_both(128)),
        lambda: _value(BackgroundMSSSIMAsReleased(128), *_both(128)),
    ),
    "num_clipped": (
        lambda: sum(int((oracles.background_terms(*pair) < 0).sum()) for pair in zip(*_both(32), strict=True)),
        lambda: num_clipped(BackgroundMSSSIM(32).terms(*map(torch.as_tensor, _both(32)))),
    ),
    "psnr": (lambda: _each(oracles.psnr, *_both(32)), lambda: _column(PSNR(), *_both(32))),
    "ssim": (lambda: _each(oracles.ssim, *_both(32)), lambda: _column(SSIM(), *_both(32))),
    **{
        f"ms_ssim_{size}": (
            lambda size=size, window=window: [
                oracles.ms_ssim(*pair, window) for pair in zip(*_both(size), strict=True)
            ],
            lambda size=size: _column(MSSSIM(size), *_both(size)),
        )
        for size, window in ((64, 3), (128, 7))
    },
    "ms_ssim_windows": (
        lambda: [1, 3, 7, 11],
        lambda: [ms_ssim_window(size) for size in (32, 64, 128, 256)],
    ),
    "distance": (
        lambda: _each(oracles.mean_absolute_distance, *_both(32)),
        lambda: _column(MeanAbsoluteDistance("whole"), *_both(32)),
    ),
    "distance_region": (
        lambda: _each(oracles.mean_absolute_distance, *_both(32), _region(4, 32)),
        lambda: _column(MeanAbsoluteDistance("region"), *_both(32), _region(4, 32)),
    ),
    "changed": (
        lambda: [int((np.abs(r.astype(int) - s) > 2).any(0).sum()) for r, s in zip(*_both(32), strict=True)],
        lambda: changed_region(*map(torch.as_tensor, _both(32))).sum((1, 2)).tolist(),
    ),
    "accuracy": (lambda: oracles.accuracy(POSTERIOR, LABELS), lambda: _value(Accuracy(), POSTERIOR, LABELS)),
    "balanced_accuracy": (
        lambda: oracles.balanced_accuracy(POSTERIOR, LABELS),
        lambda: balanced_accuracy(torch.as_tensor(POSTERIOR), torch.as_tensor(LABELS)),
    ),
    "expected_calibration_error": (
        lambda: oracles.expected_calibration_error(POSTERIOR, LABELS),
        lambda: _value(ExpectedCalibrationError(), POSTERIOR, LABELS),
    ),
    "expected_calibration_error_weighted": (
        lambda: oracles.expected_calibration_error(POSTERIOR, LABELS, _counts(61)),
        lambda: _weighted(ExpectedCalibrationError(), POSTERIOR, LABELS),
    ),
    "inception_score": (
        lambda: oracles.inception_score(POSTERIOR)[0],
        lambda: _value(InceptionScore(), POSTERIOR),
    ),
    "inception_score_spread": (
        lambda: oracles.inception_score(POSTERIOR)[1],
        lambda: InceptionScore().spread(torch.as_tensor(POSTERIOR)),
    ),
    "inception_score_unsplit": (
        lambda: oracles.inception_score(POSTERIOR, num_splits=1)[0],
        lambda: _value(InceptionScore(num_splits=1), POSTERIOR),
    ),
    "inception_score_weighted": (
        lambda: oracles.inception_score(POSTERIOR, counts=_counts(61))[0],
        lambda: _weighted(InceptionScore(), POSTERIOR),
    ),
    "joint_posterior": (
        lambda: oracles.joint_posterior([_posterior(3, 2, 1), _posterior(3, 3, 2)]).tolist(),
        lambda: joint_posterior([torch.as_tensor(_posterior(3, 2, 1)), torch.as_tensor(_posterior(3, 3, 2))]).tolist(),
    ),
    "identity": (
        lambda: _each(oracles.cosine, _embedding(9, 6, 0), _embedding(9, 6, 1)),
        lambda: _column(IdentitySimilarity(), _embedding(9, 6, 0), _embedding(9, 6, 1)),
    ),
    "perceptual_distance": (
        lambda: sum(range(10)) / 40,
        lambda: _value(PerceptualDistance("mean"), np.arange(10) / 4),
    ),
}


def _golden():
    return json.loads(FILE.read_text(encoding="utf-8"))


def _check(actual, expected):
    np.testing.assert_allclose(np.asarray(actual, float), np.asarray(expected, float), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_package_gives_the_golden_figures(name):
    _check(CASES[name][1](), _golden()[name])


@pytest.mark.parametrize("name", CASES)
def test_the_golden_figures_are_the_oracles(name):
    _check(CASES[name][0](), _golden()[name])


def test_nothing_is_golden_without_a_formula():
    assert _golden().keys() == CASES.keys()


def test_golden_figures_say_something():
    for name, expected in _golden().items():
        figures = np.asarray(expected, float)
        assert np.isfinite(figures).all(), name
        assert figures.size == 1 or len(np.unique(figures.round(3))) > 1, name


if __name__ == "__main__":
    lines = [f'  "{name}": {json.dumps(oracle())}' for name, (oracle, _) in CASES.items()]
    print("{", ",\n".join(lines), "}", sep="\n")
