"""Compares figures image by image, where both sides kept the scores of a system for the same requests.

The test is ``paired.paired_difference``; Holm's procedure bounds the chance of any false alarm in a run by ``alpha``. A
figure with identical scores on both sides is not tested, because no swap could change it; its interval and the parts of
its variance must be the same, but for a figure by a jury whose system's other figures changed, because they steady it.
Those of a figure whose scores differ follow from them and are not compared.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import astuple, replace

import torch

from sgbench.metrics.catalogue import spec_of
from sgbench.regression.differences import Difference, Key, Outcome, by_rounding, differing, key_of
from sgbench.regression.sides import Side
from sgbench.regression.tolerances import ROUNDING
from sgbench.results.records import FIGURES, Record
from sgbench.results.scores import Scores, read_scores
from sgbench.scoring.cells import Cell, judges_priors
from sgbench.scoring.figures import cells
from sgbench.statistics.corrections import holm
from sgbench.statistics.moderation import Prior
from sgbench.statistics.paired import paired_difference
from sgbench.support.global_state import own_state

_STEADIED = tuple(name for name in FIGURES if name != "value")
SCREENING_SWAPS, SCREENING_P, SWAPS = 200, 0.05, 1000
"""Every figure is first tested with few swaps; if p is small, it is tested again with more swaps."""


@own_state()
def by_images(
    old: Side, now: Side, rows: Mapping[Key, Record], new_rows: Mapping[Key, Record], alpha: float
) -> tuple[list[Difference], set[Key]]:
    """The differences of the figures that are compared image by image, and the keys of those figures.

    Args:
        old: the reference.
        now: the new side, with the reference's names of systems.
        rows: the reference's records by their key.
        new_rows: the new records by their key.
        alpha: the chance of any false alarm in all paired tests together.

    Raises:
        ValueError: a file of scores cannot be read; the message names it.
    """
    differences, tests, paired = [], [], set()
    for key, reference, cell, new, steady in _common_cells(old, now):
        if key not in rows or key not in new_rows or new is None:
            continue
        paired.add(key)
        row, new_row = rows[key], new_rows[key]
        differences += _unlike_scores(row, reference, "reference's scores")
        differences += _unlike_scores(new_row, cell, "new scores")
        if torch.equal(reference.terms, new.terms):
            if new.by_jury and not steady:
                new_row = replace(new_row, **{name: getattr(row, name) for name in _STEADIED})
            differences += differing(row, new_row, ROUNDING)
            continue
        tests.append((row, new_row, paired_p(reference, new)))
    adjusted = holm([p for _, _, p in tests]).tolist()
    for (row, new_row, _), p in zip(tests, adjusted, strict=True):
        if row.value != new_row.value:
            differences.append(_judged(row, new_row, p, alpha))
    return differences, paired


def paired_p(reference: Cell, new: Cell) -> float:
    """Two-sided p-value of a figure; the rows of both cells are for the same requests in the same order."""
    p = math.nan
    for swaps in (SCREENING_SWAPS, SWAPS):
        p = paired_difference(reference.metric, new.terms, reference.terms, reference.sources, swaps).p
        if not p <= SCREENING_P:
            break
    return float(p)


def _common_cells(old: Side, now: Side) -> Iterator[tuple[Key, Cell, Cell, Cell | None, bool]]:
    """Cells of systems with scores on both sides: key, the reference's cell, the new cell, the new cell reordered.

    The reordered cell has its rows in the reference's order; it is None if the two cells are not for the same requests.
    Last, whether what steadies the system's intervals by a jury is the same on both sides.
    """
    for system in sorted(old.scores.keys() & now.scores.keys()):
        scores, new_scores = read_scores(old.scores[system]), read_scores(now.scores[system])
        reference, new = _by_key(scores, system), _by_key(new_scores, system)
        alike = scores.attributes == new_scores.attributes
        steady = _alike(judges_priors(reference.values()), judges_priors(new.values()))
        for key in reference.keys() & new.keys():
            matched = _in_order(reference[key], new[key], scores.ids, new_scores.ids) if alike else None
            yield key, reference[key], new[key], matched, steady


def _alike(first: Mapping[int, Prior], second: Mapping[int, Prior]) -> bool:
    """Whether two systems' priors are the same but for rounding."""
    return first.keys() == second.keys() and all(
        math.isclose(a, b, rel_tol=ROUNDING.relative)
        for number, prior in first.items()
        for a, b in zip(astuple(prior), astuple(second[number]), strict=True)
    )


def _by_key(scores: Scores, system: str) -> dict[Key, Cell]:
    return {key_of(replace(cell.record, system=system)): cell for cell in cells(scores)}


def _in_order(reference: Cell, new: Cell, ids: tuple[str, ...], new_ids: tuple[str, ...]) -> Cell | None:
    """The new cell with its rows in the reference's order; None if the two cells are not for the same requests."""
    wanted = [(ids[i], v) for i, v in zip(reference.sources.tolist(), reference.values.tolist(), strict=True)]
    places = {
        (new_ids[i], v): n for n, (i, v) in enumerate(zip(new.sources.tolist(), new.values.tolist(), strict=True))
    }
    if len(wanted) != len(new.terms) or places.keys() != set(wanted):
        return None
    order = [places[translation] for translation in wanted]
    return replace(new, terms=new.terms[order], sources=reference.sources, values=reference.values)


def _unlike_scores(row: Record, cell: Cell, whose: str) -> list[Difference]:
    """Differences between a record and what its scores give: the metric's code or one of the files has changed."""
    made = replace(row, value=cell.value, num_images=cell.record.num_images, note=cell.record.note)
    differences = [d for d in differing(row, made, ROUNDING) if d.failed]  # rounding is none between the two sides
    return [replace(d, quantity=f"{d.quantity} by the {whose}") for d in differences]


def _judged(row: Record, new: Record, p: float, alpha: float) -> Difference:
    outcome: Outcome = "rounding" if by_rounding(row, new) else "within"
    if outcome == "within" and not p > alpha:
        better = spec_of(row.metric).is_better(new.value, row.value)
        outcome = "moved" if better is None else "better" if better else "worse"
    return Difference(row, "value", row.value, new.value, math.nan, outcome, p)
