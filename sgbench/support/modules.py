"""Finds modules by their short names, without importing them: a wrong name is told before anything heavy is loaded."""

import importlib.util
from collections.abc import Sequence


def is_known(name: str) -> bool:
    """Whether Python finds a module of this name, so that one in the working folder would hide it, or be hidden."""
    return name.isidentifier() and importlib.util.find_spec(name) is not None


def find_module(name: str, packages: Sequence[str]) -> str:
    """The full name of the first module of some packages that is called ``name``, empty if there is none."""
    paths = (f"{package}.{name}" for package in packages if name.isidentifier())
    return next((path for path in paths if importlib.util.find_spec(path)), "")
