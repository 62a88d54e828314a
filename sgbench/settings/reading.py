"""Settings read from YAML, overridden by the command line; what is wrong is a line that names the file and the key."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sgbench.data.source import Source, SourceSettings
from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JudgeSettings
from sgbench.methods.contract import Method
from sgbench.settings.config_files import METHOD_PACKAGES
from sgbench.settings.models import NAME, MethodEntry, ScoringSettings, Settings
from sgbench.support.errors import UserError, shown
from sgbench.support.loading import classes_in, load_class, name_of_class
from sgbench.support.strict import read_yaml

T = TypeVar("T", bound=BaseModel)
C = TypeVar("C", Method, Source)

SOURCE_PACKAGES = ("sgbench.data.sources",)


def read_settings(path: Path, overrides: Mapping[str, Any], data_overrides: Mapping[str, Any]) -> Settings:
    """Read and validate a config.

    Args:
        overrides: top-level keys that replace the file's; ``methods`` is then a list of names of the file's methods,
            ``levels`` also replace those of single methods, ``scoring`` and ``jury`` are added to the file's.
        data_overrides: keys of ``data`` that are added to the file's, or replace them. If ``class`` is another one, the
            keys that only the file's class knows are dropped. A ``path`` for a class that takes none means CelebA.

    Raises:
        UserError: names the file, the key and what is wrong with it.
    """
    try:
        raw = read_yaml(path)
    except ValueError as error:
        raise UserError(str(error)) from error
    if not isinstance(raw, dict):
        raise UserError(f"{path}: must be a mapping of settings, not {type(raw).__name__}")
    if "source" in raw:
        raise UserError(f"{path}: unknown key source; the data set is chosen under data, by class")
    raw = {"study": path.stem} | raw
    wanted = overrides.get("methods")
    top = {key: value for key, value in overrides.items() if key not in ("methods", "scoring", "jury")}
    source, data = _data(raw.pop("data", None), data_overrides, path)
    parts = {
        "source": source,
        "data": data,
        "methods": _methods(raw.pop("methods", None), wanted, path, "levels" in top),
        "judge": _validated(JudgeSettings, raw.pop("judge", None), path, "judge"),
        "jury": _added(JurySettings, raw.pop("jury", None), overrides.get("jury", {}), path, "jury"),
        "scoring": _added(ScoringSettings, raw.pop("scoring", None), overrides.get("scoring", {}), path, "scoring"),
    }
    return _validated(Settings, raw | top | parts, path, overridden=top)


def _added(model: type[T], raw: Any, overrides: Mapping[str, Any], path: Path, key: str) -> T:
    """A part of the settings: the file's keys, and those of the command line in their place."""
    return _validated(model, dict(_mapping(raw, path, key)) | overrides, path, key, overridden=overrides)


def _data(raw: Any, overrides: Mapping[str, Any], path: Path) -> tuple[type[Source], SourceSettings]:
    raw = dict(_mapping(raw, path, "data"))
    name = str(overrides.get("class", raw.pop("class", "faces")))
    source = _loaded(name, Source, SOURCE_PACKAGES, f"{path}: data.class")
    called = getattr(source, "name", None)
    if not isinstance(called, str) or not re.fullmatch(NAME, called):
        raise UserError(f"{path}: data.class: {called!r} cannot name a data set; give letters, digits and ._-")
    if "path" in overrides and "path" not in source.Settings.model_fields:  # drawn images have no path
        return _data(raw, {"class": "celeba", **overrides}, path)
    if "class" in overrides:
        raw = {key: value for key, value in raw.items() if key in SourceSettings.model_fields and key != "num_test"}
    given = {key: value for key, value in overrides.items() if key != "class"}
    return source, _validated(source.Settings, raw | given, path, "data", overridden=given)


def _methods(raw: Any, wanted: list[str] | None, path: Path, same_levels: bool) -> tuple[MethodEntry, ...]:
    """Entries of the methods wanted; a key is ``method`` or ``method/variant``, and ``method`` the default class.

    Without any method the study is of the judges and the controls alone. ``same_levels`` drops the levels of single
    methods, so that the study's hold for all.
    """
    if raw is None and wanted is None:
        raise UserError(f"{path}: methods: none is given; name at least one, or give {{}} for the judges and controls")
    entries = {str(name): entry for name, entry in _mapping(raw, path, "methods").items()}
    methods = tuple(_method(name, entries, path, same_levels) for name in (entries if wanted is None else wanted))
    if min(len({m.slug.casefold() for m in methods}), len({(m.name, m.shown_variant) for m in methods})) < len(methods):
        raise UserError(f"methods {', '.join(entries if wanted is None else wanted)}: one is named twice")
    classes: dict[str, type[Method]] = {}
    for method in methods:
        if classes.setdefault(method.cls.key, method.cls) is not method.cls:
            raise UserError(f"methods: two classes have the key '{method.cls.key}'; give one of them another")
    return methods


def _method(name: str, entries: Mapping[str, Any], path: Path, same_levels: bool) -> MethodEntry:
    raw = dict(_mapping(entries.get(name), path, f"methods.{name}"))
    base, _, variant = name.partition("/")
    if name not in entries and variant:
        raise UserError(f"unknown method '{name}': {path} has {', '.join(entries) or 'none'}")
    where = f"{path}: methods.{name}" if name in entries else f"--methods (those of {path} are {', '.join(entries)})"
    cls = _loaded(str(raw.pop("class", base)), Method, METHOD_PACKAGES, where)
    _check_key(cls, where)
    levels, balanced = raw.pop("levels", None), raw.pop("balanced", None)
    settings = _validated(cls.Settings, raw, path, f"methods.{name}")
    entry = {"name": base.partition(":")[2].lower() or base, "variant": variant, "cls": cls, "settings": settings}
    entry |= {"levels": None if same_levels else levels, "balanced": balanced}
    return _validated(MethodEntry, entry, path, f"methods.{name}")


def _check_key(cls: type[Method], where: str) -> None:
    """Refuse a class that declares no key itself: its models would be taken for those of the class it derives from."""
    key = vars(cls).get("key")
    if not isinstance(key, str) or not re.fullmatch(NAME, key):
        raise UserError(
            f'{where}: {cls.__name__} declares no key; write key = "{cls.__name__.lower()}" into the class: its '
            "trained models are kept under it, wherever the class lies"
        )
    taken = {known.key for known in classes_in(METHOD_PACKAGES, Method)} if is_foreign(cls) else set()
    if key in taken:
        raise UserError(
            f"{where}: {cls.__name__} has the key '{key}' of a method that comes with sgbench and would get its "
            "trained models; give it another"
        )


def is_foreign(cls: type[Method]) -> bool:
    """Whether a method comes from elsewhere."""
    return cls.__module__.rpartition(".")[0] not in METHOD_PACKAGES


def _loaded(name: str, base: type[C], packages: tuple[str, ...], where: str) -> type[C]:
    try:
        return load_class(name, base, packages)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _mapping(raw: Any, path: Path, where: str) -> Mapping[Any, Any]:
    """A mapping of a config; empty where the config has nothing."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise UserError(f"{path}: {where} must be a mapping of settings, not {shown(raw)}")
    return raw


def _validated(model: type[T], raw: Any, path: Path, where: str = "", overridden: Collection[str] = ()) -> T:
    """A model of raw settings, or one line that names the file, or the command line, and the key."""
    prefix = f"{where}." if where else ""
    raw = _mapping(raw, path, where)
    for key in raw:
        if key not in model.model_fields:
            origin = "command line" if key in overridden else path
            raise UserError(f"{origin}: unknown key {prefix}{key}; known are {', '.join(model.model_fields)}")
    try:
        return model(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = prefix + ".".join(str(part) for part in first["loc"])
        origin = "command line" if first["loc"][:1] and first["loc"][0] in overridden else path
        given = "" if first["type"] in ("missing", "value_error") else f", not {shown(first['input'])}"
        unquoted = first["type"] == "string_type" and not isinstance(first["input"], list | dict | None)
        remedy = "; YAML takes it for another thing than a text: put it in quotes" if unquoted else ""
        raise UserError(f"{origin}: {key}: {first['msg'].removeprefix('Value error, ')}{given}{remedy}") from error


def as_config(settings: Settings) -> str:
    """Settings as YAML that ``read_settings`` reads."""
    plain = settings.model_dump(mode="json", exclude={"source", "methods", "data"})
    plain["data"] = _with_class(settings.source, Source, SOURCE_PACKAGES, settings.data)
    plain["methods"] = {entry.key: _entry(entry) for entry in settings.methods}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _entry(entry: MethodEntry) -> dict[str, Any]:
    levels = {key: list(value) for key in ("levels", "balanced") if (value := getattr(entry, key)) is not None}
    return levels | _with_class(entry.cls, Method, METHOD_PACKAGES, entry.settings)


def source_name(cls: type[Source]) -> str:
    """The class of a data set as a config names it."""
    return name_of_class(cls, Source, SOURCE_PACKAGES)


def _with_class(cls: type, base: type, packages: tuple[str, ...], settings: BaseModel) -> dict[str, Any]:
    """Settings of a class as a config gives them."""
    return {"class": name_of_class(cls, base, packages)} | settings.model_dump(mode="json")
