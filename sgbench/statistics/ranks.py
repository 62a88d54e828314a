"""Agreement of two orders: Kendall's tau over columns of figures, with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

_DRAWS = 10_000


@dataclass(frozen=True)
class Figures:
    """Figures of some systems, each as uncertain as is known.

    Attributes:
        values: [K].
        deviations: [K], their standard deviations; 0 where nothing is known of them. None if all are taken as they are.
        freedoms: [K], degrees of freedom of these; infinite for a normal distribution.
    """

    values: ArrayLike
    deviations: ArrayLike | None = None
    freedoms: ArrayLike | None = None

    def drawn(self, generator: np.random.Generator, number: int) -> np.ndarray:
        """[number, K], what the figures may as well be: draws from Student's distributions around them.

        [1, K] of figures that are taken as they are.
        """
        values = np.atleast_2d(np.asarray(self.values, dtype=float))
        if self.deviations is None:
            return values
        count = values.shape[1]
        freedoms = np.full(count, np.inf) if self.freedoms is None else np.asarray(self.freedoms, dtype=float)
        errors = generator.standard_normal((number, count))
        for k in np.flatnonzero(np.isfinite(freedoms)):
            errors[:, k] = generator.standard_t(freedoms[k], number)
        return values + errors * np.asarray(self.deviations, dtype=float)


@dataclass(frozen=True)
class Ranked:
    """Figures of the same systems from two sources."""

    first: Figures
    second: Figures

    @property
    def num_pairs(self) -> int:
        """Pairs of systems."""
        return math.comb(len(self.first.values), 2)


def kendalls_tau(columns: Sequence[Ranked]) -> float:
    """Kendall's tau-b of one column, or of several whose figures are compared only within each.

    Pairs of systems that are equal in one source are neither for nor against agreement, and count only in the other's
    part of the denominator (Kendall, "The treatment of ties in ranking problems", 1945).

    Returns:
        NaN if all pairs are equal in one source.
    """
    return float(_taus([(np.atleast_2d(c.first.values), np.atleast_2d(c.second.values)) for c in columns])[0])


def tau_interval(columns: Sequence[Ranked], confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Lower and upper end of the interval of ``kendalls_tau`` that the uncertainty of the figures gives.

    Their errors are drawn independently. Those of systems scored on the same images are alike, so the interval is
    rather too wide. The tau of the figures as measured may lie near an end of it, or outside: two systems that are
    close change places in half of the draws.
    """
    generator = np.random.default_rng(seed)
    taus = _taus([(c.first.drawn(generator, _DRAWS), c.second.drawn(generator, _DRAWS)) for c in columns])
    low, high = np.nanquantile(taus, [(1 - confidence) / 2, (1 + confidence) / 2], method="closest_observation")
    return float(low), float(high)


def _taus(columns: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Tau of each row: [R], given for each column the figures of both sources, [R or 1, K]."""
    agreeing, first, second = 0.0, 0.0, 0.0
    for both in columns:
        i, j = np.array(list(combinations(range(both[0].shape[1]), 2)), dtype=int).reshape(-1, 2).T
        ours, theirs = (np.sign(values[:, i] - values[:, j]) for values in both)
        agreeing = agreeing + (ours * theirs).sum(-1)
        first, second = first + np.square(ours).sum(-1), second + np.square(theirs).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return agreeing / np.sqrt(first * second)
