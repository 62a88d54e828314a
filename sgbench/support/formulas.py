"""Cells of CSV files that a spreadsheet would compute: an apostrophe is put before them, and taken off when read.

Numbers are not texts: a negative number stays as it is. Texts stay different, and what is written is read back.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Start of a text that is a formula, or would be one without its apostrophes."""


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The text that ``guarded`` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text
