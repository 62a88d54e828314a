"""Settings read from layers of YAML and the command line; what is wrong is a line that names the place and the key."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sgbench.data.source import Source, SourceSettings
from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JudgeSettings, floor_of
from sgbench.methods.contract import Method
from sgbench.settings.apart import check_apart, check_declared
from sgbench.settings.changes import UNCHANGED, Changes, check_said_once, layers_of, with_iterations
from sgbench.settings.classes import DATA, loaded, of_one_class, with_class, with_photographs
from sgbench.settings.config_files import METHOD_PACKAGES, SOURCE_PACKAGES
from sgbench.settings.differing import changed, notes_that_hold
from sgbench.settings.layers import COMMAND_LINE, Layer, Merged, merge, read_layers
from sgbench.settings.models import MethodEntry, ScoringSettings, Settings
from sgbench.settings.writing import as_values
from sgbench.support.errors import UserError, shown
from sgbench.support.names import NAME

T = TypeVar("T", bound=BaseModel)


def read_settings(
    path: Path, overrides: Mapping[str, Any], data_overrides: Mapping[str, Any], changes: Changes = UNCHANGED
) -> Settings:
    """Read and validate a config, with those that it extends.

    A study of other data than the config's is called after both, unless the command line names it. Notes of a config
    are left out where the settings or the data are no longer those that it speaks of; a note says so instead.

    Args:
        overrides: top-level keys that replace the config's; ``methods`` is then a list of names of its methods,
            ``levels`` also replace those of single methods, ``scoring`` and ``jury`` are added to the config's.
        data_overrides: keys of ``data`` that are added to the config's, or replace them. If ``class`` is given, the
            keys that only the config's class knows are dropped. A ``path`` for a class that takes none means CelebA.
        changes: of single settings.

    Raises:
        UserError: names the file or the command line, the key and what is wrong with it.
    """
    files, wanted = with_class(read_layers(path)), overrides.get("methods")
    parts = {key: value for key, value in overrides.items() if key != "methods" and value not in ({}, None)}
    given = Layer(COMMAND_LINE, parts | ({"data": dict(data_overrides)} if data_overrides else {}))
    known = [str(name) for name in _mapping(merge(files), "methods")]
    singles = tuple(layers_of(changes.settings, [*known, *(wanted or ())], path))
    check_said_once(given.values, singles)
    above = with_photographs((given, *singles), files)
    same_levels = "levels" in overrides

    def built(layers: Iterable[Layer], iterations: int | None = None) -> Settings:
        return _built(layers, path, wanted, same_levels, iterations)

    def began(number: int) -> Settings:
        """What the lowest layers say alone; what they lack and must have is as it is in the others."""
        try:
            return built(files[:number])
        except UserError:
            return built((*above, *files[number:], *files[:number]))

    noted = max((k for k, layer in enumerate(files, 1) if layer.values.get("notes")), default=len(files))
    now, config, origin = built((*files, *above), changes.iterations), began(len(files)), began(noted)
    name = Path(files[noted - 1].origin).stem
    update: dict[str, Any] = {
        "changed": changed(as_values(config), as_values(now), Path(files[-1].origin).stem),
        "notes": notes_that_hold(now.notes, as_values(origin), as_values(now), name, _data_of(now) != _data_of(origin)),
    }
    if _data_of(now) != _data_of(config) and "study" not in merge(above).values:
        update["study"] = f"{now.study}-{_data_of(now)[1]}"
    return now.model_copy(update=update)


def _data_of(settings: Settings) -> tuple[type[Source], str]:
    """What tells data from others, wherever they lie: their class, and what they are called."""
    called = settings.source.called(settings.data)
    if not isinstance(called, str) or not re.fullmatch(NAME, called):
        raise UserError(
            f"data.class: called() of {settings.source.__name__} gives {called!r}; give letters, digits, ._-"
        )
    return settings.source, called


def _built(
    layers: Iterable[Layer], path: Path, wanted: Sequence[str] | None, same_levels: bool, iterations: int | None
) -> Settings:
    merged = merge(of_one_class(layers))
    raw = {"study": path.stem} | dict(merged.values)
    if "source" in raw:
        origin = merged.origin("source")
        raise UserError(f"{origin}: unknown key source; the data set is chosen under data, by class")
    source, data = _data(merged)
    parts = {
        "source": source,
        "data": data,
        "methods": _methods(merged, wanted, same_levels, iterations),
        "judge": _validated(JudgeSettings, _with_floor(merged, "judge", source), merged, "judge"),
        "jury": _validated(JurySettings, _with_floor(merged, "jury", source), merged, "jury"),
        "scoring": _validated(ScoringSettings, _mapping(merged, "scoring"), merged, "scoring"),
    }
    return _validated(Settings, raw | parts, merged)


def _with_floor(merged: Merged, key: str, source: type[Source]) -> dict[Any, Any]:
    """Settings of judges with the floor that the data have by default."""
    raw = dict(_mapping(merged, key))
    return raw if raw.get("floor") is not None else raw | {"floor": floor_of(source.drawn)}


def _data(merged: Merged) -> tuple[type[Source], SourceSettings]:
    raw = dict(_mapping(merged, "data"))
    where = f"{merged.origin('data', 'class')}: data.class"
    source = loaded(str(raw.pop("class", DATA)), Source, SOURCE_PACKAGES, where)
    called = getattr(source, "name", None)
    if not isinstance(called, str) or not re.fullmatch(NAME, called):
        raise UserError(f"{where}: {called!r} cannot name a data set; give letters, digits and ._-")
    return source, _validated(source.Settings, raw, merged, "data")


def _methods(
    merged: Merged, wanted: Sequence[str] | None, same_levels: bool, iterations: int | None
) -> tuple[MethodEntry, ...]:
    """Entries of the methods wanted; a key is ``method`` or ``method/variant``, and ``method`` the default class.

    A variant has the settings of its method, where the config has that with the same class, but for those it names.
    Without any method the study is of the judges and the controls alone. ``same_levels`` drops the levels of single
    methods, so that the study's hold for all.
    """
    if merged.values.get("methods") is None and wanted is None:
        raise UserError(
            f"{merged.origin()}: methods: none is given; name at least one, or give {{}} for the judges and controls"
        )
    entries = {str(name): entry for name, entry in _mapping(merged, "methods").items()}
    names = entries if wanted is None else wanted
    methods = tuple(_method(name, entries, merged, same_levels, iterations) for name in names)
    check_apart(methods)
    return methods


def _method(
    name: str, entries: Mapping[str, Any], merged: Merged, same_levels: bool, iterations: int | None
) -> MethodEntry:
    base, _, variant = name.partition("/")
    if name not in entries and variant:
        raise UserError(f"unknown method '{name}': {merged.origin()} has {', '.join(entries) or 'none'}")
    raw = _with_those_of(base, name, entries, merged)
    where = f"{merged.origin('methods', name)}: methods.{name}"
    if name not in entries:
        where = f"--methods (those of {merged.origin()} are {', '.join(entries)})"
    cls = loaded(str(raw.pop("class", base)), Method, METHOD_PACKAGES, where)
    check_declared(cls, where)
    levels, balanced = raw.pop("levels", None), raw.pop("balanced", None)
    settings = _validated(cls.Settings, raw, merged, "methods", name)
    if iterations is not None:
        settings = _validated(cls.Settings, raw | with_iterations(settings, iterations), merged, "methods", name)
    entry = {"name": base.partition(":")[2].lower() or base, "variant": variant, "cls": cls, "settings": settings}
    entry |= {"levels": None if same_levels else levels, "balanced": balanced}
    return _validated(MethodEntry, entry, merged, "methods", name)


def _with_those_of(base: str, name: str, entries: Mapping[str, Any], merged: Merged) -> dict[Any, Any]:
    """Settings of a method; those of a variant with the method's own below, where their class is one."""
    own, below = ({**_mapping(merged, "methods", key)} if key in entries else {} for key in (name, base))
    its_class = below.get("class", base)
    return (below if own.get("class", its_class) == its_class else {}) | own


def _mapping(merged: Merged, *where: str) -> Mapping[Any, Any]:
    """A mapping of the settings; empty where they have nothing."""
    raw: Any = merged.values
    for key in where:
        raw = {str(own): value for own, value in raw.items()}.get(key) if raw else None
    return _checked_mapping(raw, merged, where)


def _checked_mapping(raw: Any, merged: Merged, where: tuple[str, ...]) -> Mapping[Any, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise UserError(f"{merged.origin(*where)}: {'.'.join(where)} must be a mapping of settings, not {shown(raw)}")
    return raw


def _validated(model: type[T], raw: Mapping[Any, Any], merged: Merged, *where: str) -> T:
    """A model of raw settings, or one line that names the file, or the command line, and the key."""
    prefix = "".join(f"{key}." for key in where)
    for key in raw:
        if key not in model.model_fields:
            near = get_close_matches(str(key), model.model_fields, n=1, cutoff=0.6)
            raise UserError(
                f"{merged.origin(*where, key)}: unknown key {prefix}{key}; "
                + (f"did you mean {near[0]}? " if near else "")
                + f"known are {', '.join(model.model_fields)}"
            )
    try:
        return model(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = prefix + ".".join(str(part) for part in first["loc"])
        origin = merged.origin(*where, *first["loc"])
        given = "" if first["type"] in ("missing", "value_error") else f", not {shown(first['input'])}"
        unquoted = first["type"] == "string_type" and not isinstance(first["input"], list | dict | None)
        remedy = "; YAML takes it for another thing than a text: put it in quotes" if unquoted else ""
        raise UserError(f"{origin}: {key}: {first['msg'].removeprefix('Value error, ')}{given}{remedy}") from error
