"""Bootstrap intervals over source images (Efron's percentile interval), and exact intervals of shares 0 and 1."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import beta
from torch import Tensor

_WEIGHTS_AT_ONCE = 2**22


class Reducible(Protocol):
    """Anything that computes R figures from terms [N, K] and weights [R, N]."""

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor: ...


def bootstrap_interval(
    metric: Reducible,
    terms: Tensor,
    sources: ArrayLike,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    recentre: bool = False,
) -> tuple[float, float]:
    """Percentile interval of a metric if source images are drawn again, each with all its requests.

    It covers the noise of images only, not that of seeds. With few source images (under a hundred) whose figures differ
    a lot, it contains the true value less often than ``confidence`` says.

    Args:
        metric: its ``reduce`` is called with weights float64 [R, N].
        terms: float64 [N, K], one row per request.
        sources: integer [N], the source image of each request.
        seed: the same seed and sources give the same draws, so that systems are compared on the same images.
        recentre: shift the interval by the estimate minus the mean of the draws. This is for metrics such as the
            Inception Score, which repeated images lower. As such metrics depend on the number of images, it is then
            an interval of the figure that as many other images would be expected to give.

    Returns:
        Lower and upper end in the metric's unit; (NaN, NaN) if a draw has no figure or there are fewer than two source
        images.

    Raises:
        ValueError: ``sources`` does not match ``terms``.
    """
    if np.shape(sources) != (len(terms),):
        raise ValueError(f"sources must be [{len(terms)}], one for each row of terms, not {list(np.shape(sources))}")

    def figure(weights: Tensor) -> Tensor:
        return metric.reduce(terms, weights.to(terms))[None]

    return bootstrap_intervals(figure, sources, num_resamples, confidence, seed, recentre)[0]


def bootstrap_intervals(
    figures: Callable[[Tensor], Tensor],
    sources: ArrayLike,
    num_resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    recentre: bool = False,
) -> list[tuple[float, float]]:
    """``bootstrap_interval`` of several figures of the same requests, for which the images are drawn once.

    Args:
        figures: weights float64 [R, N] -> the figures float64 [T, R].
    """
    everyone = torch.ones(1, len(np.asarray(sources)), dtype=torch.float64)
    drawn = _drawn(figures, sources, num_resamples, seed)
    if drawn is None:
        return [(float("nan"), float("nan"))] * len(figures(everyone))
    ends = [np.quantile(row, [(1 - confidence) / 2, (1 + confidence) / 2]) for row in drawn]
    if recentre:
        whole = figures(everyone)[:, 0].tolist()
        ends = [own + (figure - row.mean()) for own, figure, row in zip(ends, whole, drawn, strict=True)]
    return [(float(low), float(high)) for low, high in ends]


def bootstrap_variance(
    figure: Callable[[Tensor], Tensor], sources: ArrayLike, num_resamples: int = 1000, seed: int = 0
) -> float:
    """Variance of a figure if source images are drawn again, with the draws of ``bootstrap_interval``.

    Args:
        figure: weights float64 [R, N] -> the figure float64 [R].

    Returns:
        NaN if a draw has no figure or there are fewer than two source images.
    """
    drawn = _drawn(lambda weights: figure(weights)[None], sources, num_resamples, seed)
    return float("nan") if drawn is None else float(drawn[0].var(ddof=1))


def _drawn(figures: Callable[[Tensor], Tensor], sources: ArrayLike, num_resamples: int, seed: int) -> np.ndarray | None:
    """The figures of each draw, float64 [T, num_resamples]; None if there are fewer than two source images."""
    unique, position = np.unique(np.asarray(sources), return_inverse=True)
    if len(unique) < 2:
        return None
    generator = np.random.default_rng(seed)
    chunk = max(1, _WEIGHTS_AT_ONCE // len(position))
    parts = []
    for start in range(0, num_resamples, chunk):
        counts = _draw(generator, min(chunk, num_resamples - start), len(unique))
        # row by row in memory: the order of sums decides the last digits
        weights = torch.from_numpy(counts[:, position].astype(np.float64, order="C"))
        parts.append(figures(weights).cpu().numpy())
    return np.concatenate(parts, 1)


def exact_interval(share: float, num_sources: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (1934) of a share that is 0 or 1, for which all bootstrap draws are equal.

    Args:
        share: 0 or 1.
        num_sources: number of source images. They are independent; the requests of one source image are not.

    Returns:
        Lower and upper end.
    """
    reach = 1 - ((1 - confidence) / 2) ** (1 / num_sources)
    return (1 - reach, 1.0) if share else (0.0, reach)


def upper_bound(hits: int, number: int, confidence: float = 0.95) -> float:
    """Clopper and Pearson's one-sided upper bound of a share, given the hits among so many independent trials."""
    return 1.0 if hits == number else float(beta.ppf(confidence, hits + 1, number - hits))


def _draw(generator: np.random.Generator, num_resamples: int, num_sources: int) -> np.ndarray:
    """How often each source is drawn: multinomial counts, int64 [num_resamples, num_sources] with rows of sum S."""
    drawn = generator.integers(num_sources, size=(num_resamples, num_sources))
    drawn += num_sources * np.arange(num_resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
