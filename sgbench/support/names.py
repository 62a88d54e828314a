"""Names that become parts of paths: what such a name may be, and how a text is made into one.

A name that was read from a file leads nowhere but to one entry of the folder that it is looked for in.
"""

import hashlib
import re

from sgbench.support.errors import UserError
from sgbench.support.text import HIDDEN

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""A name that is fit for a part of a folder's name, as it is."""
_SEPARATORS = r"/\\:"
_NO_PART = re.compile(rf"[{_SEPARATORS}\0\t\n]|{HIDDEN}")
_MOST_BYTES = 255
"""Of a name of a file, on nearly all file systems."""
_DIGITS = 8
"""Of the hash that stands for what was cut or replaced."""


def one_component(name: object) -> str:
    """A name that is one component of a path, whatever file it was read from.

    Raises:
        UserError: it is no text, empty, hidden (``.`` and ``..`` too), too long, or holds a separator or a character
            that is not shown.
    """
    if isinstance(name, str) and name and name[0] != "." and not _NO_PART.search(name):
        if len(name.encode()) <= _MOST_BYTES:
            return name
        raise UserError(f"'{name[:40]}...' cannot be the name of a file or folder: it is too long")
    raise UserError(f"{name!r} cannot be the name of a file or folder; whoever wrote it there may mean harm")


def shortened(name: str, most: int) -> str:
    """A name of at most so many bytes of UTF-8; what is cut is replaced by a hash, so that names stay different."""
    whole = name.encode()
    if len(whole) <= most:
        return name
    return f"{whole[: most - _DIGITS - 1].decode(errors='ignore')}-{tag(name)}"


def file_part(text: str, most: int) -> str:
    """A text as letters, digits and ``._=+-`` that file systems and programs take, of at most so many characters.

    If anything had to be replaced, a hash of the text is added, so that texts stay different.
    """
    plain = re.sub(r"[^A-Za-z0-9._=+-]", "_", text)
    return shortened(plain if plain == text else f"{plain[: most - _DIGITS - 1]}-{tag(text)}", most)


def tag(text: str) -> str:
    """A short hash that tells a text from others."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
