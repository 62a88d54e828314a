"""How rows of a report are called: a method's name with level and variant in brackets, and the names of controls."""

import re
from collections.abc import Collection

from sgbench.results.records import ALL, COPY, ORACLE, REAL

CONTROL_TITLES = {REAL: "Real images", COPY: "Copy of the source", ORACLE: "Oracle (counterfactual)"}
"""Names of the controls' rows."""
_LEVEL = re.compile(rf"(?:[1-9]\d*|{ALL})(?:, .+)?")


def row_name(shown: str, level: str, variant: str) -> str:
    """The name of a row.

    Args:
        shown: the method's name.
        level, variant: empty if they are not part of it.
    """
    inside = ", ".join(filter(None, (level, variant)))
    return f"{shown} ({inside})" if inside else shown


def is_row_of(name: str, shown: str, variants: Collection[str] = ()) -> bool:
    """Whether a method's name could be that of a row of another method.

    Args:
        shown: the other method's name.
        variants: its variants, as they are shown.
    """
    name, before = name.casefold(), f"{shown.casefold()} ("
    if not (name.startswith(before) and name.endswith(")")):
        return name == shown.casefold()
    inside = name[len(before) : -1]
    return bool(_LEVEL.fullmatch(inside)) or inside in {variant.casefold() for variant in variants}


def is_control(name: str) -> bool:
    """Whether a method's name is that of a control's row."""
    return name.casefold() in {title.casefold() for title in CONTROL_TITLES.values()}
