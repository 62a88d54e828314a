"""What a user asks for, and says of a source image, by names: ``smile=smiling``, ``hair_color=none``."""

from collections.abc import Sequence
from difflib import get_close_matches

import torch
from torch import Tensor

from sgbench.data.labels import HIDDEN, NONE, Attribute, Group
from sgbench.data.levels import NONE_NAME
from sgbench.support.errors import UserError, shown

Pair = tuple[str, str]
"""An attribute's name and that of a value."""
_YES, _NO = "yes", "no"
"""What the values of an attribute of two may also be called, if they themselves say which is which."""
_PRESENT = {_YES, "y", "true", "1", "on", "with", "present"}
_ABSENT = {_NO, "n", "false", "0", "-1", "off", "without", "absent"}
_STEM = 4
"""Letters in which a value and its attribute are the same word: smile and smiling."""


def groups_of(pairs: Sequence[Pair], attributes: Sequence[Attribute]) -> tuple[Group, ...]:
    """The groups that are asked for, in the order given.

    Raises:
        UserError: an attribute or a value is unknown, or an attribute is named twice.
    """
    groups = [Group(j, _value(attributes[j], value, "--to")) for j, value in _by_position(pairs, attributes, "--to")]
    return tuple(groups)


def labels_of(pairs: Sequence[Pair], attributes: Sequence[Attribute]) -> Tensor:
    """What is known of a source image, int8 [1, J], hidden where nothing is said; ``none`` is none of the values.

    Raises:
        UserError: as ``groups_of``.
    """
    labels = torch.full((1, len(attributes)), HIDDEN, dtype=torch.int8)
    for j, value in _by_position(pairs, attributes, "--from"):
        attribute = attributes[j]
        is_none = value == NONE_NAME and not attribute.exhaustive
        labels[0, j] = NONE if is_none else _value(attribute, value, "--from")
    return labels


def in_words(groups: Sequence[Group], attributes: Sequence[Attribute]) -> str:
    """Groups as a user names them."""
    return ", ".join(f"{attributes[g.attribute].name}={attributes[g.attribute].values[g.value]}" for g in groups)


def labels_in_words(labels: Sequence[int], attributes: Sequence[Attribute]) -> str:
    """Labels as a user names them; hidden ones are left out."""
    named = zip(labels, attributes, strict=True)
    return ", ".join(f"{a.name}={NONE_NAME if v == NONE else a.values[v]}" for v, a in named if v != HIDDEN)


def _by_position(pairs: Sequence[Pair], attributes: Sequence[Attribute], option: str) -> list[tuple[int, str]]:
    names = [attribute.name for attribute in attributes]
    found: dict[int, str] = {}
    for name, value in pairs:
        if name not in names:
            raise UserError(f"{option} {name}={value}: unknown attribute; {_instead(name, names)}")
        if names.index(name) in found:
            raise UserError(f"{option} {name}={value}: {name} is named twice; give it once")
        found[names.index(name)] = value
    return list(found.items())


def _value(attribute: Attribute, name: str, option: str) -> int:
    """The value that a name stands for; yes and no may be those of two values that every image has one of."""
    if name in attribute.values:
        return attribute.values.index(name)
    if name in (_YES, _NO) and (present := _present(attribute)) is not None:
        return present if name == _YES else 1 - present
    none = (NONE_NAME,) if option == "--from" and not attribute.exhaustive else ()
    raise UserError(
        f"{option} {attribute.name}={name}: {shown(name)} is none of its values; "
        + _instead(name, (*attribute.values, *none))
    )


def _present(attribute: Attribute) -> int | None:
    """Which of two values says that there is what the attribute is called after; None if neither does, or both.

    Their order says nothing: values of a table are sorted.
    """
    if len(attribute.values) != 2 or not attribute.exhaustive:
        return None
    name = attribute.name.casefold().replace("_", " ")
    if name.startswith(("no ", "not ")):  # yes to what an attribute denies would be taken either way
        return None
    stem = name[:_STEM]
    told = [value.casefold().replace("_", " ") for value in attribute.values]
    found = [
        k
        for k, (own, other) in enumerate((told, told[::-1]))
        if own in _PRESENT
        or other in (*_ABSENT, f"no {own}", f"not {own}")
        or (len(stem) == _STEM and own.startswith(stem))
    ]
    return found[0] if len(found) == 1 else None


def _instead(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
    return (f"did you mean {near[0]}? " if near else "") + f"this model knows {', '.join(known)}"
