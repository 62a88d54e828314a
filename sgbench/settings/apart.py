"""Methods that cannot be taken for each other: in the run folder by their keys, in a report by the names shown."""

from collections.abc import Sequence
from itertools import permutations

from sgbench.methods.contract import Method
from sgbench.methods.declared import undeclared
from sgbench.results.row_names import is_control, is_row_of
from sgbench.settings.config_files import METHOD_PACKAGES
from sgbench.settings.models import MethodEntry
from sgbench.support.errors import UserError
from sgbench.support.loading import classes_in
from sgbench.support.modules import find_module


def check_declared(cls: type[Method], where: str) -> None:
    """Refuse a class that does not say of itself what the contract asks for, or has the key of another one.

    Args:
        where: it is named, for messages.

    Raises:
        UserError: says what to write into the class.
    """
    if missing := undeclared(cls):
        raise UserError(f"{where}: {missing}")
    taken = {known.key for known in classes_in(METHOD_PACKAGES, Method)} if is_foreign(cls) else set()
    if cls.key in taken:
        raise UserError(
            f"{where}: {cls.__name__} has the key '{cls.key}' of a method that comes with sgbench and would get its "
            "trained models; give it another"
        )


def is_foreign(cls: type[Method]) -> bool:
    """Whether a method comes from elsewhere."""
    return cls.__module__.rpartition(".")[0] not in METHOD_PACKAGES


def check_apart(methods: Sequence[MethodEntry]) -> None:
    """Refuse methods of a study that records, folders or readers of its report could confuse.

    Raises:
        UserError: says which, and how to tell them apart.
    """
    if min(len({m.slug.casefold() for m in methods}), len({(m.name, m.shown_variant) for m in methods})) < len(methods):
        raise UserError(f"methods {', '.join(m.key for m in methods)}: one is named twice")
    classes: dict[str, type[Method]] = {}
    names: dict[str, str] = {}
    shown: dict[str, MethodEntry] = {}
    for method in methods:
        key, title = method.cls.key, method.cls.display_name
        if classes.setdefault(key, method.cls) is not method.cls:
            raise UserError(f"methods: two classes have the key '{key}'; give one of them another")
        if is_control(title):
            raise UserError(f"methods: {method.key} is called {title}, as a control is; give it another display_name")
        if (other := shown.setdefault(title.casefold(), method)).name != method.name:
            raise UserError(
                f"methods: a report would show both {other.key} and {method.key} as {title}; {_remedy(other, method)}"
            )
        if (first := names.setdefault(method.name, title)) != title:
            raise UserError(
                f"methods {method.name}: variants of one method are shown by one name, not as {first} and as {title}; "
                "leave the slash out of the name of one"
            )
        _check_name(method)
    for one, two in permutations({m.name: m for m in methods}.values(), 2):
        title, other = one.cls.display_name, two.cls.display_name
        if is_row_of(title, other, [m.shown_variant for m in methods if m.name == two.name and m.shown_variant]):
            raise UserError(f"methods: {one.key} is called {title}, as a row of {two.key}; {_remedy(one, two)}")


def _remedy(one: MethodEntry, two: MethodEntry) -> str:
    if one.cls is not two.cls:
        return "give one of their classes another display_name"
    first, second = sorted((one, two), key=lambda method: not find_module(method.name, METHOD_PACKAGES))
    return f"call {second.key} {first.name}/{second.slug}, which makes it a variant"


def _check_name(method: MethodEntry) -> None:
    """Refuse the name of a method of the suite for another one: its published figures would stand beside it."""
    module = find_module(method.name, METHOD_PACKAGES)
    for known in classes_in(METHOD_PACKAGES, Method) if module else ():
        if known.__module__ == module and known.display_name != method.cls.display_name:
            raise UserError(
                f"methods.{method.key}: {method.name} is the name of {known.display_name} ({module}), with whose "
                f"published figures {method.cls.display_name} would be shown; choose another name"
            )
