"""Settings as YAML that is a config again: bare, to be kept, or with a sentence on each setting, to be read."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sgbench.data.source import Source
from sgbench.methods.contract import Method
from sgbench.settings.classes import DATA
from sgbench.settings.config_files import METHOD_PACKAGES, SOURCE_PACKAGES
from sgbench.settings.models import MethodEntry, Settings
from sgbench.support.loading import name_of_class
from sgbench.support.settings_model import sentence_on
from sgbench.support.strict import yaml_text

_CLASS = "Where it is implemented: the name of a module of sgbench, or package.module:Class."
_WIDTH, _LONG = 100, 60
_CLASSES = {"data.": DATA}
"""The class of a part of the settings that names none; that of a method has the method's name."""
_ELSEWHERE = {"study": "the file's name"}
"""What a setting is that every study has, but a config need not give."""
_NOT_READ = {"items", "changed"}
"""Settings that the command line makes."""


@dataclass(frozen=True)
class Setting:
    """A setting as users are told of it.

    Attributes:
        key: its path, with dots.
        value: as YAML has it; None for a part of the settings, whose own follow.
        default: as YAML has it, in words where there is none; empty for a part.
        about: a sentence; empty if whoever wrote its class gave none.
    """

    key: str
    value: Any
    default: str
    about: str


def as_config(settings: Settings) -> str:
    """Settings as YAML that ``read_settings`` reads."""
    return yaml_text(as_values(settings))


def as_values(settings: Settings) -> dict[str, Any]:
    """The same before it becomes text."""
    plain = settings.model_dump(mode="json", exclude={"source", "methods"})
    plain["data"] = _with_class(settings.source, Source, SOURCE_PACKAGES, settings.data)
    plain["methods"] = {entry.key: _entry(entry) for entry in settings.methods}
    return plain


def _entry(entry: MethodEntry) -> dict[str, Any]:
    levels = {key: list(value) for key in ("levels", "balanced") if (value := getattr(entry, key)) is not None}
    return levels | _with_class(entry.cls, Method, METHOD_PACKAGES, entry.settings)


def _with_class(cls: type, base: type, packages: tuple[str, ...], settings: BaseModel) -> dict[str, Any]:
    """Settings of a class as a config gives them."""
    return {"class": name_of_class(cls, base, packages)} | settings.model_dump(mode="json")


def explained(settings: Settings) -> list[Setting]:
    """Every setting that a config can have, in the order of a config."""
    values = {key: value for key, value in as_values(settings).items() if key not in _NOT_READ}
    told = list(_told(settings, values, ""))
    for entry in settings.methods:
        told.append(Setting(f"methods.{entry.key}", None, "", f"{entry.cls.display_name}."))
        told += _told_of_method(entry, values["methods"][entry.key])
    return told


def as_explained_config(settings: Settings) -> str:
    """Settings as YAML that ``read_settings`` reads, a comment above each of them."""
    lines: list[str] = []
    parts = [entry.key for entry in settings.methods]
    for setting in explained(settings):
        keys = _keys(setting.key, parts)
        indent = "  " * (len(keys) - 1)
        default = f" (default: {setting.default})" if setting.default else ""
        comment = textwrap.wrap(f"{setting.about}{default}", _WIDTH - len(indent) - 2, break_long_words=False)
        lines += [f"{indent}# {line}" for line in comment]
        lines += [indent + line for line in _written(keys[-1], setting)]
    return "\n".join(lines) + "\n"


def _told(model: BaseModel, values: Mapping[str, Any], prefix: str) -> Iterator[Setting]:
    """The settings of a part, and of the parts in it; methods are left to whoever knows them."""
    for key, value in values.items():
        about, part = sentence_on(type(model), key), getattr(model, key, None)
        if key == "class":
            yield Setting(f"{prefix}{key}", value, _CLASSES.get(prefix, "the method's name"), _CLASS)
        elif key == "methods" and not prefix:
            yield Setting(key, None if value else {}, "", about)
        elif isinstance(part, BaseModel):
            yield Setting(f"{prefix}{key}", None, "", about)
            yield from _told(part, value, f"{prefix}{key}.")
        else:
            yield Setting(f"{prefix}{key}", value, _default(type(model), key), about)


def _told_of_method(entry: MethodEntry, values: Mapping[str, Any]) -> Iterator[Setting]:
    prefix = f"methods.{entry.key}."
    own = {key: values.get(key) for key in ("levels", "balanced")}
    yield from _told(entry, own, prefix)
    yield from _told(entry.settings, {key: value for key, value in values.items() if key not in own}, prefix)


def _default(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    if field.is_required():
        return _ELSEWHERE.get(key, "none, it must be given")
    default = field.get_default(call_default_factory=True)
    plain = default.model_dump(mode="json") if isinstance(default, BaseModel) else default
    return in_one_line(list(plain) if isinstance(plain, tuple) else plain)


def in_one_line(value: Any) -> str:
    """A value as YAML, in one line."""
    written = yaml_text([value], default_flow_style=True, width=1_000_000)
    return written.strip()[1:-1]


def _written(name: str, setting: Setting) -> list[str]:
    """The lines of a key and its value."""
    key = in_one_line(name)
    if setting.value is None and not setting.default:
        return [f"{key}:"]
    if isinstance(setting.value, list) and any(isinstance(v, str) and len(v) > _LONG for v in setting.value):
        text = yaml_text(setting.value, width=_WIDTH)
        return [f"{key}:", *(f"  {line}" for line in text.rstrip().split("\n"))]
    return [f"{key}: {in_one_line(setting.value)}"]


def _keys(key: str, methods: list[str]) -> list[str]:
    """The parts of a key; a method's name is one of them, whatever dots it holds."""
    for name in methods:
        if key == f"methods.{name}" or key.startswith(f"methods.{name}."):
            return ["methods", name, *filter(None, key.removeprefix(f"methods.{name}")[1:].split("."))]
    return key.split(".")
