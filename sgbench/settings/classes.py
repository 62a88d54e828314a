"""Classes that settings name: loading them, and what a layer with another class takes away."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sgbench.data.source import Source, SourceSettings
from sgbench.methods.contract import Method
from sgbench.settings.config_files import SOURCE_PACKAGES
from sgbench.settings.layers import COMMAND_LINE, Layer, merge
from sgbench.support.errors import UserError
from sgbench.support.loading import load_class, name_of_class

C = TypeVar("C", Method, Source)
DATA = "faces"
"""The class of data of a config that names none."""


def loaded(name: str, base: type[C], packages: tuple[str, ...], where: str) -> type[C]:
    try:
        return load_class(name, base, packages)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def source_name(cls: type[Source]) -> str:
    """The class of a data set as a config names it."""
    return name_of_class(cls, Source, SOURCE_PACKAGES)


def with_class(files: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers of a config, the lowest of which names the class of its data."""
    first, data = files[0], files[0].values.get("data")
    if isinstance(data, Mapping):
        first = Layer(first.origin, {**first.values, "data": {"class": DATA, **data}})
    return (first, *files[1:])


def with_photographs(above: Sequence[Layer], files: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers of the command line; a path for a class that takes none, as drawn images have none, means CelebA."""
    data = merge(above).values.get("data")
    if isinstance(data, Mapping) and "path" in data and "class" not in data:
        below = merge(files)
        known = below.values.get("data")
        name = str(known.get("class")) if isinstance(known, Mapping) else DATA
        source = loaded(name, Source, SOURCE_PACKAGES, f"{below.origin('data', 'class')}: data.class")
        if "path" not in source.Settings.model_fields:
            return (Layer(COMMAND_LINE, {"data": {"class": "celeba"}}), *above)
    return tuple(above)


def of_one_class(layers: Iterable[Layer]) -> list[Layer]:
    """Layers in which another class, of data or of a method, takes away what is set for the class below it."""
    settled: list[Layer] = []
    for layer in layers:
        below, values = merge(settled).values, dict(layer.values)
        if isinstance(values.get("data"), Mapping):
            values["data"] = _data_alone(values["data"], below.get("data"), layer.origin)
        if isinstance(values.get("methods"), Mapping):
            entries = below.get("methods")
            entries = entries if isinstance(entries, Mapping) else {}
            values["methods"] = {k: _entry_alone(str(k), own, entries.get(k)) for k, own in values["methods"].items()}
        settled.append(Layer(layer.origin, values))
    return settled


def _data_alone(own: Mapping[Any, Any], below: Any, origin: str) -> Mapping[Any, Any]:
    if not isinstance(below, Mapping) or "class" not in own:
        return own
    if origin != COMMAND_LINE and own["class"] == below.get("class"):
        return own
    strange = [key for key in below if key not in SourceSettings.model_fields or key == "num_test"]
    return dict.fromkeys(strange) | dict(own)


def _entry_alone(name: str, own: Any, below: Any) -> Any:
    if not (isinstance(own, Mapping) and isinstance(below, Mapping) and "class" in own):
        return own
    same = own["class"] == below.get("class", name.partition("/")[0])
    return own if same else dict.fromkeys(below) | dict(own)
