"""What an evaluation is called, in records and in the names of folders; the latter differ wherever evaluations do."""

import operator
import re
from typing import SupportsIndex

from sgbench.results.records import ALL, CONTROLS
from sgbench.support.errors import UserError, one_line, shown
from sgbench.support.names import shortened, tag
from sgbench.support.strict import LARGEST

_MOST_BYTES = 100
"""Of a method's name in the names of folders."""
_SLUG = re.compile(rf"(.+?)(?:-({ALL}|[1-9]\d*))?(?:-s(0|[1-9]\d*))?", re.ASCII)


def method_of(name: object) -> str:
    """A method's name in the form that records and folders use.

    If other characters than spaces had to be replaced, a hash of the name is added, so that names stay different.

    Raises:
        UserError: the name is no text or empty, or it is the name of a control.
    """
    if not isinstance(name, str):
        raise UserError(f"name: must be a text, not {shown(name)}")
    method = re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-.")
    if re.search(r"[^A-Za-z0-9._\s-]", name):
        method = f"{method}-{tag(name)}".strip("-")
    method = shortened(method, _MOST_BYTES)
    if not method or method in CONTROLS:
        raise UserError(f"name: '{name}' cannot name a method; give letters and digits, not {', '.join(CONTROLS)}")
    return method


def level_of(level: str | int) -> str:
    """A level as records have it, empty if it is not known: 05 would be another level than 5 there.

    Raises:
        UserError: it is neither a number of labels nor ``all``.
    """
    text = str(level)
    if text not in ("", ALL) and not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise UserError(f"level: '{one_line(text, 40)}' must be a number of labels from 1 on, such as 500, or all")
    return text


def seed_of(seed: SupportsIndex | None) -> int | None:
    """A seed, None if it is not known.

    Raises:
        UserError: it is no whole number, or out of range.
    """
    try:
        number = None if seed is None or isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = None
    if seed is not None and (number is None or not 0 <= number <= LARGEST):
        raise UserError(f"seed: {shown(seed)} must be a whole number from 0 to {LARGEST}")
    return number


def slug(method: str, level: str, seed: int | None) -> str:
    """Method, level and seed as part of a folder's name.

    If it reads like that of another method with a level or a seed, as ``a-5`` does, a hash of all three is added.
    """
    plain = "-".join([method, *filter(None, [level]), *([] if seed is None else [f"s{seed}"])])
    read = _SLUG.fullmatch(plain)
    own = (method, level or None, None if seed is None else str(seed))
    return plain if read and read.groups() == own else f"{plain}-{tag(repr(own))}"
