"""From an entry of the catalogue to what computes its figures, and what tells them from those of other code."""

import importlib
from collections.abc import Mapping
from dataclasses import asdict

from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.outside import built_outside
from sgbench.metrics.own import is_own
from sgbench.metrics.spec import MetricSpec
from sgbench.support.code import hash_of_code
from sgbench.support.hashing import hash_of_value


def build(spec: MetricSpec, place: str, image_size: int, networks: Mapping[str, str]) -> ImageMetric | None:
    """The metric of an entry.

    Args:
        place: name of the place where it is measured.
        image_size: side of the images.
        networks: definitions of what the user's networks measure, by the metric's name (``lpips``, ``identity``).

    Returns:
        None if the metric does not exist for images of this size, or needs a network that is not there.

    Raises:
        UserError: a metric from outside the package fails, or is none.
    """
    module, _, name = spec.implementation.partition(":")
    cls, network = getattr(importlib.import_module(module), name), networks.get(spec.name, "")
    if is_own(spec):
        return built_outside(cls, spec, place, image_size, network)
    return cls.build(place, image_size, network)


def version_of(spec: MetricSpec) -> int | str:
    """What decides a metric's figures besides its name: its version and, of one from elsewhere, its entry and code.

    The entry names the class, and the inputs in their order; it may lie in another file than the class.
    """
    if not is_own(spec):
        return spec.version
    module = spec.implementation.partition(":")[0]
    importlib.import_module(module)
    return f"{spec.version} {hash_of_value([asdict(spec), hash_of_code(module)])}"
