"""A cell: a figure before it is computed. Records, paired comparisons and regression tests all start from cells."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.catalogue import spec_of
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.jury import JuryAccuracy
from sgbench.results.records import ALL, Record
from sgbench.statistics.crossed import crossed_table
from sgbench.statistics.crossed import judges_priors as priors_of
from sgbench.statistics.intervals import bootstrap_intervals, exact_interval
from sgbench.statistics.moderation import Prior


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
        return math.nan if self.record.note else self.metric.figure(self.terms)

    @property
    def by_jury(self) -> bool:
        """Whether the figure is a mean over judges too, whose variance can be taken apart from that of images."""
        is_mean = type(self.metric) is JuryAccuracy and not self.record.note
        return is_mean and len(np.unique(self.sources)) > 1

    def measured(self, interval: tuple[float, float] | None, priors: Mapping[int, Prior]) -> Record:
        """The record with its value and interval.

        Args:
            interval: by the bootstrap (``bootstrapped``); None for a figure by a jury, and where there is no figure.
            priors: of the variance of judges, by their number (``judges_priors``), for figures by a jury.
        """
        low, high = interval or (math.nan, math.nan)
        value, parts, num_images = self.value, {}, len(np.unique(self.sources))
        if self.by_jury:
            mean = crossed_table(self.terms, self.sources).crossed_mean(priors.get(self.terms.shape[1]))
            low, high = mean.interval()
            parts = {"variance_images": mean.images, "variance_judges": mean.judges, "freedom": mean.freedom}
        if isinstance(self.metric, Accuracy | JuryAccuracy) and value in (0.0, 1.0):
            low, high = exact_interval(value, num_images)
        floor, ceiling = spec_of(self.record.metric).bounds  # a recentred interval may exceed the bounds
        return replace(self.record, value=value, low=max(low, floor), high=min(high, ceiling), **parts)


@dataclass(frozen=True)
class Rows:
    """Results that figures are computed of.

    Attributes:
        base: a record with the fields that all figures of these results share.
        positions: int64 [M], the source image of each result.
        values: int8 [M], the value asked for of each.
    """

    base: Record
    positions: Tensor
    values: Tensor

    def cell(
        self,
        metric: ImageMetric,
        terms: Tensor,
        name: str,
        note: str = "",
        rows: Tensor | None = None,
        **fields: str,
    ) -> Cell:
        """A cell of the results that the metric applies to, and of those only that are among ``rows``, bool [M]."""
        applies = ~terms.isnan().any(1)
        if rows is not None:
            applies &= rows
        number = int(applies.sum())
        if not note and not number:
            note = "not scored: no image applies"
        spec = spec_of(name)
        about = {"unit": spec.unit, "definition": metric.definition, "num_images": number, "note": note}
        record = replace(self.base, metric=name, **about, **fields)
        places = applies.numpy()
        sources, values = self.positions.numpy()[places], self.values.numpy()[places]
        return Cell(record, metric, terms[applies], sources, values, spec.recentred)

    def figure(self, name: str, value: float, number: int | None = None, note: str = "", **fields: str) -> Record:
        """A figure without an interval."""
        number = len(self.positions) if number is None else number
        about = {"unit": spec_of(name).unit}
        figure = about | {"value": float(value), "low": math.nan, "high": math.nan, "num_images": number, "note": note}
        return replace(self.base, metric=name, **figure, **fields)


def bootstrapped(cells: Mapping[int, Cell], num_resamples: int) -> dict[int, tuple[float, float]]:
    """Intervals over test images, by the cell's number; cells of the same sources share their draws.

    Figures by a jury are left out, and cells without a figure.
    """
    together: dict[tuple[bool, bytes], list[int]] = {}
    for k, cell in cells.items():
        if not cell.record.note and not cell.by_jury:
            together.setdefault((cell.recentre, cell.sources.tobytes()), []).append(k)
    found = {}
    for (recentre, _), places in together.items():
        alike = [cells[k] for k in places]

        def figures(weights: Tensor, alike: Sequence[Cell] = alike) -> Tensor:
            return torch.stack([cell.metric.reduce(cell.terms, weights) for cell in alike])

        found |= zip(
            places, bootstrap_intervals(figures, alike[0].sources, num_resamples, recentre=recentre), strict=True
        )
    return found


def in_common(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    """Both cells with only the requests that both have, in the order of the first."""
    if np.array_equal(first.sources, second.sources) and np.array_equal(first.values, second.values):
        return first, second
    keys = [np.rec.fromarrays([cell.sources, cell.values]) for cell in (first, second)]
    _, here, there = np.intersect1d(*keys, return_indices=True)
    order = np.argsort(here)
    return _only(first, here[order]), _only(second, there[order])


def _only(cell: Cell, rows: np.ndarray) -> Cell:
    return replace(cell, terms=cell.terms[rows], sources=cell.sources[rows], values=cell.values[rows])


def judges_priors(cells: Iterable[Cell]) -> dict[int, Prior]:
    """What the variances of judges have in common, by the number of judges that sit; none where cells are too few.

    Only cells of one direction count: in a cell of all directions what judges do in each of them may cancel out.
    """
    own = [cell for cell in cells if cell.by_jury and cell.record.direction != ALL]
    return priors_of((cell.record.measured_on, crossed_table(cell.terms, cell.sources)) for cell in own)
