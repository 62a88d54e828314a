"""Variances estimated from few samples, steadied by many others of their kind.

Three judges give a variance with two degrees of freedom. A report has dozens of such variances, and what they have in
common says what a variance of this kind tends to be: each is taken for a draw from a scaled inverse chi-square
distribution, which the others fit (Smyth, "Linear models and empirical Bayes methods for assessing differential
expression", 2004, section 6.2). The more alike they are, the more degrees of freedom the common value is worth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

MIN_SAMPLES = 8
"""Fewer variances say too little of what they have in common."""
_SMALLEST, _LARGEST = 1e-6, 1e6
"""Bounds of half the prior's degrees of freedom; beyond the upper one the variances are alike."""


@dataclass(frozen=True)
class Prior:
    """What variances of a kind tend to be.

    Attributes:
        variance: the common value.
        freedom: the degrees of freedom that it is worth.
    """

    variance: float
    freedom: float

    def moderated(self, variance: float, freedom: float) -> tuple[float, float]:
        """A variance and its degrees of freedom, with what the others say."""
        total = self.freedom + freedom
        return (self.freedom * self.variance + freedom * variance) / total, total


def fit_prior(variances: Sequence[float], freedom: float) -> Prior | None:
    """The prior of these positive variances, each with the same degrees of freedom; None if they are too few."""
    if len(variances) < MIN_SAMPLES:
        return None
    logs = np.log(np.asarray(variances, dtype=float)) - digamma(freedom / 2) + math.log(freedom / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2))
    half = _LARGEST
    if excess > polygamma(1, _LARGEST):
        half = brentq(lambda y: float(polygamma(1, y)) - excess, _SMALLEST, _LARGEST)
    return Prior(math.exp(logs.mean() + digamma(half) - math.log(half)), 2 * half)
