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
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import norm
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric
from sgbench.statistics.intervals import bootstrap_interval

GAUSSIAN_BOUND = 1 / (4 * norm.sf(math.sqrt(2)))
_TIE = 1e-9
_SWAPS_AT_ONCE = 2**22


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


class _Difference:
    """The figure of system a minus that of system b, from their terms side by side [N, 2K]."""

    def __init__(self, metric: ImageMetric) -> None:
        self.metric = metric

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        terms_a, terms_b = terms.chunk(2, 1)
        return self.metric.reduce(terms_a, weights) - self.metric.reduce(terms_b, weights)


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
    sources = np.asarray(sources)
    if terms_a.shape != terms_b.shape or sources.shape != terms_a.shape[:1]:
        raise ValueError(
            "the same translations must be compared: "
            f"terms {list(terms_a.shape)} and {list(terms_b.shape)}, sources {list(sources.shape)}"
        )
    applies = ~(terms_a.isnan() | terms_b.isnan()).any(1)
    both, sources = torch.cat([terms_a, terms_b], 1)[applies], sources[applies.cpu().numpy()]
    if not len(both):
        return PairedDifference(np.nan, np.nan, np.nan, np.nan, 0)
    figures = [float(metric.reduce(terms, terms.new_ones(1, len(terms)))[0]) for terms in both.chunk(2, 1)]
    difference = figures[0] - figures[1]
    low, high = bootstrap_interval(_Difference(metric), both, sources, num_resamples, confidence, seed, recentre)
    tie = _TIE * max(map(abs, figures))  # equal differences may differ by rounding
    num_swaps = num_swaps or num_resamples
    swapped = _swapped_differences(metric, both, sources, num_swaps, seed)
    as_large = int(np.count_nonzero(~(np.abs(swapped) < abs(difference) - tie)))
    p = np.nan if np.isnan(difference) else (1 + as_large) / (1 + num_swaps)
    if not as_large:
        p = min(p, _tail_bound(metric, *both.chunk(2, 1), sources))
    return PairedDifference(difference, low, high, p, len(both))


def _tail_bound(metric: ImageMetric, terms_a: Tensor, terms_b: Tensor, sources: np.ndarray) -> float:
    """Bound on p, from the sum of the source images' shares in the difference; 1 if the shares are unknown."""
    shares = metric.shares(terms_a, terms_b).cpu().numpy()
    by_source = np.bincount(np.unique(sources, return_inverse=True)[1], shares)
    spread = float(np.linalg.norm(by_source))
    return 2 * GAUSSIAN_BOUND * float(norm.sf(abs(by_source.sum()) / spread)) if spread > 0 else 1.0


def _swapped_differences(
    metric: ImageMetric, both: Tensor, sources: np.ndarray, num_swaps: int, seed: int
) -> np.ndarray:
    """The difference after each random swap, float64 [num_swaps]."""
    unique, position = np.unique(sources, return_inverse=True)
    generator = np.random.default_rng([seed, 1])
    chunk = max(1, _SWAPS_AT_ONCE // len(sources))
    differences = []
    for start in range(0, num_swaps, chunk):
        swaps = generator.integers(2, size=(min(chunk, num_swaps - start), len(unique))) == 1
        if type(metric).reduce is ImageMetric.reduce:  # a mean over images: a swap only changes a sign
            values_a, values_b = (metric.per_image(terms) for terms in both.cpu().chunk(2, 1))
            gaps = np.bincount(position, (values_a - values_b).numpy())
            differences.append(np.where(swaps, -1.0, 1.0) @ gaps / len(both))
        else:  # rows keep their places, because an Inception Score's splits depend on them
            rows = torch.from_numpy(swaps[:, position]).to(both.device)
            differences.append(metric.exchanged(*both.chunk(2, 1), rows).cpu().numpy())
    return np.concatenate(differences)
