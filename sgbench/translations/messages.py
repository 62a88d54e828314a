"""What a foreign library says when it fails, in one line."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type where it has none."""
    try:
        text = str(error).strip()
    except Exception:  # it is somebody else's class
        text = ""
    return (text or type(error).__name__).splitlines()[0]
