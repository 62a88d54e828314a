"""Adjusts the p-values of several tests, and their intervals alike: many tests should not cause many false alarms."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's adjusted p-values: float64 [M] of [M]; NaN stays NaN and does not count as a test.

    Raises:
        ValueError: ``p_values`` is not one row of probabilities.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order, products = _ordered(p)
    adjusted = np.full_like(p, np.nan)
    adjusted[order] = products.clip(max=1)
    return adjusted


def holm_factors(p_values: ArrayLike) -> np.ndarray:
    """What Holm's procedure multiplies each p-value by, float64 [M] of [M], from 1 to M; NaN without one.

    A p of .05 after the procedure is one of .05 / factor before it. An interval at this level therefore excludes a
    difference of 0 just where the adjusted p is below .05.

    Raises:
        ValueError: ``p_values`` is not one row of probabilities.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order, products = _ordered(p)
    factors = np.full_like(p, np.nan)
    factors[order] = np.divide(products, p[order], out=np.arange(len(order), 0, -1.0), where=p[order] > 0)
    return factors


def _ordered(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the tests from the smallest p on, and what Holm's procedure makes of each p before it is cut at 1."""
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise ValueError("p-values must be one row of numbers from 0 to 1")
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    return order, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))


def at_level(confidence: float, factor: float) -> float:
    """The confidence of an interval whose p-value is multiplied by a factor."""
    return 1 - (1 - confidence) / factor


def widened(value: float, low: float, high: float, factor: float, confidence: float = 0.95) -> tuple[float, float]:
    """An interval at the level of ``at_level``, given that at ``confidence``.

    Both ends are moved away from the value as the quantiles of a normal distribution are: draws of a bootstrap are too
    few to show the tails that many tests need.
    """
    tail = (1 - confidence) / 2
    reach = float(norm.isf(tail / factor) / norm.isf(tail))
    return value - reach * (value - low), value + reach * (high - value)
