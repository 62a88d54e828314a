"""YAML and JSON that users or other programs wrote: a key stands once, and nothing in a small text becomes large.

And JSON that is printed for other programs, and YAML. How values are read and written is the same whatever code from
elsewhere has registered with PyYAML.
"""

import json
import re
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from sgbench.support.errors import one_line, shown
from sgbench.support.reading import NotRead, read_text

LARGEST = 2**31 - 1
"""Whole numbers of settings are at most this; what is counted has far fewer."""
MOST_VALUES = 100_000
"""In a YAML text, with those that aliases stand for counted each time."""
_SHOWN = 300
_ODD = re.compile(r"[-+]?(0[0-7_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""Numbers to the base of 8 or 60 as YAML 1.1 has them, which few people mean: 010 is 8, 1:30 is 90."""
_OF_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError)
"""What PyYAML raises for texts; the last four are of values with a tag that they do not fit."""


def _with_own_registries(cls: type) -> type:
    """A subclass that reads or writes values as ``cls`` does now, whatever is registered with that later."""
    names = [name for name in dir(cls) if name.startswith("yaml_") and isinstance(getattr(cls, name), dict)]
    return type(cls.__name__, (cls,), {name: deepcopy(getattr(cls, name)) for name in names})


_Loader, _Dumper = map(_with_own_registries, (yaml.SafeLoader, yaml.SafeDumper))


def yaml_text(value: Any, **style: Any) -> str:
    """A value as YAML, keys in their order.

    Args:
        style: options of ``yaml.dump``.
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **style)


def read_yaml(path: Path) -> Any:
    """What a YAML file says, without classes of Python.

    Raises:
        ValueError: it cannot be read, or ``parse_yaml`` refuses it; one line names it.
    """
    try:
        return parse_yaml(read_text(path).removeprefix("\ufeff"))
    except (OSError, NotRead, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as YAML in UTF-8: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse_yaml(text: str) -> Any:
    """What a YAML text says, without classes of Python.

    Raises:
        ValueError: it is no YAML, repeats a key, has a number to another base that looks like one to the base of ten,
            or stands for too much; one line says where.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _values(node, loader, {})
        return loader.construct_document(node)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("cannot be read as YAML: lists or mappings lie too deep in each other") from None
    except _OF_YAML as error:
        raise ValueError(f"cannot be read as YAML: {one_line(error, _SHOWN)}") from error


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        OSError: it is not there, or may not be read.
        ValueError: it is too large or not in UTF-8, or ``parse_json`` refuses it.
    """
    return parse_json(read_text(path))


def read_object(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        OSError: as ``read_json`` does.
        ValueError: as ``read_json`` does, or the file holds something else.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"must hold an object, not {shown(value)}")
    return value


def parse_json(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is no JSON, or repeats a key; one line says where.
    """
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except RecursionError:
        raise ValueError("lists or objects lie too deep in each other") from None
    except _Refused as error:
        raise ValueError(_with_lines(text) or str(error)) from None


def json_text(value: Any) -> str:
    """A value as JSON, for other programs to read."""
    return json.dumps(value, indent=1, ensure_ascii=False)


class _Refused(ValueError):
    """Of a text that could be read, but must not be."""


def _values(node: yaml.Node, loader: yaml.SafeLoader, counted: dict[yaml.Node, int]) -> int:
    """Number of values that a node stands for, aliases followed; refuses too many, and keys that are repeated.

    Args:
        counted: of nodes that were seen; 0 for those above this one, to which an alias must not lead.
    """
    if node not in counted:
        counted[node] = 0
        if isinstance(node, yaml.MappingNode):
            _check_keys((key for key, _ in node.value if isinstance(key, yaml.ScalarNode)), loader)
            below = [part for pair in node.value for part in pair]
        else:
            below = node.value if isinstance(node, yaml.SequenceNode) else []
            _check_number(node, loader)
        counted[node] = 1 + sum(_values(child, loader, counted) for child in below)
    line = node.start_mark.line + 1
    if not counted[node]:
        raise _Refused(f"line {line}: an alias stands for what it is a part of; write it out")
    if counted[node] > MOST_VALUES:
        raise _Refused(f"line {line}: stands for more than {MOST_VALUES:,} values by its aliases; write fewer")
    return counted[node]


def _check_number(node: yaml.Node, loader: yaml.SafeLoader) -> None:
    """Refuse a number that is another one than it looks like."""
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and _ODD.fullmatch(str(node.value)):
        number = loader.construct_object(node)
        if ":" not in node.value and number == int(node.value):  # 07 is seven in either
            return
        told = f"line {node.start_mark.line + 1}: {node.value} is the number {number} in YAML"
        raise _Refused(f"{told}; write {number} if it is meant, or put a text in quotes")


def _check_keys(keys: Iterable[yaml.ScalarNode], loader: yaml.SafeLoader) -> None:
    lines: dict[str, int] = {}
    for key in keys:
        merges = key.tag == "tag:yaml.org,2002:merge"  # <<, which has no value of its own
        name, line = key.value if merges else str(loader.construct_object(key)), key.start_mark.line + 1
        if name in lines:
            raise _Refused(f"line {line} repeats the key '{one_line(name, 60)}' of line {lines[name]}; remove one")
        lines[name] = line


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise _Refused(f"the key '{one_line(key, 60)}' is repeated; remove one")
        mapping[key] = value
    return mapping


def _with_lines(text: str) -> str:
    """What is said of a JSON text with a repeated key, which is YAML too, with its lines; empty if it is not."""
    try:
        parse_yaml(text)
    except ValueError as error:
        return str(error) if "repeats the key" in str(error) else ""
    return ""
