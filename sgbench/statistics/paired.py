"""Two systems on the same requests: the difference of their figures, its interval, and a permutation test.

The interval is a bootstrap over source images, with the same draws for both systems. For each source image, the test
swaps the two systems' terms of all its requests with probability 1/2. If the systems are alike, the swapped difference
has the same distribution as the observed one (Fisher's randomisation of matched pairs, clustered by source image). For
several tests see Holm, "A simple sequentially rejective multiple test procedure" (1979).

Many tests need p-values that are smaller than a thousand swaps can show. If no swap gives a difference as large as the
observed one, p is bounded instead. Take a sum in which a swap only changes the signs of the parts: its tail is at most
3.18 times the normal tail (Bentkus and Dzindzalieta, "A tight Gaussian bound for weighted sums of Rademacher random
variables", 2015). The difference of two means is such a sum. For another metric, the sum of the source images' shares
(``ImageMetric.shares``, first order) is used. It tests the same hypothesis, so the bound holds for it too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import norm
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric
from sgbench.statistics.intervals import bootstrap_intervals

GAUSSIAN_BOUND = 1 / (4 * norm.sf(math.sqrt(2)))
_TIE = 1e-9
_SWAPS_AT_ONCE = 2**20
"""Of swaps and images; the draws are the same for any number, and so few stay in the processor's cache."""


@dataclass(frozen=True)
class PairedDifference:
    """System a minus system b.

    Attributes:
        difference: difference of the two figures, in the metric's unit.
        low: lower end of the interval, NaN if there is none.
        high: upper end.
        p: two-sided p-value of the permutation test, or a bound on it if no swap was as large; NaN without one.
        num_images: number of requests compared.
    """

    difference: float
    low: float
    high: float
    p: float
    num_images: int


@dataclass(frozen=True)
class Pair:
    """The same figure of two systems on the same requests.

    Attributes:
        terms_a: float64 [N, K], one row per request.
        terms_b: float64 [N, K], row i is the same request by the other system.
        sources: integer [N], the source image of each request.
        recentre: as in ``intervals.bootstrap_interval``.
    """

    metric: ImageMetric
    terms_a: Tensor
    terms_b: Tensor
    sources: np.ndarray
    recentre: bool = False

    @property
    def figure(self) -> tuple[object, ...]:
        """What pairs have in common whose figures can be computed together."""
        return *self.metric.formula, self.recentre

    def applicable(self) -> "Pair":
        """Without the requests for which the metric does not apply to either result.

        Raises:
            ValueError: the shapes do not match.
        """
        if self.terms_a.shape != self.terms_b.shape or self.sources.shape != self.terms_a.shape[:1]:
            raise ValueError(
                "the same translations must be compared: "
                f"terms {list(self.terms_a.shape)} and {list(self.terms_b.shape)}, sources {list(self.sources.shape)}"
            )
        applies = ~(self.terms_a.isnan() | self.terms_b.isnan()).any(1)
        if applies.all():
            return self
        terms_a, terms_b = self.terms_a[applies], self.terms_b[applies]
        return replace(self, terms_a=terms_a, terms_b=terms_b, sources=self.sources[applies.cpu().numpy()])


def paired_difference(
    metric: ImageMetric,
    terms_a: Tensor,
    terms_b: Tensor,
    sources: ArrayLike,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    recentre: bool = False,
    num_swaps: int | None = None,
) -> PairedDifference:
    """Compare two systems on the same requests. A request is left out if the metric does not apply to either result.

    Args:
        terms_a: float64 [N, K], one row per request.
        terms_b: float64 [N, K], row i is the same request by the other system.
        sources: integer [N], the source image of each request.
        num_resamples: number of bootstrap draws.
        seed: the same seed and sources give the same draws and swaps.
        recentre: as in ``bootstrap_interval``.
        num_swaps: number of swaps in the test, by default as many as draws.

    Returns:
        The difference, without an interval if there are fewer than two source images. A swap for which the metric is
        NaN counts as one with a larger difference, so it can only raise p.

    Raises:
        ValueError: the shapes do not match.
    """
    pair = Pair(metric, terms_a, terms_b, np.asarray(sources), recentre)
    return paired_differences([pair], num_resamples, confidence, seed, num_swaps)[0]


def paired_differences(
    pairs: Sequence[Pair],
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    num_swaps: int | None = None,
) -> list[PairedDifference]:
    """``paired_difference`` of several pairs; those of the same source images share their swaps.

    Raises:
        ValueError: the shapes of a pair do not match.
    """
    together: dict[bytes, dict[tuple[object, ...], dict[int, Pair]]] = {}
    for k, pair in enumerate(pairs):
        kept = pair.applicable()
        drawn = np.unique(kept.sources).tobytes()
        together.setdefault(drawn, {}).setdefault((kept.sources.tobytes(), *kept.figure), {})[k] = kept
    found: dict[int, PairedDifference] = {}
    for by_figure in together.values():
        groups = [list(of_figure.values()) for of_figure in by_figure.values()]
        if not len(groups[0][0].sources):
            found |= {k: PairedDifference(np.nan, np.nan, np.nan, np.nan, 0) for own in by_figure.values() for k in own}
            continue
        swapped = _swapped_differences(groups, num_swaps or num_resamples, seed)
        for of_figure, group, by_swap in zip(by_figure.values(), groups, swapped, strict=True):
            found |= zip(of_figure, _compared(group, by_swap, num_resamples, confidence, seed), strict=True)
    return [found[k] for k in range(len(pairs))]


def _compared(
    pairs: Sequence[Pair], swapped: np.ndarray, num_resamples: int, confidence: float, seed: int
) -> list[PairedDifference]:
    """The differences of pairs of the same figure and sources, given those after each swap, float64 [P, num_swaps]."""
    metric, sources, recentre = pairs[0].metric, pairs[0].sources, pairs[0].recentre
    systems = {id(terms): terms for pair in pairs for terms in (pair.terms_a, pair.terms_b)}  # one may be in many pairs
    places = {key: place for place, key in enumerate(systems)}
    first, second = (
        [places[id(t)] for t in side] for side in zip(*((p.terms_a, p.terms_b) for p in pairs), strict=True)
    )

    def figures(weights: Tensor) -> Tensor:
        return metric.reduce_each(list(systems.values()), weights.to(pairs[0].terms_a))

    def differences(weights: Tensor) -> Tensor:
        of_systems = figures(weights)
        return of_systems[first] - of_systems[second]

    intervals = bootstrap_intervals(differences, sources, num_resamples, confidence, seed, recentre)
    whole = figures(torch.ones(1, len(sources), dtype=torch.float64))[:, 0]
    sides = whole[first].tolist(), whole[second].tolist()
    found = []
    for pair, a, b, (low, high), by_swap in zip(pairs, *sides, intervals, swapped, strict=True):
        tie = _TIE * max(abs(a), abs(b))  # equal differences may differ by rounding
        as_large = int(np.count_nonzero(~(np.abs(by_swap) < abs(a - b) - tie)))
        p = np.nan if np.isnan(a - b) else (1 + as_large) / (1 + len(by_swap))
        if not as_large:
            p = min(p, _tail_bound(metric, pair.terms_a, pair.terms_b, sources))
        found.append(PairedDifference(a - b, low, high, p, len(sources)))
    return found


def _tail_bound(metric: ImageMetric, terms_a: Tensor, terms_b: Tensor, sources: np.ndarray) -> float:
    """Bound on p, from the sum of the source images' shares in the difference; 1 if the shares are unknown."""
    shares = metric.shares(terms_a, terms_b).cpu().numpy()
    by_source = np.bincount(np.unique(sources, return_inverse=True)[1], shares)
    spread = float(np.linalg.norm(by_source))
    return 2 * GAUSSIAN_BOUND * float(norm.sf(abs(by_source.sum()) / spread)) if spread > 0 else 1.0


def _swapped_differences(groups: Sequence[Sequence[Pair]], num_swaps: int, seed: int) -> list[np.ndarray]:
    """For each group of pairs of one figure the differences after each random swap, float64 [P, num_swaps].

    All groups are of the same source images, those of a group in the same order.
    """
    num_sources = len(np.unique(groups[0][0].sources))
    generator = np.random.default_rng([seed, 1])
    exchanges = [_exchanging(pairs) for pairs in groups]
    chunk = max(1, _SWAPS_AT_ONCE // max(len(pairs[0].sources) for pairs in groups))
    parts = []
    for start in range(0, num_swaps, chunk):
        drawn = generator.integers(2, size=(min(chunk, num_swaps - start), num_sources), dtype=np.uint32)
        swaps = np.ascontiguousarray(drawn.T == 1)
        signs = np.where(swaps, -1.0, 1.0)
        parts.append([exchange(swaps, signs) for exchange in exchanges])
    return [np.concatenate(found, 1) for found in zip(*parts, strict=True)]


def _exchanging(pairs: Sequence[Pair]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The differences of pairs of one figure as a function of the source images that are swapped.

    Returns:
        A function of bool [S, R], R choices of source images, and the same as float64, -1 where they are swapped and
        else 1. It gives float64 [P, R].
    """
    metric, sources = pairs[0].metric, pairs[0].sources
    position = np.unique(sources, return_inverse=True)[1]
    if metric.is_mean:  # in which a swap only changes the sign of a gap
        values = [(metric.per_image(p.terms_a.cpu()) - metric.per_image(p.terms_b.cpu())).numpy() for p in pairs]
        gaps = torch.from_numpy(np.stack([np.bincount(position, of_rows) for of_rows in values]) / len(sources))
        return lambda swaps, signs: (gaps @ torch.from_numpy(signs)).numpy()  # NumPy has threads of its own
    after = metric.exchanging([(pair.terms_a, pair.terms_b) for pair in pairs])
    device = pairs[0].terms_a.device
    # rows keep their places, because an Inception Score's splits depend on them
    return lambda swaps, signs: after(torch.from_numpy(swaps[position]).to(device)).cpu().numpy()
