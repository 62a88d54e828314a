"""Reads files that anybody may have made: regular files alone, and of each no more than a limit.

What is not read raises ``NotRead``, whose message has the limit; whoever calls puts the file's name in front. Archives
and tensors have modules of their own, ``archives`` and ``tensors``.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_TEXT = 256 * 2**20
"""Bytes of a table or of another text."""
MOST_LINE = 2**20
"""Characters of a line, with its end."""
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class NotRead(ValueError):
    """A file, or a part of one, that is no regular file, says of itself what is not so, or is larger than it may be."""


def _check_regular(status: os.stat_result) -> None:
    """Refuse what is no regular file: opening a pipe waits for ever, and a device has no end.

    Args:
        status: of the file, or of what a link leads to.

    Raises:
        NotRead: it is something else; the message says what.
    """
    if not stat.S_ISREG(status.st_mode):
        raise NotRead(f"it is {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}, not a regular file")


def check_size(size: int, most: int) -> None:
    """Refuse more than ``most`` bytes.

    Raises:
        NotRead: there are more; the message has both numbers.
    """
    if size > most:
        raise NotRead(f"it has {size:,} bytes; at most {most:,} are read")


def open_regular(path: Path, most: int | None = None) -> BinaryIO:
    """Open a regular file, or a link to one, to read bytes.

    Raises:
        OSError: it is not there, or may not be read.
        NotRead: it is no regular file, or has more than ``most`` bytes.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # so that opening a pipe does not wait
    try:
        status = os.fstat(number)
        _check_regular(status)
        if most is not None:
            check_size(status.st_size, most)
    except NotRead:
        os.close(number)
        raise
    return os.fdopen(number, "rb")


def reason(error: OSError | NotRead) -> str:
    """Why a file was not read, without its path."""
    return getattr(error, "strerror", None) or str(error)


def read_bytes(path: Path, most: int) -> bytes:
    """A file's bytes.

    Raises:
        OSError, NotRead: as ``open_regular`` does.
    """
    with open_regular(path, most) as file:
        return file.read(most)


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """A file's text.

    Raises:
        OSError, NotRead: as ``open_regular`` does.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path, most).decode("utf-8")


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a table in UTF-8, with or without a byte order mark; each keeps its end.

    Raises:
        OSError, NotRead: as ``open_regular`` does, or a line is longer than ``MOST_LINE``.
        UnicodeDecodeError: it is not UTF-8.
    """
    with io.TextIOWrapper(open_regular(path, MOST_TEXT), encoding="utf-8-sig", newline="") as file:
        yield _lines(file)


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    number = 1
    while line := file.readline(MOST_LINE + 1):
        if len(line) > MOST_LINE:
            raise NotRead(f"line {number:,} has more than {MOST_LINE:,} characters")
        yield line
        number += 1
