"""A cell: a figure before it is computed. Records, paired comparisons and regression tests all start from cells."""

import math
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.catalogue import spec_of
from sgbench.metrics.image_metric import ImageMetric
from sgbench.results.records import Record
from sgbench.statistics.intervals import bootstrap_interval, exact_interval


@dataclass(frozen=True)
class Cell:
    """A figure before it is computed: a metric and the terms of the images that it applies to.

    Attributes:
        record: the figure's record, without value and interval.
        metric: turns the terms into the figure.
        terms: float64 [M, K], the terms of the results that the metric applies to.
        sources: int64 [M], the source image of each result.
        values: int8 [M], the value asked for of each result.
        recentre: how the interval is computed (see ``intervals.bootstrap_interval``).
    """

    record: Record
    metric: ImageMetric
    terms: Tensor
    sources: np.ndarray
    values: np.ndarray
    recentre: bool = False

    @property
    def value(self) -> float:
        """The figure; NaN if a note says why there is none."""
        if self.record.note:
            return math.nan
        return float(self.metric.reduce(self.terms, self.terms.new_ones(1, len(self.terms)))[0])

    def measured(self, num_resamples: int) -> Record:
        """The record with its value and interval."""
        low = high = math.nan
        if isinstance(self.metric, Accuracy) and self.value in (0.0, 1.0):
            low, high = exact_interval(self.value, len(np.unique(self.sources)))
        elif not self.record.note:
            low, high = bootstrap_interval(self.metric, self.terms, self.sources, num_resamples, recentre=self.recentre)
        floor, ceiling = spec_of(self.record.metric).bounds  # a recentred interval may exceed the bounds
        return replace(self.record, value=self.value, low=max(low, floor), high=min(high, ceiling))
