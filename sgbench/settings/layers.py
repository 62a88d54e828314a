"""Settings as layers: the configs that a config extends, the config itself, the command line on top.

Mappings of a layer are added to those below it; lists and single values take the place of what is there; null takes it
away, so that the default holds again, or a method is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sgbench.settings import config_files
from sgbench.support.errors import UserError, shown
from sgbench.support.paths import user_path
from sgbench.support.strict import read_yaml

COMMAND_LINE = "command line"
EXTENDS = "extends"
_ITS_OWN = ("study", "about", "cost")
"""What is said of one config, and not of those that extend it."""


@dataclass(frozen=True)
class Layer:
    """Settings that stand in one place.

    Attributes:
        origin: the file that they stand in, or ``COMMAND_LINE``.
    """

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Merged:
    """What layers say together.

    Attributes:
        origins: path of keys -> where its value stands; what is in a value stands where the value does.
    """

    values: Mapping[str, Any]
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def origin(self, *keys: object) -> str:
        """Where the setting under some keys stands, or what it would be a part of."""
        place = tuple(map(str, keys))
        found = [self.origins[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.origins]
        return found[0]


def read_layers(path: Path) -> tuple[Layer, ...]:
    """A config below those that it extends, the one at the end of the chain first.

    Raises:
        UserError: a file is not there, is no mapping, or extends itself; names the file.
    """
    layers: list[Layer] = []
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        values = _read(path)
        base = values.pop(EXTENDS, None)
        if layers:
            values = {key: value for key, value in values.items() if key not in _ITS_OWN}
        layers.insert(0, Layer(str(path), values))
        if base is None:
            return tuple(layers)
        below = _base(base, path)
        if below.resolve() in seen:
            chain = " extends ".join(p.name for p in (*seen, below))
            raise UserError(f"{path}: {EXTENDS}: {chain}: it goes round in a circle; take one of them out")
        path = below


class Packaged(NamedTuple):
    """A config that comes with the package: what it is and what it costs."""

    name: str
    about: str
    cost: str


def packaged_configs() -> list[Packaged]:
    """The configs that come with the package, by name."""
    files = [(path.stem, _read(path)) for path in sorted(config_files.CONFIGS.glob("*.yaml"))]
    return [Packaged(name, values["about"], values["cost"]) for name, values in files]


def merge(layers: Iterable[Layer]) -> Merged:
    """What layers say together, the lowest first."""
    values: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for layer in layers:
        if layer.origin != COMMAND_LINE or not origins:
            origins[()] = layer.origin  # what is missing is missing there
        values = _merged(values, layer.values, layer.origin, origins, ())
    return Merged(values, origins)


def _merged(
    below: Mapping[str, Any],
    above: Mapping[str, Any],
    origin: str,
    origins: dict[tuple[str, ...], str],
    where: tuple[str, ...],
) -> dict[str, Any]:
    made = dict(below)
    for key, value in above.items():
        place = (*where, str(key))
        if isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = _merged(made[key], value, origin, origins, place)
            continue
        for inside in [other for other in origins if other[: len(place)] == place]:
            del origins[inside]
        if value is None and key in made:
            del made[key]
        else:
            made[key] = value
        origins[place] = origin
    return made


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_yaml(path)
    except ValueError as error:
        raise UserError(str(error)) from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a mapping of settings, not {type(values).__name__}")
    return values


def _base(name: Any, path: Path) -> Path:
    """The config that another one names: a path from its folder, or a config that comes with the package."""
    if not isinstance(name, str) or not name:
        raise UserError(f"{path}: {EXTENDS}: must be a file or the name of a config, not {shown(name)}")
    for base in (path.parent / user_path(name), config_files.CONFIGS / name, config_files.CONFIGS / f"{name}.yaml"):
        if base.is_file():
            return base
    known = config_files.known_configs()
    raise UserError(f"{path}: {EXTENDS}: no file {name} beside it; the configs of sgbench are {known}")
