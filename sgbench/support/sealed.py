"""A file with its hash beside it: what was changed, cut or lost since it was written is found when it is opened.

The hash of ``scores.npz`` lies in ``.scores.npz.sha256``. A file without one, of an earlier version, is taken as it is
if it can be read, and gets one then.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sgbench.support.atomic import make_once, replacing, write_text
from sgbench.support.errors import BrokenFile, summary
from sgbench.support.hashing import hash_of_file
from sgbench.support.reading import NotRead, read_text

T = TypeVar("T")
_DIGEST = re.compile("[0-9a-f]{64}")
_MOST_BYTES = 1000
"""Of a file of hashes."""
_found_whole: dict[Path, tuple[int, int, int]] = {}
"""Files that this process found as they were written, with their inode, size and time: they are not read again."""


def seal(path: Path) -> None:
    """Keep the hash of a file that is there beside it."""
    write_text(_beside(path), f"{hash_of_file(path)}\n")


def is_sealed(path: Path) -> bool:
    """Whether the hash of a file is known."""
    return bool(_known(path))


def made_once(path: Path, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """What ``read`` makes of a file that is made if it does not exist; a broken one is made again, with a warning.

    Other processes that need the file wait until it is made.

    Args:
        make: takes a path and writes the file there.
    """

    def made(partial: Path) -> None:
        make(partial)
        _announce(path, partial)

    try:
        if path.exists():
            return opened(path, read, "made again")
    except BrokenFile as error:
        warnings.warn(str(error), stacklevel=3)
        discard(path)
    return opened(_settled(make_once(path, made)), read, "delete it and run again")


@contextmanager
def sealing(path: Path) -> Iterator[Path]:
    """As ``replacing``, with the new file's hash kept beside it.

    Until the new file is in place the earlier hash counts too, so that a process may be killed at any point.
    """
    with replacing(path) as partial:
        yield partial
        _announce(path, partial)
    _settled(path)


def discard(path: Path) -> None:
    """Remove a file with its hash; the file goes first."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def check(path: Path, remedy: str) -> None:
    """Refuse what is missing, is no file, or is not as it was written; a file without a hash is taken as it is.

    Args:
        remedy: what to do if it is; ends the message.

    Raises:
        BrokenFile: names the file.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BrokenFile(f"{path}: is missing; {remedy}") from error
    stamp = status.st_ino, status.st_size, status.st_mtime_ns
    if _found_whole.get(path) == stamp or not (known := _known(path)):
        return
    try:
        digest = hash_of_file(path)
    except NotRead as error:
        raise BrokenFile(f"{path}: {error}; {remedy}") from error
    if digest not in known and digest not in _known(path):  # another process may just have put a new one in place
        raise BrokenFile(f"{path}: is not as it was written; {remedy}")
    _found_whole[path] = stamp


def opened(path: Path, read: Callable[[Path], T], remedy: str) -> T:
    """What ``read`` makes of a file that is as it was written.

    Args:
        remedy: what to do if it is not; ends the message.

    Raises:
        BrokenFile: it is missing, is not as it was written, or has no hash and cannot be read; names it.
    """
    check(path, remedy)
    if is_sealed(path):
        return read(path)
    try:
        value = read(path)
    except Exception as error:  # readers of other libraries raise almost any error for a broken file
        about = summary(error).removeprefix(f"{path}: ")
        raise BrokenFile(f"{path}: cannot be read ({about}); {remedy}") from error
    with suppress(OSError):  # a folder that may only be read stays as it is
        seal(path)
    return value


def _announce(path: Path, partial: Path) -> None:
    """Say that a file is about to be put in place; what lies there until then still counts as whole."""
    digests = [hash_of_file(partial), *_known(path)]
    write_text(_beside(path), "".join(f"{digest}\n" for digest in dict.fromkeys(digests)))


def _settled(path: Path) -> Path:
    """Say that the file that was announced is in place: no other counts as whole any more."""
    if len(known := _known(path)) > 1:
        write_text(_beside(path), f"{known[0]}\n")
    return path


def _known(path: Path) -> list[str]:
    """The hashes under which a file counts as whole; none if it has none that can be read."""
    try:
        digests = read_text(_beside(path), _MOST_BYTES).split()
    except (OSError, ValueError):
        return []
    return digests if all(_DIGEST.fullmatch(digest) for digest in digests) else []


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
