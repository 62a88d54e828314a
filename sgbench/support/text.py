"""Text that is safe to show: no character that moves a cursor, turns a line round, or cannot be written as UTF-8.

And times as people read them.
"""

import re

HIDDEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    "\ud800-\udfff\ufffe\uffff]"
)
"""Pattern of a control character but tab and line feed, a mark of direction, a character without width that no script
needs, half a character (a lone surrogate)."""
_HIDDEN = re.compile(HIDDEN)


def duration(seconds: float) -> str:
    """A time in the unit in which it is at least two: ``90 s``, ``12 min``, ``3 h``."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s"


def printable(text: str) -> str:
    r"""The text with its hidden characters written out, such as ``\x1b``."""
    return _HIDDEN.sub(lambda match: ascii(match[0])[1:-1], text)
