"""The difference of two systems of one seed by one figure, paired over requests, with its variance taken apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.claims.logits import LogitChange
from sgbench.metrics.inception_score import InceptionScore
from sgbench.metrics.jury import JuryAccuracy
from sgbench.scoring.cells import Cell, in_common
from sgbench.statistics.crossed import CrossedMean, CrossedTable, crossed_table, mean_over_images
from sgbench.statistics.intervals import bootstrap_variance
from sgbench.statistics.moderation import Prior


@dataclass(frozen=True)
class Estimate:
    """A difference.

    Attributes:
        num_images: source images that both systems have.
        mean: of a figure without judges.
        table: of a figure by a jury, the differences by image and judge.
    """

    num_images: int
    mean: CrossedMean | None = None
    table: CrossedTable | None = None

    def steadied(self, priors: Mapping[int, Prior]) -> CrossedMean:
        """The difference; of a figure by a jury with what other tables say of the judges' variance.

        Args:
            priors: by the number of judges.
        """
        return self.table.crossed_mean(priors.get(self.table.num_judges)) if self.table else self.mean


def difference(left: Cell, right: Cell, times: float, num_resamples: int) -> Estimate | str:
    """``times`` the left figure less the right one, over the requests that both systems have.

    An Inception Score is no mean over images: its variance is that of a bootstrap, with the same draws for both.

    Returns:
        A text that says why there is none, if the systems were measured otherwise or have too few images in common.
    """
    if left.record.definition != right.record.definition:
        return "the two systems were measured in different ways"
    left, right = in_common(left, right)
    metric, a, b, sources = left.metric, left.terms, right.terms, left.sources
    num_images = len(set(sources.tolist()))
    if num_images < (metric.num_splits if isinstance(metric, InceptionScore) else 2):
        return f"the two systems have {num_images} images in common, which are too few"
    if isinstance(metric, JuryAccuracy | LogitChange):
        return Estimate(num_images, table=crossed_table(times * a - b, sources))
    if not isinstance(metric, InceptionScore):
        values = times * metric.per_image(a) - metric.per_image(b)
        return Estimate(num_images, mean_over_images(values, sources))

    def figure(weights: Tensor) -> Tensor:
        of_left, of_right = metric.reduce_each([a, b], weights.to(a))
        return times * of_left - of_right

    whole = float(figure(torch.ones(1, len(a), dtype=torch.float64))[0])
    variance = bootstrap_variance(figure, sources, num_resamples)
    return Estimate(num_images, CrossedMean(whole, variance, 0.0, num_images - 1.0))
