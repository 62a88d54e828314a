"""Paired tests between the systems of a report, on the requests for which both systems were scored."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.metrics.inception_score import InceptionScore
from sgbench.results.records import ALL, NO_SEED, Record
from sgbench.results.scores import Scores
from sgbench.scoring.cells import Cell
from sgbench.scoring.figures import cells
from sgbench.statistics.corrections import holm
from sgbench.statistics.crossed import CrossedTable, crossed_table, judges_priors
from sgbench.statistics.moderation import Prior
from sgbench.statistics.paired import PairedDifference, paired_difference

SWAPS_PER_RESAMPLE = 10
"""Many tests need a small p, and a p below 1 / (number of swaps + 1) is only bounded."""
_ABOUT = ("target", "measured_on", "metric", "unit")
COLUMNS = ("target", "measured_on", "metric", "unit", "first", "second", "difference", "low", "high", "p", "p_adjusted")


def compare_systems(systems: Sequence[tuple[str, Scores]], num_resamples: int) -> pd.DataFrame:
    """Compare all pairs of systems that have the same seed, or of which one has no seed.

    Args:
        systems: label and scores of each system.

    Returns:
        One row per test: ``COLUMNS`` and num_images; ``p_adjusted`` is adjusted by Holm's procedure over all rows.
    """
    compared = [(label, scores.base.seed, _compared(scores)) for label, scores in systems]
    about, pairs = [], []
    for (first, seed, first_cells), (second, other_seed, second_cells) in combinations(compared, 2):
        if NO_SEED not in (seed, other_seed) and seed != other_seed:
            continue
        for key, cell in first_cells.items():
            if key in second_cells:
                about.append({k: getattr(cell.record, k) for k in _ABOUT} | {"first": first, "second": second})
                pairs.append(_Pair(*in_common(cell, second_cells[key])))
    by_jury = [pair for pair in pairs if pair.by_jury]
    attributes = {pair.first.record.measured_on for pair in by_jury}
    priors = judges_priors((pair.table for pair in by_jury), len(attributes))
    rows = [a | asdict(pair.difference(num_resamples, priors)) for a, pair in zip(about, pairs, strict=True)]
    frame = pd.DataFrame(rows, columns=[*(c for c in COLUMNS if c != "p_adjusted"), "num_images"])
    return frame.assign(p_adjusted=holm(frame["p"].to_numpy(dtype=float)))


@dataclass(frozen=True)
class _Pair:
    """The same figure of two systems, on the same requests in the same order."""

    first: Cell
    second: Cell

    @property
    def by_jury(self) -> bool:
        return self.first.by_jury and self.second.by_jury

    @cached_property
    def table(self) -> CrossedTable:
        return crossed_table(self.first.terms - self.second.terms, self.first.sources)

    def difference(self, num_resamples: int, priors: Mapping[int, Prior]) -> PairedDifference:
        """The difference, its interval and its p.

        Of a figure by a jury both hold what other judges would say too: p is the larger of that of the permutation
        test, which takes the jury as given, and that of the mean over images and judges.
        """
        metric, num_images = self.first.metric, len(self.first.terms)
        if isinstance(metric, InceptionScore) and num_images < metric.num_splits:
            return PairedDifference(np.nan, np.nan, np.nan, np.nan, num_images)
        difference = paired_difference(
            metric,
            self.first.terms,
            self.second.terms,
            self.first.sources,
            num_resamples,
            recentre=self.first.recentre,
            num_swaps=SWAPS_PER_RESAMPLE * num_resamples,
        )
        if not self.by_jury:
            return difference
        table = self.table
        mean = table.crossed_mean(priors.get(table.num_judges))
        low, high = mean.interval()
        return replace(difference, low=low, high=high, p=max(difference.p, mean.p))


def in_common(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    """Both cells with only the requests that both have, in the order of the first."""
    keys = [np.rec.fromarrays([cell.sources, cell.values]) for cell in (first, second)]
    _, here, there = np.intersect1d(*keys, return_indices=True)
    order = np.argsort(here)
    return _only(first, here[order]), _only(second, there[order])


def _only(cell: Cell, rows: np.ndarray) -> Cell:
    return replace(cell, terms=cell.terms[rows], sources=cell.sources[rows], values=cell.values[rows])


def _compared(scores: Scores) -> dict[tuple[str, ...], Cell]:
    """The cells that systems are compared by: accuracy on the target, and the other metrics marked in the catalogue."""

    def counts(record: Record) -> bool:
        asked = record.metric != "jury_accuracy" or record.measured_on == record.target
        return spec_of(record.metric).compared and record.direction == ALL and asked

    chosen = [cell for cell in cells(scores) if counts(cell.record)]
    return {(c.record.target, c.record.metric, c.record.measured_on, c.record.definition): c for c in chosen}
