"""Holds new records against the reference's: image by image if both sides have scores, by tolerance otherwise.

A figure is compared image by image if both sides kept its system's per-image scores for the same requests. If no
tolerances are stated beside the reference, all figures that are not compared image by image must be equal.
"""

from collections.abc import Mapping
from pathlib import Path

from sgbench.metrics.catalogue import METRICS
from sgbench.regression.comparison import Comparison
from sgbench.regression.differences import Difference, Key, by_key, compare, key_of
from sgbench.regression.redefinitions import redefinitions
from sgbench.regression.sides import Side, load_side, same_systems
from sgbench.regression.tolerances import DEFAULT, load_tolerances, tolerances_path
from sgbench.results.records import Record


def hold(reference: Path, new: Path, alpha: float) -> Comparison:
    """Compare files or folders of records, with the scores beside them.

    Args:
        alpha: the chance of any false alarm in all paired tests together.

    Raises:
        ValueError: a file cannot be read, or the tolerances lack a metric; the message names it.
    """
    old = load_side(reference)
    now = same_systems(old, load_side(new))
    rows, new_rows = by_key(old.records, "the reference"), by_key(now.records, "the new records")
    differences, paired = _by_images(old, now, rows, new_rows, alpha)
    left = [row for key, row in rows.items() if key not in paired]
    tolerances = load_tolerances(reference) if tolerances_path(reference).exists() else None
    known = METRICS.keys() | {row.metric for row in (*rows.values(), *new_rows.values())} | {DEFAULT}
    if unknown := [name for name in tolerances or () if name not in known]:
        raise ValueError(f"{tolerances_path(reference)}: '{unknown[0]}' is no metric; write its name as records do")
    differences += compare(left, [row for key, row in new_rows.items() if key not in paired], tolerances)
    added = [row for key, row in new_rows.items() if key not in rows]
    everything = {key: place for place, key in enumerate([*rows, *map(key_of, added)])}
    differences.sort(key=lambda d: everything[key_of(d.row)])
    redefined, differences = redefinitions(differences)
    return Comparison(
        rows=(*old.records, *added),
        num_new=len(new_rows),
        differences=tuple(d for d in differences if d.verdict != "rounding"),
        num_paired=len(paired),
        alpha=alpha,
        without=tolerances is None,
        redefined=tuple(redefined),
        num_rounded=sum(d.verdict == "rounding" for d in differences),
    )


def _by_images(
    old: Side, now: Side, rows: Mapping[Key, Record], new_rows: Mapping[Key, Record], alpha: float
) -> tuple[list[Difference], set[Key]]:
    """What ``by_images`` finds; torch, which takes most of a gigabyte, is imported only where there are scores."""
    if not old.scores.keys() & now.scores.keys():
        return [], set()
    from sgbench.regression.by_images import by_images

    return by_images(old, now, rows, new_rows, alpha)
