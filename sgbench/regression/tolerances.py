"""Tolerances: how far a figure may be from the reference's.

They are in a YAML file with one line per metric, kept beside the reference and reviewed with it::

    default:     {absolute: 0.000001}
    accuracy:    {absolute: 0.02}
    judge_score: {relative: 0.05}

A figure may differ by the larger of ``absolute`` (in the metric's unit) and ``relative`` times the reference; each is 0
if it is left out. So may an end of its interval and, for a figure by a jury, the root of each part of its variance; the
degrees of freedom may differ by the share by which the whole variance may. For a reference ``x.csv`` or a folder ``x``,
the file is ``x.tolerances.yaml`` next to it if it exists, otherwise ``tolerances.yaml`` in the folder of the CSV files.
"""

import math
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from sgbench.results import rounding
from sgbench.support.settings_model import SettingsModel, first_problem
from sgbench.support.strict import read_yaml

DEFAULT = "default"
TOLERANCES = "tolerances.yaml"
"""The file of a folder's tolerances."""


class Tolerance(SettingsModel):
    """How far a metric's figure may be from the reference."""

    absolute: float = Field(0.0, ge=0)
    relative: float = Field(0.0, ge=0)

    def allowed(self, reference: float) -> float:
        """The largest difference from ``reference`` that passes, in the metric's unit."""
        return max(self.absolute, self.relative * abs(reference)) if math.isfinite(reference) else self.absolute

    def allowed_of_variance(self, reference: float) -> float:
        """The largest difference from a variance: that of one whose root is as far away as ``allowed`` says."""
        root = math.sqrt(abs(reference))
        far = root + self.allowed(root)
        return far * far - root * root


ROUNDING = Tolerance(absolute=rounding.ABSOLUTE, relative=rounding.RELATIVE)
"""How far figures made of the same scores may be apart."""


def load_tolerances(reference: Path) -> dict[str, Tolerance]:
    """Metric name (or ``default``) -> tolerance, from the file beside ``reference``.

    Raises:
        ValueError: the file cannot be read or holds something else; the message names it.
    """
    path = tolerances_path(reference)
    content = read_yaml(path)
    try:
        return TypeAdapter(dict[str, Tolerance]).validate_python(content)
    except ValidationError as error:
        raise ValueError(f"{path}: not tolerances: {first_problem(error)}") from error


def tolerances_path(reference: Path) -> Path:
    """``x.tolerances.yaml`` of a reference ``x`` if it exists, else the file of the folder, which need not exist."""
    reference = reference.resolve()
    path = reference.with_name(f"{reference.name.removesuffix('.csv')}.tolerances.yaml")
    return path if path.exists() else (reference if reference.is_dir() else reference.parent) / TOLERANCES
