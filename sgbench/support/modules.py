"""Finds modules by their names, without importing them, and the versions of those that were installed."""

import importlib.util
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

SUFFIXES = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
"""Of files of code that Python imports."""


def is_known(name: str) -> bool:
    """Whether Python finds a module of this name, so that one in the working folder would hide it, or be hidden."""
    try:
        return name.isidentifier() and importlib.util.find_spec(name) is not None
    except ValueError:  # one that was put together by hand has no spec
        return True


def find_module(name: str, packages: Sequence[str]) -> str:
    """The full name of the first module of some packages that is called ``name``, empty if there is none.

    A wrong name is told before anything heavy is loaded.
    """
    paths = (f"{package}.{name}" for package in packages if name.isidentifier())
    return next((path for path in paths if importlib.util.find_spec(path)), "")


def places_of(name: str) -> list[Path]:
    """Where the top-level module or package of this name lies, without the suffix of a file; none if it is no file."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a module that was put together by hand has no spec
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin).with_name(name)] if spec.has_location and spec.origin else []


def files_run(place: Path, below: Sequence[str]) -> list[Path]:
    """The files that are run when a name below a place is imported: its packages' and its own, as far as they exist.

    Args:
        place: of a module or package, without the suffix of a file.
    """
    places = [place.joinpath(*below[:k]) for k in range(len(below) + 1)]
    files = [p for at in places for p in (at / "__init__.py", *(at.with_name(at.name + s) for s in SUFFIXES))]
    return [file for file in files if file.is_file()]


@cache
def installed_version(name: str) -> str:
    """The version of the distribution that brought a top-level module; empty if none did."""
    with suppress(PackageNotFoundError, ValueError):
        return version(name)
    return next((version(called) for called in packages_distributions().get(name, [])), "")  # reads what all brought
