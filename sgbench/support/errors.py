"""The error that a user can fix, and how an error becomes one line of text."""

from reprlib import Repr

from sgbench.support.text import printable

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 120, 120


class UserError(Exception):
    """Bad input, shown as one line with exit status 2; the message names the file, key or row and the remedy."""


class BrokenFile(ValueError):
    """A file that the suite wrote is missing, or is not as it was written; the message names it."""


def one_line(error: object, limit: int | None = None) -> str:
    """An error's message, or a text, in one line without hidden characters; the error's type if the message is empty.

    Args:
        limit: the most characters; a longer text is cut and ends with ``...``.
    """
    try:
        text = printable(" ".join(str(error).split()))
    except Exception:  # an error's class may itself be faulty
        text = ""
    text = text or type(error).__name__
    return text if limit is None or len(text) <= limit else text[: limit - 3].rstrip() + "..."


def summary(error: BaseException, limit: int = 200) -> str:
    """The first line of the message of another library's error; its further lines rarely help a user."""
    try:
        text = str(error).strip()
    except Exception:
        text = ""
    return one_line((text or type(error).__name__).splitlines()[0], limit)


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long, nested or large: a message holds no file."""
    return one_line(_SHORT.repr(value), 200)
