"""Comparison of records with reference records under stated tolerances.

Tolerances are a YAML file, one line a metric, kept beside the reference and reviewed with it::

    default:     {absolute: 0.000001}
    accuracy:    {absolute: 0.02}
    judge_score: {relative: 0.05}

A figure may differ by the larger of ``absolute`` (in the metric's unit) and ``relative`` times the reference; one left
out is 0. For a reference ``x.csv`` or a folder ``x`` the file is ``x.tolerances.yaml`` next to it, else
``tolerances.yaml`` in the folder of the CSV files.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sgbench.records import KEY, Record, read_records

DEFAULT = "default"
Verdict = Literal["within", "moved", "missing", "added"]


class Tolerance(BaseModel):
    """How far a metric's figure may be from the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, allow_inf_nan=False)

    def allowed(self, reference: float) -> float:
        """The largest difference from ``reference`` that passes, in the metric's unit."""
        return max(self.absolute, self.relative * abs(reference)) if math.isfinite(reference) else self.absolute


@dataclass(frozen=True)
class Difference:
    """A figure that is not the reference's.

    Attributes:
        row: the reference's record, or the new one where the reference has none.
        quantity: ``value``, ``low``, ``high`` or ``num_images``; ``value`` for a whole row missing or added.
        reference: NaN where the row was added.
        new: NaN where the row is missing.
        allowed: the tolerance as a difference; NaN for a row missing or added.
        verdict: ``within`` the tolerance, ``moved`` beyond it, row ``missing`` or ``added``.
    """

    row: Record
    quantity: str
    reference: float
    new: float
    allowed: float
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """Whether the difference is a failure: all but ``within`` are."""
        return self.verdict != "within"


def compare(
    reference: Sequence[Record], new: Sequence[Record], tolerances: Mapping[str, Tolerance]
) -> list[Difference]:
    """Every figure that differs, in the order of the reference; an empty list where all are equal (NaN equals NaN).

    Values and interval ends may differ by the tolerance of their metric, numbers of images not at all.

    Raises:
        ValueError: a metric of the reference has no tolerance, or one side has two rows of the same key.
    """
    bare = sorted({r.metric for r in reference} - set(tolerances)) if DEFAULT not in tolerances else []
    if bare:
        raise ValueError(
            f"no tolerance for {', '.join(bare)}: add it, or a '{DEFAULT}', to the reference's tolerances file"
        )
    old, now = _by_key(reference, "the reference"), _by_key(new, "the new records")
    differences = []
    for key, row in old.items():
        if key in now:
            tolerance = tolerances.get(row.metric) or tolerances[DEFAULT]
            differences += _differences(row, now[key], tolerance)
        else:
            differences.append(Difference(row, "value", row.value, math.nan, math.nan, "missing"))
    added = [row for key, row in now.items() if key not in old]
    return differences + [Difference(row, "value", math.nan, row.value, math.nan, "added") for row in added]


def load_records(path: Path) -> list[Record]:
    """Records of a CSV file, or of every CSV file in a folder and below it.

    Raises:
        ValueError: nothing there, or not records; names the file.
    """
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    records = [r for file in files for r in _read(file)]
    if not records:
        raise ValueError(f"{path}: no records; give a CSV file of records or a folder of such")
    return records


def load_tolerances(reference: Path) -> dict[str, Tolerance]:
    """Metric name (or ``default``) -> tolerance, from the file beside ``reference``.

    Raises:
        ValueError: no such file, or not tolerances; names the file.
    """
    reference = reference.resolve()
    own = reference.with_name(f"{reference.name.removesuffix('.csv')}.tolerances.yaml")
    shared = (reference if reference.is_dir() else reference.parent) / "tolerances.yaml"
    path = own if own.exists() else shared
    if not path.exists():
        raise ValueError(f"{reference}: no tolerances; write {own} or {shared}, such as 'default: {{absolute: 0.001}}'")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, Tolerance]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{path}: not tolerances: {where}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: unreadable: {' '.join(str(error).split())}") from error


def _read(path: Path) -> list[Record]:
    try:
        return read_records(path)
    except OSError as error:
        raise ValueError(
            f"{path}: unreadable: {error.strerror}; give a CSV file of records or a folder of such"
        ) from error


def _by_key(records: Sequence[Record], side: str) -> dict[tuple, Record]:
    rows = {}
    for row in records:
        key = tuple(getattr(row, c) for c in KEY)
        if key in rows:
            raise ValueError(
                f"{side} hold two rows of one key: {row.system}, {row.target}, {row.metric}, {row.definition}"
            )
        rows[key] = row
    return rows


def _differences(reference: Record, new: Record, tolerance: Tolerance) -> list[Difference]:
    found = []
    for quantity in ("value", "low", "high", "num_images"):
        old, now = float(getattr(reference, quantity)), float(getattr(new, quantity))
        if old == now or (math.isnan(old) and math.isnan(now)):
            continue
        allowed = 0.0 if quantity == "num_images" else tolerance.allowed(old)
        verdict = "within" if abs(now - old) <= allowed else "moved"
        found.append(Difference(reference, quantity, old, now, allowed, verdict))
    return found
