"""Two systems on the same translations: their difference with its interval, and a permutation test.

The interval is by bootstrap over source images, the same draws for both systems. The test swaps the two systems' terms
of all translations of a source with probability 1/2, which changes nothing where the systems are alike (Fisher's
randomisation of matched pairs, clustered by source). Several tests: Holm, "A simple sequentially rejective multiple
test procedure" (1979).

Many tests ask for p-values that no thousand swaps can show. Where no swap is as large as what was seen, p is at most
3.18 times the normal tail of a sum that a swap changes in the signs of its parts alone, whatever the parts (Bentkus and
Dzindzalieta, "A tight Gaussian bound for weighted sums of Rademacher random variables", 2015). A mean is such a sum;
of another metric it is the sum of the sources' shares to first order (``ImageMetric.shares``), in itself a test of the
same hypothesis, so that the bound holds for it too.
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
    """System a less system b.

    Attributes:
        difference: of the two figures, in the metric's unit.
        low: lower end of the interval, NaN where there is none.
        high: upper end.
        p: two-sided, of the permutation test, or a bound on it where no swap was as large; NaN where the difference is.
        num_images: translations compared.
    """

    difference: float
    low: float
    high: float
    p: float
    num_images: int


class _Difference:
    """A metric's figure of one system less that of another, of their terms side by side [N, 2K]."""

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
    """Compare two systems on the same translations; those to which the metric does not apply for one are left out.

    Args:
        terms_a: float64 [N, K], one row a translation.
        terms_b: float64 [N, K], row i the same translation by the other system.
        sources: integer [N], the source image of each translation.
        num_resamples: draws of the bootstrap.
        seed: the same seed and sources give the same draws and swaps.
        recentre: as in ``bootstrap_interval``.
        num_swaps: of the test, by default as many as draws.

    Returns:
        No interval where there are fewer than two sources. A swap for which the metric is NaN counts as one with a
        larger difference, against significance.

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
    tie = _TIE * max(map(abs, figures))  # swaps that undo each other differ by rounding
    num_swaps = num_swaps or num_resamples
    swapped = _swapped_differences(metric, both, sources, num_swaps, seed)
    as_large = int(np.count_nonzero(~(np.abs(swapped) < abs(difference) - tie)))
    p = np.nan if np.isnan(difference) else (1 + as_large) / (1 + num_swaps)
    if not as_large:
        p = min(p, _tail_bound(metric, *both.chunk(2, 1), sources))
    return PairedDifference(difference, low, high, p, len(both))


def _tail_bound(metric: ImageMetric, terms_a: Tensor, terms_b: Tensor, sources: np.ndarray) -> float:
    """Bound on the p-value of the sum of the sources' shares in the difference; 1 where these are unknown."""
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
        if type(metric).reduce is ImageMetric.reduce:  # a mean over images: to swap is to change the sign
            values_a, values_b = (metric.per_image(terms) for terms in both.cpu().chunk(2, 1))
            gaps = np.bincount(position, (values_a - values_b).numpy())
            differences.append(np.where(swaps, -1.0, 1.0) @ gaps / len(both))
        else:  # rows stay in their places, on which the splits of an Inception Score depend
            rows = torch.from_numpy(swaps[:, position]).to(both.device)
            differences.append(metric.exchanged(*both.chunk(2, 1), rows).cpu().numpy())
    return np.concatenate(differences)
