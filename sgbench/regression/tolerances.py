"""Tolerances: how far a figure may be from the reference's.

They are in a YAML file with one line per metric, kept beside the reference and reviewed with it::

    default:     {absolute: 0.000001}
    accuracy:    {absolute: 0.02}
    judge_score: {relative: 0.05}

A figure may differ by the larger of ``absolute`` (in the metric's unit) and ``relative`` times the reference; each is 0
if it is left out. For a reference ``x.csv`` or a folder ``x``, the file is ``x.tolerances.yaml`` next to it if it
exists, otherwise ``tolerances.yaml`` in the folder of the CSV files.
"""

import math
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sgbench.support.errors import one_line
from sgbench.support.reading import read_text

DEFAULT = "default"


class Tolerance(BaseModel):
    """How far a metric's figure may be from the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, allow_inf_nan=False)

    def allowed(self, reference: float) -> float:
        """The largest difference from ``reference`` that passes, in the metric's unit."""
        return max(self.absolute, self.relative * abs(reference)) if math.isfinite(reference) else self.absolute


def load_tolerances(reference: Path) -> dict[str, Tolerance]:
    """Metric name (or ``default``) -> tolerance, from the file beside ``reference``.

    Raises:
        ValueError: the file cannot be read or holds something else; the message names it.
    """
    path = tolerances_path(reference)
    try:
        content = yaml.safe_load(read_text(path))
        return TypeAdapter(dict[str, Tolerance]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{path}: not tolerances: {where}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: unreadable: {one_line(error)}") from error


def tolerances_path(reference: Path) -> Path:
    """``x.tolerances.yaml`` of a reference ``x`` if it exists, else the file of the folder, which need not exist."""
    reference = reference.resolve()
    path = reference.with_name(f"{reference.name.removesuffix('.csv')}.tolerances.yaml")
    return path if path.exists() else (reference if reference.is_dir() else reference.parent) / "tolerances.yaml"
