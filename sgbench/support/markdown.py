"""Texts that stand in Markdown as they are: nothing in them becomes a mark, a link, a tag, mathematics or a cell."""

import re

from sgbench.support.errors import one_line

_INTERVAL = r"\[-?[\d.,]+, -?[\d.,]+\](?![(\[:])"
"""The interval of a figure, which is no link."""
_MARKS = (
    r"[`*$~\[\]]",
    r"\\(?=[!-/:-@\[-`{-~])",
    r"<(?=[A-Za-z/!?])",
    r"&(?=#?\w+;)",
    r"(?<!\w)_|_(?!\w)",
)
"""What GitHub's Markdown reads as a mark anywhere in a line; an underscore within a word is none."""
_MARK = re.compile(f"({_INTERVAL})|({'|'.join(_MARKS)})")


def in_a_line(text: object) -> str:
    """A text in one line, such as a heading; not at the start of a line, where more characters are marks."""
    return _MARK.sub(lambda m: m[1] or ("&lt;" if m[2] == "<" else f"\\{m[2]}"), one_line(text))


def in_a_cell(text: object) -> str:
    """A text in a cell of a table."""
    return in_a_line(text).replace("|", "\\|")


def as_code(text: object) -> str:
    """A text in a cell of a table, set as code."""
    plain = one_line(text).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def anchor(heading: str) -> str:
    """What GitHub calls a heading in links to it."""
    return re.sub(r"[^\w\- ]", "", one_line(heading).lower()).replace(" ", "-")
