"""Single settings that the command line changes: ``--set KEY=VALUE`` and ``--iterations N``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgbench.settings.layers import COMMAND_LINE, Layer
from sgbench.support.errors import UserError, shown
from sgbench.support.strict import LARGEST, parse_yaml

if TYPE_CHECKING:
    from sgbench.methods.contract import MethodSettings  # heavy, and changes are checked before anything heavy

_METHODS = "methods"
_ITERATIONS = "iterations"
_LEVELS = "levels"


@dataclass(frozen=True)
class Changes:
    """Changes of single settings.

    Attributes:
        settings: ``KEY=VALUE``, the key with dots between its parts, the value as in YAML.
        iterations: of every method; the part of them with constant learning rates has the same share as before.
    """

    settings: tuple[str, ...] = ()
    iterations: int | None = None

    def __post_init__(self) -> None:
        if self.iterations is not None and not 1 <= self.iterations <= LARGEST:
            raise UserError(f"--iterations {self.iterations}: must be a whole number from 1 to {LARGEST:,}")
        own = [text for text in self.settings if text.partition("=")[0].endswith(f".{_ITERATIONS}")]
        if own and self.iterations is not None:
            raise UserError(f"--iterations and --set {own[0]} say two things of one method; give one of them")


UNCHANGED = Changes()


def layers_of(texts: Sequence[str], methods: Sequence[str], config: Path) -> Iterator[Layer]:
    """A layer for each ``KEY=VALUE``.

    Args:
        methods: the names of methods that a key can begin with; they may hold dots themselves.
        config: the file that has them.

    Raises:
        UserError: a text is none, a key is given twice, or its method is unknown.
    """
    seen: set[tuple[str, ...]] = set()
    for text in texts:
        key, sign, value = text.partition("=")
        keys = tuple(_parts(key.strip(), methods, config))
        if not sign or not all(keys):
            raise UserError(f"--set {shown(text)}: must be KEY=VALUE, such as methods.sggan.lambda_cls=2")
        if keys in seen:
            raise UserError(f"--set {'.'.join(keys)}: is given twice; give it once")
        seen.add(keys)
        try:
            made: Any = parse_yaml(value)
        except ValueError as error:
            raise UserError(f"--set {key.strip()}: {error}") from error
        for name in reversed(keys):
            made = {name: made}
        yield Layer(COMMAND_LINE, made)


def check_said_once(options: Mapping[str, Any], changes: Sequence[Layer]) -> None:
    """Refuse changes of settings that options of their own say too: one of the two would be passed over.

    Args:
        options: settings that options give; ``levels`` are also those of every method.

    Raises:
        UserError: names the setting.
    """
    said = [*_places(options)]
    for layer in changes:
        for place in _places(layer.values):
            of_level = place[0] == _METHODS and place[2:3] == (_LEVELS,) and (_LEVELS,) in said
            if of_level or any(place[: len(own)] == own[: len(place)] for own in said):
                raise UserError(
                    f"--set {'.'.join(place)}: an option of its own says another thing of it on the same command line; "
                    "give one of them"
                )


def _places(values: Mapping[str, Any], where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of each setting that is given, but for empty parts."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _places(value, (*where, key))
        else:
            yield (*where, key)


def with_iterations(settings: "MethodSettings", iterations: int) -> dict[str, int]:
    """What changes if a method trains for so many iterations: the constant part keeps its share."""
    constant = round(settings.constant_iterations * iterations / settings.iterations)
    return {_ITERATIONS: iterations, "constant_iterations": constant}


def _parts(key: str, methods: Sequence[str], config: Path) -> list[str]:
    """The parts of a key; a method's name is one of them, whatever dots it holds."""
    top, _, rest = key.partition(".")
    if top != _METHODS or not rest:
        return key.split(".")
    named = [name for name in methods if rest == name or rest.startswith(f"{name}.")]
    if not named:
        name = rest.split(".")[0]
        near = get_close_matches(name, methods, n=1, cutoff=0.5)
        raise UserError(
            f"--set {key}: unknown method '{name}'; "
            + (f"did you mean {near[0]}? " if near else "")
            + f"{config} has {', '.join(methods) or 'none'}"
        )
    name = max(named, key=len)
    return [top, name, *rest[len(name) + 1 :].split(".")] if rest != name else [top, name]
