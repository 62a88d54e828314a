"""The mean of a table of images x judges, its variance taken apart, and an interval for other images and other judges.

Judges and images are both samples, and every judge sees every image: two crossed random factors. The mean's variance is
that of images plus that of judges, each estimated from its own means; both estimates hold the interaction once, so one
share of it is taken off again (Cornfield and Tukey, "Average values of mean squares in factorials", 1956). The interval
uses a t quantile with the degrees of freedom of the sum (Satterthwaite, "An approximate distribution of estimates of
variance components", 1946). Drawing judges again, as a bootstrap does, would understate the variance of three judges by
a third and leave the quantile that of a normal distribution.

Few judges say little about their variance, so the tables of a system steady each other's (``moderation``): what they
have in common is the share of the judges' disagreement on single images that does not average out over images.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from sgbench.statistics.moderation import Prior, fit_prior

_ROUNDING = 1e-9
"""A smaller share of the judges' variance beside the interaction is taken for rounding."""


@dataclass(frozen=True)
class CrossedMean:
    """A mean over images and judges, and over training seeds where there are several.

    Attributes:
        images: variance of the mean that comes of the images, with the interaction of images and judges.
        judges: variance that comes of the judges; 0 where they differ by no more than the interaction.
        freedom: degrees of freedom of the whole variance.
        seeds: variance that comes of training seeds; 0 for one seed, which does not show it.
    """

    mean: float
    images: float
    judges: float
    freedom: float
    seeds: float = 0.0

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        return self.images + self.judges + self.seeds

    @property
    def p(self) -> float:
        """Two-sided p-value of a mean of 0."""
        if not self.variance:
            return float(self.mean == 0)
        return float(2 * student.sf(abs(self.mean) / math.sqrt(self.variance), self.freedom))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Lower and upper end of the interval of what other images, judges and (given several) seeds would give."""
        if not self.variance:
            return self.mean, self.mean
        half = float(student.ppf((1 + confidence) / 2, self.freedom)) * math.sqrt(self.variance)
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class CrossedTable:
    """What the interval of a table's mean is made of.

    Attributes:
        images: variance of the mean, estimated from the images' means.
        judges: the same, estimated from the judges' means.
        interaction: share of both that is the interaction of images and judges.
    """

    mean: float
    images: float
    judges: float
    interaction: float
    num_images: int
    num_judges: int

    @property
    def disagreement(self) -> float:
        """Variance of a judge's term of one image beside what the image's and the judge's means explain."""
        return self.interaction * self.num_images * self.num_judges

    @property
    def share(self) -> float:
        """Variance of judges' means for each unit of disagreement; NaN if there is none."""
        return self.judges * self.num_judges / self.disagreement if self.disagreement else math.nan

    def crossed_mean(self, prior: Prior | None = None) -> CrossedMean:
        """The mean with its variance taken apart.

        Args:
            prior: of ``share``, from tables of the same kind and as many judges.
        """
        judges, of_judges, of_images = self.judges, float(self.num_judges - 1), self.num_images - 1
        if prior and self.disagreement:
            share, of_judges = prior.moderated(self.share, of_judges)
            judges = share * self.disagreement / self.num_judges
        own = judges - self.interaction
        own = own if own > _ROUNDING * judges else 0.0
        squares = self.images**2 / of_images
        if own:
            squares += judges**2 / of_judges + self.interaction**2 / (of_images * (self.num_judges - 1))
        freedom = (self.images + own) ** 2 / squares if squares else float(of_images)
        return CrossedMean(self.mean, self.images, own, freedom)


def crossed_table(terms: ArrayLike, sources: ArrayLike) -> CrossedTable:
    """Take the variance of a table's mean apart.

    Args:
        terms: [N, K], a row per result, a column per judge, without NaN.
        sources: integer [N], the source image of each row; rows of one source image are drawn together.

    Raises:
        ValueError: there are fewer than two source images or judges, or ``sources`` does not match.
    """
    table = np.asarray(terms, dtype=float)
    unique, position = np.unique(np.asarray(sources), return_inverse=True)
    num_rows, num_judges, num_images = *table.shape, len(unique)
    if position.shape != (num_rows,):
        raise ValueError(f"sources must be [{num_rows}], one for each row of terms, not {list(position.shape)}")
    if num_images < 2 or num_judges < 2:
        raise ValueError(f"two images and two judges are the least, not {num_images} and {num_judges}")
    mean, of_rows, of_judges = table.mean(), table.mean(1), table.mean(0)
    by_image = np.bincount(position, of_rows - mean)
    left = table - of_rows[:, None] - of_judges + mean
    by_both = np.stack([np.bincount(position, column) for column in left.T])
    per_image = num_images / (num_images - 1) / num_rows**2
    return CrossedTable(
        mean=float(mean),
        images=float(per_image * np.square(by_image).sum()),
        judges=_variance(of_judges) / num_judges,
        interaction=float(per_image * np.square(by_both).sum() / (num_judges * (num_judges - 1))),
        num_images=num_images,
        num_judges=num_judges,
    )


def mean_over_images(terms: ArrayLike, sources: ArrayLike) -> CrossedMean:
    """The mean of a figure that has no judges; its variance comes of the source images alone.

    Args:
        terms: [N], a figure per result, without NaN.
        sources: integer [N], the source image of each row; rows of one source image are drawn together.

    Raises:
        ValueError: there are fewer than two source images.
    """
    values = np.asarray(terms, dtype=float)
    unique, position = np.unique(np.asarray(sources), return_inverse=True)
    num_images = len(unique)
    if num_images < 2:
        raise ValueError(f"two images are the least, not {num_images}")
    mean = values.mean()
    by_image = np.bincount(position, values - mean)
    images = num_images / (num_images - 1) / len(values) ** 2 * np.square(by_image).sum()
    return CrossedMean(float(mean), float(images), 0.0, num_images - 1.0)


def crossed_difference(first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]) -> CrossedTable:
    """Mean of a table less that of another by the same judges, of other images: variance of images adds up.

    What a judge says of both alike cancels out. The smaller table decides the degrees of freedom.

    Args:
        first: terms and sources of a table, as ``crossed_table`` takes them.
        second: the same of the other; no image is in both.
    """
    a, b = crossed_table(*first), crossed_table(*second)
    of_judges = np.asarray(first[0], dtype=float).mean(0) - np.asarray(second[0], dtype=float).mean(0)
    return CrossedTable(
        mean=a.mean - b.mean,
        images=a.images + b.images,
        judges=_variance(of_judges) / a.num_judges,
        interaction=a.interaction + b.interaction,
        num_images=max(2, a.num_images * b.num_images // (a.num_images + b.num_images)),
        num_judges=a.num_judges,
    )


def judges_priors(tables: Iterable[tuple[str, CrossedTable]]) -> dict[int, Prior]:
    """What tables with as many judges have in common, by their number; none where too few tables differ.

    All tables with as many are of the same judges, and what a judge makes of an attribute may be the same in all of
    them. So they are not worth more degrees of freedom than one table of each attribute would be.

    Args:
        tables: each with the attribute that its judges look at.
    """
    shares: dict[int, list[float]] = {}
    attributes: dict[int, set[str]] = {}
    for attribute, table in tables:
        attributes.setdefault(table.num_judges, set()).add(attribute)
        if table.disagreement and table.judges:
            shares.setdefault(table.num_judges, []).append(table.share)
    fitted = {number: fit_prior(of_number, number - 1) for number, of_number in shares.items()}
    return {
        number: Prior(prior.variance, min(prior.freedom, len(attributes[number]) * (number - 1)))
        for number, prior in fitted.items()
        if prior
    }


def over_seeds(means: Sequence[CrossedMean]) -> CrossedMean:
    """The mean over training seeds, all scored on the same images by the same judges.

    More seeds make neither the variance of images nor that of judges smaller. The interactions with seeds are in both
    parts, so that the interval is rather too wide than too narrow.

    Args:
        means: one for each of two or more seeds.
    """
    values = np.array([m.mean for m in means])
    seeds = _variance(values) / len(values)
    images, judges = float(np.mean([m.images for m in means])), float(np.mean([m.judges for m in means]))
    squares = seeds**2 / (len(values) - 1)
    if images + judges:
        squares += (images + judges) ** 2 / float(np.mean([m.freedom for m in means]))
    freedom = (images + judges + seeds) ** 2 / squares if squares else len(values) - 1.0
    return CrossedMean(float(values.mean()), images, judges, float(freedom), float(seeds))


def bounded_interval(
    mean: CrossedMean, bounds: tuple[float, float], num_images: int, confidence: float
) -> tuple[float, float]:
    """The interval of a difference; where nothing varies, what so many images leave possible.

    If n images have the same difference, the share of others that have another one is bounded like a share of 0 by its
    exact interval (Clopper and Pearson, 1934).

    Args:
        bounds: the smallest and the largest difference that an image can have.
    """
    if mean.variance:
        return mean.interval(confidence)
    reach = 1 - ((1 - confidence) / 2) ** (1 / num_images)
    low, high = (mean.mean + reach * (bound - mean.mean) for bound in bounds)
    return low, high


def _variance(values: np.ndarray) -> float:
    """Unbiased variance, 0 for equal values, which rounding of their mean would make a little more."""
    return float((values - values[0]).var(ddof=1))
