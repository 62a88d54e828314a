"""Paired tests between the systems of a report, on the requests for which both systems were scored."""

from collections.abc import Sequence
from dataclasses import asdict
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
from sgbench.statistics.paired import PairedDifference, paired_difference

SWAPS_PER_RESAMPLE = 10
"""Many tests need a small p, and a p below 1 / (number of swaps + 1) is only bounded."""
COLUMNS = ("target", "measured_on", "metric", "unit", "first", "second", "difference", "low", "high", "p", "p_adjusted")


def compare_systems(systems: Sequence[tuple[str, Scores]], num_resamples: int) -> pd.DataFrame:
    """Compare all pairs of systems that have the same seed, or of which one has no seed.

    Args:
        systems: label and scores of each system.

    Returns:
        One row per test: ``COLUMNS`` and num_images; ``p_adjusted`` is adjusted by Holm's procedure over all rows.
    """
    compared = [(label, scores.base.seed, _compared(scores)) for label, scores in systems]
    rows = []
    for (first, seed, first_cells), (second, other_seed, second_cells) in combinations(compared, 2):
        if NO_SEED not in (seed, other_seed) and seed != other_seed:
            continue
        for key, cell in first_cells.items():
            if key in second_cells:
                difference = compare_cells(cell, second_cells[key], num_resamples)
                about = {k: getattr(cell.record, k) for k in ("target", "measured_on", "metric", "unit")}
                rows.append(about | {"first": first, "second": second} | asdict(difference))
    frame = pd.DataFrame(rows, columns=[*(c for c in COLUMNS if c != "p_adjusted"), "num_images"])
    return frame.assign(p_adjusted=holm(frame["p"].to_numpy(dtype=float)))


def compare_cells(first: Cell, second: Cell, num_resamples: int) -> PairedDifference:
    """Compare the same figure of two systems, on the requests that both cells have, in the order of the first."""
    keys = [np.rec.fromarrays([cell.sources, cell.values]) for cell in (first, second)]
    _, here, there = np.intersect1d(*keys, return_indices=True)
    order = np.argsort(here)
    here, there = here[order], there[order]
    if isinstance(first.metric, InceptionScore) and len(here) < first.metric.num_splits:
        return PairedDifference(np.nan, np.nan, np.nan, np.nan, len(here))
    return paired_difference(
        first.metric,
        first.terms[here],
        second.terms[there],
        first.sources[here],
        num_resamples,
        recentre=first.recentre,
        num_swaps=SWAPS_PER_RESAMPLE * num_resamples,
    )


def _compared(scores: Scores) -> dict[tuple[str, str], Cell]:
    """The cells that systems are compared by: accuracy on the target, and the other metrics marked in the catalogue."""

    def counts(record: Record) -> bool:
        asked = record.metric != "accuracy" or record.measured_on == record.target
        return spec_of(record.metric).compared and record.direction == ALL and asked

    chosen = [cell for cell in cells(scores) if counts(cell.record)]
    return {(c.record.target, c.record.metric, c.record.measured_on): c for c in chosen}
