"""Paired tests between the systems of a report, on the requests for which both systems were scored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, islice

import numpy as np
import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.metrics.inception_score import InceptionScore
from sgbench.results.records import ALL, NO_SEED
from sgbench.results.scores import Scores
from sgbench.scoring.cells import Cell, in_common
from sgbench.scoring.figures import cells
from sgbench.statistics.corrections import at_level, holm, holm_factors, widened
from sgbench.statistics.crossed import CrossedMean, CrossedTable, bounded_interval, crossed_table, judges_priors
from sgbench.statistics.paired import Pair, PairedDifference, paired_differences

SWAPS_PER_RESAMPLE = 10
"""Many tests need a small p, and a p below 1 / (number of swaps + 1) is only bounded."""
_AT_ONCE = 24
"""So many pairs of systems share their draws; only their scores are in memory."""
_ABOUT = ("target", "measured_on", "metric", "unit")
ADJUSTED = ("p_adjusted", "low_adjusted", "high_adjusted")
"""A test's p and its interval after the correction for the number of tests."""
COLUMNS = (*_ABOUT, "first", "second", "difference", "low", "high", "p", *ADJUSTED)
_CONFIDENCE = 0.95
_NOTHING = PairedDifference(np.nan, np.nan, np.nan, np.nan, 0)


def compare_systems(
    systems: Iterable[tuple[str, Scores]], num_resamples: int, references: Iterable[tuple[str, Scores]] = ()
) -> pd.DataFrame:
    """Compare systems that have the same seed, or of which one has no seed: all pairs, or each with the reference.

    Args:
        systems: label and scores of each system; each is read once, and with references none is kept.
        references: the reference system, once for each of its seeds; it is the second of every pair. Without it all
            pairs of systems are compared.

    Returns:
        One row per test: ``COLUMNS`` and num_images. ``low`` and ``high`` are the ends of its 95 % interval, as if it
        were the only test, and so is ``p``. ``p_adjusted`` is adjusted by Holm's procedure over all rows, and the ends
        of the interval at the level at which this procedure tests are ``low_adjusted`` and ``high_adjusted``. An
        interval holds 0 where the p beside it is above 0.05.
    """
    tests: list[_Test] = []
    pairs = _pairs(map(_compared, systems), [_compared(reference) for reference in references])
    while some := list(islice(pairs, _AT_ONCE)):
        tests += _carried_out(some, num_resamples)
    priors = judges_priors((test.about["measured_on"], test.table) for test in tests if test.table)
    means = [test.table and test.table.crossed_mean(priors.get(test.table.num_judges)) for test in tests]
    found = [test.difference_of(mean) for test, mean in zip(tests, means, strict=True)]
    rows = [test.about | asdict(difference) for test, difference in zip(tests, found, strict=True)]
    frame = pd.DataFrame(rows, columns=[*(c for c in COLUMNS if c not in ADJUSTED), "num_images"])
    p = frame["p"].to_numpy(dtype=float)
    corrected = holm(p)
    ends = [_adjusted(*one) for one in zip(tests, found, means, holm_factors(p), corrected, strict=True)]
    adjusted = zip(ADJUSTED, (corrected, [low for low, _ in ends], [high for _, high in ends]), strict=True)
    return frame.assign(**dict(adjusted))


@dataclass(frozen=True)
class _Compared:
    """A system's cells that it is compared by, by target, metric, what is measured, and definition."""

    label: str
    seed: int
    cells: Mapping[tuple[str, ...], Cell]


@dataclass(frozen=True)
class _Test:
    """A test that was carried out.

    Attributes:
        about: the columns that say what was tested.
        difference: with the jury as it is.
        table: of a figure by a jury, the differences by image and judge.
    """

    about: dict[str, str]
    difference: PairedDifference
    table: CrossedTable | None

    def difference_of(self, mean: CrossedMean | None) -> PairedDifference:
        """The difference, its interval and its p.

        Of a figure by a jury both hold what other judges would say too: p is the larger of that of the permutation
        test, which takes the jury as given, and that of the mean over images and judges.

        Args:
            mean: of the table, where there is one.
        """
        low, high, p = self.difference.low, self.difference.high, self.difference.p
        if mean is not None:
            (low, high), p = self.interval_of(mean, _CONFIDENCE), max(p, mean.p)
        low, high = _to_zero(low, high, p)
        return replace(self.difference, low=low, high=high, p=p)

    def interval_of(self, mean: CrossedMean, confidence: float) -> tuple[float, float]:
        """The interval of the table's mean; where nothing varies, what so many images leave possible."""
        assert self.table
        return bounded_interval(mean, _reach(self.about["metric"]), self.table.num_images, confidence)


def _adjusted(
    test: _Test, found: PairedDifference, mean: CrossedMean | None, factor: float, p: float
) -> tuple[float, float]:
    """Ends of a difference's interval at the level at which it is tested, no further than differences can reach.

    Args:
        factor: what the correction multiplies its p by.
        p: the corrected one.
    """
    if mean is None:
        ends = widened(found.difference, found.low, found.high, factor, _CONFIDENCE)
    else:
        ends = test.interval_of(mean, at_level(_CONFIDENCE, factor))
    least, most = _reach(test.about["metric"])
    low, high = _to_zero(*ends, p)
    return max(low, least), min(high, most)


def _to_zero(low: float, high: float, p: float) -> tuple[float, float]:
    """The interval, which reaches 0 where its p, that may come of another test, says that 0 is possible."""
    return (min(low, 0.0), max(high, 0.0)) if p > 1 - _CONFIDENCE else (low, high)


def _reach(metric: str) -> tuple[float, float]:
    """The smallest and the largest difference that two figures can have."""
    least, most = spec_of(metric).bounds
    return least - most, most - least


def _pairs(systems: Iterator[_Compared], references: Sequence[_Compared]) -> Iterator[tuple[_Compared, _Compared]]:
    pairs = ((system, reference) for system in systems for reference in references)
    for first, second in pairs if references else combinations(systems, 2):
        if NO_SEED in (first.seed, second.seed) or first.seed == second.seed:
            yield first, second


def _carried_out(pairs: Sequence[tuple[_Compared, _Compared]], num_resamples: int) -> list[_Test]:
    """The tests of some pairs of systems, pair by pair."""
    abouts, both = [], []
    for first, second in pairs:
        names = {"first": first.label, "second": second.label}
        for key, cell in first.cells.items():
            if key in second.cells:
                abouts.append({k: getattr(cell.record, k) for k in _ABOUT} | names)
                both.append(in_common(cell, second.cells[key]))
    asked = {k: Pair(a.metric, a.terms, b.terms, a.sources, a.recentre) for k, (a, b) in enumerate(both) if _enough(a)}
    found = paired_differences(list(asked.values()), num_resamples, num_swaps=SWAPS_PER_RESAMPLE * num_resamples)
    differences = dict(zip(asked, found, strict=True))
    return [
        _Test(about, differences.get(k, replace(_NOTHING, num_images=len(a.terms))), _table(a, b))
        for k, (about, (a, b)) in enumerate(zip(abouts, both, strict=True))
    ]


def _enough(cell: Cell) -> bool:
    """Whether there are as many images as a score has splits."""
    return not isinstance(cell.metric, InceptionScore) or len(cell.terms) >= cell.metric.num_splits


def _table(first: Cell, second: Cell) -> CrossedTable | None:
    """Of a figure by a jury, the differences by image and judge."""
    return crossed_table(first.terms - second.terms, first.sources) if first.by_jury and second.by_jury else None


def _compared(system: tuple[str, Scores]) -> _Compared:
    """The cells that systems are compared by: accuracy on the target, and the other metrics marked in the catalogue."""
    label, scores = system
    chosen = cells(scores, _counts)
    keyed = {(c.record.target, c.record.metric, c.record.measured_on, c.record.definition): c for c in chosen}
    return _Compared(label, scores.base.seed, keyed)


def _counts(target: str, metric: str, measured_on: str, direction: str) -> bool:
    asked = metric != "jury_accuracy" or measured_on == target
    return spec_of(metric).compared and direction == ALL and asked
