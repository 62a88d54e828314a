"""Loads code by name: ``my_package.mygan:MyGAN``, or the short name of a module that defines one such class.

There is no registry; a short name is the name of a module in one of a few packages.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TypeVar

from sgbench.support.code import check_as_imported
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign
from sgbench.support.modules import find_module

T = TypeVar("T")


def load_function(name: str) -> Callable:
    """The function, or other callable object, that ``package.module:function`` names.

    Raises:
        UserError: there is no such module, or it has no callable object of this name.
    """
    module_name, _, function_name = name.partition(":")
    function = getattr(_import(module_name, f"'{name}' cannot be imported"), function_name, None)
    if not callable(function) or inspect.isclass(function):
        raise UserError(f"'{name}': {module_name} has no function '{function_name}'")
    return function


def load_instance(name: str, kind: type[T]) -> T:
    """The object of a class that ``package.module:NAME`` names.

    Raises:
        UserError: there is no such module, or it has no such object.
    """
    module_name, _, own = name.partition(":")
    found = getattr(_import(module_name, f"'{name}' cannot be imported"), own, None)
    if not isinstance(found, kind):
        raise UserError(f"'{name}': {module_name} has no {kind.__name__} '{own}'")
    return found


def load_class(name: str, base: type[T], packages: Sequence[str]) -> type[T]:
    """The concrete subclass of ``base`` that a name stands for.

    Args:
        name: ``package.module:Class``, or a module of one of the ``packages`` that defines one such class.

    Raises:
        UserError: there is no such module or class, the class is not a concrete subclass of ``base``, or is not found
            again under its own name.
    """
    kind = base.__name__.lower()
    module_name, _, class_name = name.partition(":")
    if class_name:
        cls = getattr(_import(module_name, f"unknown {kind} '{name}'"), class_name, None)
        if not (inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls)):
            told = f"unknown {kind} '{name}': {module_name} has no complete {base.__name__} of that name"
            raise UserError(f"{told}{_lacking(cls, base)}")
        _check_plain(cls, base)
        _check_findable(cls, name)
        return cls
    if module := find_module(name, packages):
        with foreign(module):
            defined = _classes(importlib.import_module(module), base)
        if len(defined) == 1:
            return defined[0]
    raise UserError(
        f"unknown {kind} '{name}': give a module of {' or '.join(packages)} that defines one, or 'package.module:Class'"
    )


def _lacking(cls: object, base: type) -> str:
    """What is missing in what was found in the place of a class; empty if nothing was found."""
    if not inspect.isclass(cls):
        return ""
    if not issubclass(cls, base):
        return f"; write class {cls.__name__}({base.__name__}), with {base.__name__} from {base.__module__}"
    return f"; write def {' and def '.join(sorted(cls.__abstractmethods__))} into the class"


def _check_plain(cls: type, base: type) -> None:
    """Refuse asynchronous methods in the place of the base's: calling them would run nothing of them."""
    for name in dir(base):
        function = getattr(cls, name)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise UserError(f"{cls.__module__}:{cls.__name__}.{name} is asynchronous; write def instead of async def")


def _check_findable(cls: type, name: str) -> None:
    """Refuse a class that a function made elsewhere: its module is not the one whose code decides it.

    By its own name a class is hashed, named beside a trained model and found by other processes.
    """
    found: object = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not cls:
        raise UserError(
            f"'{name}' is {cls.__qualname__} of {cls.__module__}, where no class is found by that name; define it at "
            "the top of a module, as a subclass of what a function makes if need be"
        )


def name_of_class(cls: type, base: type, packages: Sequence[str]) -> str:
    """The shortest name by which ``load_class`` finds a class; a short name still works after the file has moved."""
    package, _, module = cls.__module__.rpartition(".")
    if package in packages and _classes(importlib.import_module(cls.__module__), base) == [cls]:
        return module
    return f"{cls.__module__}:{cls.__qualname__}"


def classes_in(packages: Sequence[str], base: type[T]) -> list[type[T]]:
    """The concrete subclasses of ``base`` that the modules of some packages define."""
    modules = [
        importlib.import_module(f"{package}.{found.name}")
        for package in packages
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__)
    ]
    return [cls for module in modules for cls in _classes(module, base)]


def _classes(module: ModuleType, base: type[T]) -> list[type[T]]:
    """The concrete subclasses of ``base`` that a module defines (not those that it imports)."""
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
    ]


def _import(name: str, problem: str) -> ModuleType:
    try:
        with foreign(name):
            module = importlib.import_module(name)
    except Exception as error:  # no such module, a bad name, or any error of its code
        raise UserError(f"{problem}: {summary(error)}; give package.module:name") from error
    check_as_imported(name)
    return module
