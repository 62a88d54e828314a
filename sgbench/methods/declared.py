"""What a class of a method must say of itself before anything is built: its key, name, version, settings and kind."""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from sgbench.methods.contract import Method, MethodSettings
from sgbench.support.errors import shown
from sgbench.support.names import NAME
from sgbench.support.text import printable


def undeclared(cls: type[Method]) -> str:
    """What a class does not declare as the contract asks for, with the remedy; empty if nothing is missing."""
    key = vars(cls).get("key")  # its own: models of a class would be taken for those of the one it derives from
    if not isinstance(key, str) or not re.fullmatch(NAME, key):
        return (
            f'{cls.__name__} declares no key; write key = "{cls.__name__.lower()}" into the class: its trained models '
            "are kept under it, wherever the class lies"
        )
    for name, is_right, remedy in _DECLARATIONS:
        value = getattr(cls, name, None)
        if not is_right(value):
            found = f" declares no {name}" if value is None else f".{name} is {shown(value)}"
            return f"{cls.__name__}{found}; write {remedy} into the class"
    for name, called in _CALLED.items():
        if not _takes(getattr(cls, name), 1 + called.count(",") + 1):
            return (
                f"{cls.__name__}.{name} cannot be called with {called}; write def {name}(self, {called}) into the class"
            )
    return ""


def _takes(function: Callable[..., Any], number: int) -> bool:
    """Whether a function can be called with so many arguments, as far as that can be told."""
    try:
        inspect.signature(function).bind(*[None] * number)
    except TypeError:
        return False
    except ValueError:  # of one that is not written in Python
        return True
    return True


def _is_settings(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, MethodSettings)


def _is_title(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value == printable(value) and "\n" not in value


def _is_version(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_sampling(value: Any) -> bool:
    (sampling,) = get_args(get_type_hints(Method)["sampling"])
    return value in get_args(sampling)


_DECLARATIONS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("display_name", _is_title, 'display_name = "MyGAN"'),
    ("version", _is_version, "version = 1"),
    ("Settings", _is_settings, "class Settings(MethodSettings): ..."),
    ("one_attribute", _is_bool, "one_attribute = True or False"),
    ("needs_complete_vectors", _is_bool, "needs_complete_vectors = True or False"),
    ("sampling", _is_sampling, 'sampling = "mixed" or "by_value"'),
)
"""Each name, what it must be, and what to write."""
_CALLED = {
    "__init__": "attributes, image_size, settings, labels",
    "step": "batches, iteration",
    "edit": "images, labels, group",
    "translate": "images, labels, groups",
}
"""What the suite calls, and with what."""
