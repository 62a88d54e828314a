"""Draws per-image scores of two versions of a system, with a true loss or without one, which ``power.py`` tests.

The parameters of the regimes are close to those of the committed reports; ``power.md`` gives details.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit, xlogy

SEED = 2018
LOGIT_MEAN, LOGIT_SD = 8.0, 4.4
NUM_LARGE = 200_000


@dataclass(frozen=True)
class Regime:
    """How the scores of two versions of a system are related.

    Attributes:
        accuracy: share of hits.
        verdicts_redrawn: share of images whose verdicts are drawn again; 0 if all verdicts come from another model.
        discordance: share of images on which the verdicts of two models differ.
        distance: mean and standard deviation over images of the logit of 1 - MS-SSIM.
        ms_ssim_redrawn: share of images whose MS-SSIM is drawn again; 0 if all results come from another model.
        correlation: correlation over images of this logit between two models.
        logit_correlation: correlation over images of the judge's logits between two models.
    """

    name: str
    accuracy: float = 0.96
    verdicts_redrawn: float = 0.0
    discordance: float = 0.0
    distance: tuple[float, float] = (-3.34, 0.58)
    ms_ssim_redrawn: float = 0.0
    correlation: float = 0.0
    logit_correlation: float = 0.0


REGIMES = (
    Regime("changed code", verdicts_redrawn=0.02, ms_ssim_redrawn=0.10),
    Regime("retrained", discordance=0.03, correlation=0.5, logit_correlation=0.8),
    Regime(
        "retrained, unsteady",
        accuracy=0.90,
        discordance=0.10,
        distance=(-0.41, 0.86),
        correlation=0.15,
        logit_correlation=0.3,
    ),
)
UNCHANGED = Regime("unchanged", logit_correlation=1.0)

Pair = tuple[np.ndarray, np.ndarray]


def draw_accuracy(rng: np.random.Generator, n: int, regime: Regime, loss: float) -> Pair:
    """Hits of the reference and of the new version, float64 [n] each; the new version loses ``loss`` of all images."""
    share, flipped = regime.accuracy, regime.discordance / 2
    hits = rng.random(n) < share
    if flipped:
        new = np.where(hits, rng.random(n) >= flipped / share, rng.random(n) < flipped / (1 - share))
    else:
        new = np.where(rng.random(n) < regime.verdicts_redrawn, rng.random(n) < share, hits)
    new &= rng.random(n) >= loss / share
    return hits.astype(float), new.astype(float)


def draw_ms_ssim(rng: np.random.Generator, n: int, regime: Regime, loss: float) -> Pair:
    """Background MS-SSIM per image of both versions, float64 [n] each; images far from 0 and 1 lose most."""
    z = rng.standard_normal((2, n))
    z[1] = regime.correlation * z[0] + np.sqrt(1 - regime.correlation**2) * z[1]
    mean, sd = regime.distance
    old, new = expit(-mean - sd * z)
    new = new - loss / (regime.ms_ssim_redrawn or 1) * new * (1 - new) / mean_slope(mean, sd)
    if regime.ms_ssim_redrawn:
        new = np.where(rng.random(n) < regime.ms_ssim_redrawn, new, old)
    return old, new


@cache
def mean_slope(mean: float, sd: float) -> float:
    """Mean of s (1 - s) of scores s with a normal logit, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    s = expit(mean + sd * nodes)
    return float((s * (1 - s)) @ weights / weights.sum())


def draw_posteriors(rng: np.random.Generator, n: int, regime: Regime, loss: float) -> Pair:
    """Joint posteriors of four attributes, float64 [n, 16] each; a share ``loss`` of the new ones is a single face."""
    female = rng.random(n) < 0.43
    labels = [female, rng.random(n) < 0.48, rng.random(n) < 0.30, rng.random(n) < np.where(female, 0.6, 0.02)]
    logits = rng.standard_normal((2, 4, n))
    rho = regime.logit_correlation
    logits[1] = rho * logits[0] + np.sqrt(1 - rho**2) * logits[1]
    if regime.verdicts_redrawn:
        logits[1] = np.where(rng.random(n) < regime.verdicts_redrawn, logits[1], logits[0])
    collapsed = rng.random(n) < loss
    pair = []
    for k in range(2):
        joint = np.ones((n, 1))
        for j, label in enumerate(labels):
            value = label & ~(collapsed & (k == 1))
            p = expit(np.where(value, 1, -1) * (LOGIT_MEAN + LOGIT_SD * logits[k, j]))
            joint = (joint[:, :, None] * np.stack([1 - p, p], 1)[:, None]).reshape(n, -1)
        pair.append(joint)
    return pair[0], pair[1]


@cache
def collapsed_share(relative_loss: float) -> float:
    """The share of collapsed images that lowers the score of a very large set by ``relative_loss``."""
    low, high = 0.0, 0.2
    for _ in range(20):
        middle = (low + high) / 2
        pair = draw_posteriors(np.random.default_rng(SEED), NUM_LARGE, UNCHANGED, middle)
        old, new = (score_of(statistics(side).mean(0)) for side in pair)
        low, high = (middle, high) if new > (1 - relative_loss) * old else (low, middle)
    return (low + high) / 2


def statistics(posterior: np.ndarray) -> np.ndarray:
    """What a score is computed from, by means over images: posteriors and their negative entropy, [n, C + 1]."""
    return np.concatenate([posterior, xlogy(posterior, posterior).sum(1, keepdims=True)], 1)


def score_of(means: np.ndarray) -> np.ndarray:
    """exp of the mean divergence [...] from means of ``statistics`` [..., C + 1]."""
    marginal = means[..., :-1]
    return np.exp(means[..., -1] - xlogy(marginal, marginal).sum(-1))


def draw_statistics(rng: np.random.Generator, n: int, regime: Regime, loss: float) -> Pair:
    """``statistics`` of both versions' posteriors, [n, 17] each; ``loss`` is of the score."""
    old, new = draw_posteriors(rng, n, regime, collapsed_share(loss) if loss else 0.0)
    return statistics(old), statistics(new)
