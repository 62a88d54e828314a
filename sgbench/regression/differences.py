"""What differs between new records and the reference's, judged by tolerances."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sgbench.metrics.catalogue import spec_of
from sgbench.regression.tolerances import DEFAULT, ROUNDING, Tolerance
from sgbench.results.records import FIGURES, KEY, VARIANCES, Record

Outcome = Literal["rounding", "within", "unjudged", "moved", "worse", "better", "missing", "added"]
Key = tuple


@dataclass(frozen=True)
class Difference:
    """A figure, or a note, that differs from the reference's.

    Attributes:
        row: the reference's record, or the new one if the reference has none.
        quantity: one of ``FIGURES``, ``num_images`` or ``note``; ``value`` if a whole row is missing or added. With
            ``by the new scores``, a record (``reference``) differs from what the scores beside it give (``new``).
        reference: NaN if the row was added; a text of a note.
        new: NaN if the row is missing; a text of a note.
        allowed: the largest difference that the tolerance allows; NaN if there is no tolerance.
        verdict: ``rounding``: nobody could see it, and no tolerance forbids it; ``within``: within the tolerance or the
            noise of the images; ``unjudged``: no tolerance, and the figure only describes another one; ``moved``:
            beyond the tolerance; ``worse`` or ``better``: beyond the noise, or ``moved`` if the metric has no better
            direction; ``missing`` or ``added``: one side lacks the row.
        p: the p-value of the paired test, adjusted for the number of tests; NaN if there was no test.
    """

    row: Record
    quantity: str
    reference: float | str
    new: float | str
    allowed: float
    verdict: Outcome
    p: float = math.nan

    @property
    def failed(self) -> bool:
        """Whether the difference is a failure: all are, except ``rounding``, ``within`` and ``unjudged``."""
        return self.verdict not in ("rounding", "within", "unjudged")

    @property
    def basis(self) -> str:
        """What the verdict is based on."""
        if not math.isnan(self.p):
            return f"p {self.p:.2g}"
        return "" if math.isnan(self.allowed) else f"± {self.allowed:.6g}"

    @property
    def figures(self) -> tuple[float, ...]:
        """The reference's figure, the new one and their difference; none if notes differ."""
        old, new = self.reference, self.new
        return () if isinstance(old, str) or isinstance(new, str) else (old, new, new - old)

    @property
    def aspect(self) -> str:
        """What of a row differs, to be put behind what names it: nothing if it is the value, both texts of a note."""
        texts = "" if self.figures else f" '{self.reference}' -> '{self.new}'"
        return "" if self.quantity == "value" else f", {self.quantity}{texts}"

    @property
    def label(self) -> str:
        """What was measured, in one line; with its definition if one side lacks the row, because it may differ."""
        r = self.row
        place = f"{r.system} {r.dataset} {r.image_size}: {r.target} -> {r.direction}, {r.metric} of {r.measured_on}"
        definition = f"{r.definition}; " if self.verdict in ("missing", "added") else ""
        return f"{place} ({definition}{r.unit}, {r.origin}){self.aspect}"


def compare(
    reference: Sequence[Record], new: Sequence[Record], tolerances: Mapping[str, Tolerance] | None
) -> list[Difference]:
    """Every figure that differs, in the order of the reference; an empty list if all are equal (NaN equals NaN).

    Values, ends of intervals and parts of variances may differ by the tolerance of their metric; numbers of images and
    notes must be equal.

    Args:
        tolerances: by metric; if None, all that differs has moved, except figures that only describe another one.

    Raises:
        ValueError: a metric of the reference has no tolerance, or one side has two rows of the same key.
    """
    if tolerances is not None and DEFAULT not in tolerances:
        bare = sorted({r.metric for r in reference} - set(tolerances))
        if bare:
            raise ValueError(
                f"no tolerance for {', '.join(bare)}: add it, or a '{DEFAULT}', to the reference's tolerances file"
            )
    old, now = by_key(reference, "the reference"), by_key(new, "the new records")
    differences = []
    for key, row in old.items():
        if key in now:
            tolerance = None if tolerances is None else tolerances.get(row.metric) or tolerances[DEFAULT]
            differences += differing(row, now[key], tolerance)
        else:
            differences.append(Difference(row, "value", row.value, math.nan, math.nan, "missing"))
    added = [row for key, row in now.items() if key not in old]
    return differences + [Difference(row, "value", math.nan, row.value, math.nan, "added") for row in added]


def differing(reference: Record, new: Record, tolerance: Tolerance | None) -> list[Difference]:
    """What differs in a record; without a tolerance all must be equal, unless the figure only describes another one."""
    differences = []
    for quantity in (*FIGURES, "num_images"):
        old, now = float(getattr(reference, quantity)), float(getattr(new, quantity))
        if old == now or (math.isnan(old) and math.isnan(now)):
            continue
        allowed = 0.0 if tolerance is None else _allowed(reference, quantity, tolerance)
        unjudged = tolerance is None and quantity != "num_images" and spec_of(reference.metric).describes
        # The difference of two decimal figures is rounded: .901 - .9 is more than .001 by a part of its last digit.
        last_digit = math.ulp(max(abs(old), abs(now))) if allowed else 0.0
        if not unjudged and not abs(now - old) <= allowed + last_digit:
            verdict = "moved"
        elif by_rounding(reference, new, quantity):
            verdict = "rounding"
        else:
            verdict = "unjudged" if unjudged else "within"
        differences.append(Difference(reference, quantity, old, now, allowed, verdict))
    if reference.note != new.note:
        differences.append(Difference(reference, "note", reference.note, new.note, math.nan, "moved"))
    return differences


def by_rounding(reference: Record, new: Record, quantity: str = "value") -> bool:
    """Whether a figure of two records is the same but for rounding."""
    return abs(getattr(new, quantity) - getattr(reference, quantity)) <= _allowed(reference, quantity, ROUNDING)


def _allowed(record: Record, quantity: str, tolerance: Tolerance) -> float:
    """How far a figure of a record may be from the same figure of another; none may be where it is NaN."""
    figure = float(getattr(record, quantity))
    if quantity == "num_images":
        return 0.0
    if quantity in VARIANCES:
        return tolerance.allowed_of_variance(figure)
    if quantity == "freedom":
        variance = record.variance_images + record.variance_judges
        return tolerance.allowed_of_variance(variance) / variance * figure if variance else 0.0
    return tolerance.allowed(figure)


def key_of(record: Record) -> Key:
    """The fields that identify the same figure on both sides."""
    return tuple(getattr(record, c) for c in KEY)


def by_key(records: Iterable[Record], side: str) -> dict[Key, Record]:
    """Records by their key.

    Raises:
        ValueError: two records have the same key; ``side`` says where.
    """
    rows = {}
    for row in records:
        if key_of(row) in rows:
            raise ValueError(
                f"{side} hold two rows of one key: {row.system}, {row.target}, {row.metric}, {row.definition}"
            )
        rows[key_of(row)] = row
    return rows
