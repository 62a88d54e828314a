"""Settings that a method is checked with: those given, its own defaults, and small ones for the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from sgbench.methods.contract import Method, MethodSettings
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError
from sgbench.support.settings_model import first_problem

_SMALL = {"iterations": 8, "constant_iterations": 4, "batch_size": 4, "base_width": 8}
"""A check looks at what a method does, not at what it learns."""


def settings_for(cls: type[Method], given: Sequence[str], config: str | None = None) -> MethodSettings:
    """Settings of a method.

    Args:
        given: ``name=value``, with values as YAML has them.
        config: one that has the method; its settings are then taken as they are.

    Raises:
        UserError: a setting is wrong or missing, or the config does not have the method.
    """
    values = dict(map(_parsed, given))
    base = _SMALL if config is None else _of_config(cls, config)
    try:
        return cls.Settings(**base | values)
    except ValidationError as error:
        missing = error.errors()[0]["type"] == "missing"
        remedy = "; give it by --settings name=value, or a config that has it by --config" if missing else ""
        raise UserError(f"--settings: {first_problem(error)}{remedy}") from error


def _parsed(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    try:
        if sign and name.isidentifier():
            return name, yaml.safe_load(value)
    except yaml.YAMLError:
        pass
    raise UserError(f"--settings: '{text}' is no name=value, such as base_width=16")


def _of_config(cls: type[Method], config: str) -> Mapping[str, Any]:
    path = find_config(config)
    entries = [entry for entry in read_settings(path, {}, {}).methods if entry.cls is cls]
    if not entries:
        raise UserError(f"--config: {path} has no method of the class {cls.__module__}:{cls.__qualname__}")
    return entries[0].settings.model_dump()
