"""Classes by name: ``my_package.attgan:AttGAN``, or the short name of a module that defines one such class.

There is no registry: a short name is looked for as a module in a few packages.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Sequence
from typing import TypeVar

from sgbench.errors import UserError

T = TypeVar("T")

METHOD_PACKAGES = ("sgbench", "baselines")
SOURCE_PACKAGES = ("sgbench.data",)


def load_class(name: str, base: type[T], packages: Sequence[str]) -> type[T]:
    """The concrete subclass of ``base`` that a name stands for.

    Raises:
        UserError: no such module or class, or not of that kind.
    """
    kind = base.__name__.lower()
    module_name, _, class_name = name.partition(":")
    if class_name:
        module = _import(module_name, f"unknown {kind} '{name}'")
        found = getattr(module, class_name, None)
        if not (inspect.isclass(found) and issubclass(found, base) and not inspect.isabstract(found)):
            raise UserError(f"unknown {kind} '{name}': {module_name} has no complete {base.__name__} of that name")
        return found
    for package in packages:
        path = f"{package}.{name}"
        if name.isidentifier() and importlib.util.find_spec(path):
            module = importlib.import_module(path)
            own = [
                value
                for value in vars(module).values()
                if inspect.isclass(value)
                and issubclass(value, base)
                and not inspect.isabstract(value)
                and value.__module__ == path
            ]
            if len(own) == 1:
                return own[0]
    raise UserError(
        f"unknown {kind} '{name}': give a module of {' or '.join(packages)} that defines one, or 'package.module:Class'"
    )


def _import(name: str, problem: str):
    try:
        return importlib.import_module(name)
    except (ImportError, ValueError, TypeError) as error:  # the last two: an empty or a relative name
        raise UserError(f"{problem}: {error}") from error
