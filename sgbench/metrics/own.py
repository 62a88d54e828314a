"""Metrics from outside the package: entries that a config names, beside those of the catalogue."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.spec import INPUTS, MetricSpec
from sgbench.support.errors import UserError
from sgbench.support.loading import load_class, load_instance
from sgbench.support.settings_model import first_problem

_SUITES = tuple(METRICS)
_FORM = TypeAdapter(MetricSpec)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def is_own(spec: MetricSpec) -> bool:
    """Whether a metric comes from outside the package."""
    return spec.name not in _SUITES


def use_metrics(names: Sequence[str]) -> None:
    """Let the catalogue have the suite's metrics and those of a study, and no others.

    Args:
        names: of ``MetricSpec`` objects, as ``package.module:NAME``.

    Raises:
        UserError: there is no such object, or no metric that can be scored.
    """
    own = {spec.name: spec for spec in map(_opened, names)}
    if len(own) < len(names):
        raise UserError(f"scoring.metrics: two of {', '.join(names)} have one name; rename one")
    for name in [name for name in METRICS if name not in _SUITES]:
        del METRICS[name]
    METRICS.update(own)


def _opened(name: str) -> MetricSpec:
    where = f"scoring.metrics: {name}"
    try:
        spec = _FORM.validate_python(asdict(load_instance(name, MetricSpec)))
        load_class(spec.implementation, ImageMetric, ())
    except UserError as error:
        raise UserError(f"scoring.metrics: {error}") from error
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error)}") from error
    if spec.name in _SUITES or not _NAME.fullmatch(spec.name):
        raise UserError(f"{where}: cannot be called '{spec.name}'; give another name of small letters, digits and _")
    needs = [need for place in spec.places for need in place.needs]
    if unknown := [need for need in needs if need not in INPUTS]:
        raise UserError(f"{where}: needs '{unknown[0]}', which nobody gives; known are {', '.join(INPUTS)}")
    if not needs:
        raise UserError(f'{where}: says nowhere what it needs; give places=(Place("image", (RESULT, SOURCE)),)')
    return spec
