"""Finds modules by their short names, without importing them: a wrong name is told before anything heavy is loaded."""

import importlib.util
from collections.abc import Sequence


def find_module(name: str, packages: Sequence[str]) -> str:
    """The full name of the first module of some packages that is called ``name``, empty if there is none."""
    paths = (f"{package}.{name}" for package in packages if name.isidentifier())
    return next((path for path in paths if importlib.util.find_spec(path)), "")
