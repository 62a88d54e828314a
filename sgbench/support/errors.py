"""What a user can mend, and the one way in which an error becomes a line."""


class UserError(Exception):
    """Bad input, shown as one line with exit status 2; the message names the file, key or row and the remedy."""


def one_line(error: object, limit: int | None = None) -> str:
    """What an error or a text says, in one line; the error's type where it says nothing.

    Args:
        limit: characters at most; what is cut off is marked with ``...``.
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # somebody else's class may fail to say what is wrong
        text = ""
    text = text or type(error).__name__
    return text if limit is None or len(text) <= limit else text[: limit - 3].rstrip() + "..."


def summary(error: BaseException, limit: int = 200) -> str:
    """The first line of what a foreign library says when it fails; its further lines rarely help a user."""
    try:
        text = str(error).strip()
    except Exception:
        text = ""
    return one_line((text or type(error).__name__).splitlines()[0], limit)
