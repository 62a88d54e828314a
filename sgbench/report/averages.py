"""Averages of figures of a system, as records: tables take their seeds together as those of any other figure."""

import math
from collections.abc import Sequence
from dataclasses import replace

from sgbench.results.records import Record


def averaged(
    records: Sequence[Record | None], weights: Sequence[float], shift: float = 0.0, **about: str
) -> Record | None:
    """The weighted sum of a system's figures, plus ``shift``.

    Its interval is as if all of them were off to the same side together: they are of the same images and judges, so it
    is rather too wide than too narrow.

    Args:
        records: of one system at one seed; None for one that it lacks.
        weights: positive, one for each.
        about: fields that differ from those of the first.

    Returns:
        None if there is none; without a figure if one is missing.
    """
    present = [record for record in records if record]
    if not present:
        return None
    if len(present) < len(records) or any(math.isnan(record.value) for record in present):
        reasons = dict.fromkeys(r.note for r in present if math.isnan(r.value) and r.note)
        note = "; ".join(reasons) or "not all figures that it is the mean of are there"
        nothing = dict.fromkeys(("value", "low", "high", "variance_images", "variance_judges", "freedom"), math.nan)
        return replace(present[0], **about, **nothing, note=note)
    value, low, high = (_sum([getattr(r, k) for r in present], weights) + shift for k in ("value", "low", "high"))
    images, judges = (
        _sum([math.sqrt(getattr(r, k)) for r in present], weights) ** 2 for k in ("variance_images", "variance_judges")
    )
    freedom = min(record.freedom for record in present)
    variances = {"variance_images": images, "variance_judges": judges, "freedom": freedom}
    number = max(record.num_images for record in present)
    return replace(present[0], **about, value=value, low=low, high=high, num_images=number, note="", **variances)


def mean(records: Sequence[Record | None], **about: str) -> Record | None:
    """``averaged`` with equal weights."""
    return averaged(records, [1 / len(records)] * len(records), **about) if records else None


def _sum(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
