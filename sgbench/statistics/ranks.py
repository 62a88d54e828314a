"""Agreement of two orders: Kendall's tau over columns of figures, with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

_DRAWS = 10_000


@dataclass(frozen=True)
class Ranked:
    """Figures of the same systems from two sources, of which one is uncertain.

    Attributes:
        known: [K], taken as they are.
        measured: [K].
        deviations: [K], standard deviations of the measured figures; 0 where nothing is known of them.
        freedoms: [K], degrees of freedom of these; infinite for a normal distribution.
    """

    known: ArrayLike
    measured: ArrayLike
    deviations: ArrayLike
    freedoms: ArrayLike

    def drawn(self, generator: np.random.Generator, number: int) -> np.ndarray:
        """[number, K], what the measured figures may as well be: draws from Student's distributions around them."""
        freedoms = np.asarray(self.freedoms, dtype=float)
        errors = generator.standard_normal((number, len(freedoms)))
        for k in np.flatnonzero(np.isfinite(freedoms)):
            errors[:, k] = generator.standard_t(freedoms[k], number)
        return np.asarray(self.measured, dtype=float) + errors * np.asarray(self.deviations, dtype=float)


def kendalls_tau(columns: Sequence[Ranked]) -> float:
    """Kendall's tau-b of one column, or of several whose figures are compared only within each.

    Pairs of systems that are equal in one source are neither for nor against agreement, and count only in the other's
    part of the denominator (Kendall, "The treatment of ties in ranking problems", 1945).

    Returns:
        NaN if all pairs are equal in one source.
    """
    return float(_taus([(column.known, np.atleast_2d(column.measured)) for column in columns])[0])


def tau_interval(columns: Sequence[Ranked], confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Lower and upper end of the interval of ``kendalls_tau`` that the uncertainty of measured figures gives.

    Their errors are drawn independently. Those of systems scored on the same images are alike, so the interval is
    rather too wide. The tau of the figures as measured may lie near an end of it, or outside: two systems that are
    close change places in half of the draws.
    """
    generator = np.random.default_rng(seed)
    taus = _taus([(column.known, column.drawn(generator, _DRAWS)) for column in columns])
    low, high = np.nanquantile(taus, [(1 - confidence) / 2, (1 + confidence) / 2], method="closest_observation")
    return float(low), float(high)


def _taus(columns: Sequence[tuple[ArrayLike, np.ndarray]]) -> np.ndarray:
    """Tau of each row: [R], given for each column the known figures [K] and the others [R, K]."""
    agreeing, first, second = 0.0, 0.0, 0.0
    for known, others in columns:
        i, j = np.array(list(combinations(range(len(known)), 2)), dtype=int).reshape(-1, 2).T
        ours, theirs = (np.sign(values[..., i] - values[..., j]) for values in (np.asarray(known, float), others))
        agreeing = agreeing + (ours * theirs).sum(-1)
        first, second = first + np.square(ours).sum(), second + np.square(theirs).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return agreeing / np.sqrt(first * second)
