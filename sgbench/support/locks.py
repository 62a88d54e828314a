"""Locks between processes that say who holds them."""

import os
import platform
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sgbench.support.errors import UserError
from sgbench.support.reading import read_text

FOREVER = -1.0
SILENT_SECONDS = 5.0
"""Another process is waited for as long without a word."""
_HOLDER = re.compile(r"process (?P<process>[1-9]\d{0,9}) on (?P<node>.*?)(?: \([^()]*\))?")
_MOST_BYTES = 1000
"""Of a holder's name."""


@contextmanager
def locked(path: Path, busy: Callable[[str], str], seconds: float = 0.0) -> Iterator[Callable[[str], None]]:
    """Hold a lock while the block runs. The system drops it when the process ends, however that happens.

    Yields a function by which the holder says what it is doing, in a few words.

    Args:
        path: of the lock; the holder's name is kept in a file beside it.
        busy: makes the message if another process holds the lock, of words for that process.
        seconds: how long to wait for another process, or ``FOREVER``.

    Raises:
        UserError: another process still holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    held_by = _held_by(path)
    lock = FileLock(path)
    name = f"process {os.getpid()} on {platform.node()}"

    def tell(text: str) -> None:
        with suppress(OSError):  # on a full disk others are told of no name
            held_by.write_text(text, encoding="utf-8")

    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise UserError(busy(holder(path))) from error
    try:
        tell(name)
        yield lambda doing: tell(f"{name} ({doing})")
    finally:
        held_by.unlink(missing_ok=True)
        lock.release()


@contextmanager
def waited_for(path: Path, made: Path) -> Iterator[None]:
    """Hold a lock while the block runs, however long another process holds it; a warning says if that takes long.

    Args:
        path: of the lock.
        made: what is made under it, for the warning.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=SILENT_SECONDS)
    except Timeout:
        warnings.warn(f"{made}: another process is making this; waiting for it to end", stacklevel=4)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def held_by(path: Path) -> str:
    """Words for the process that holds a lock, empty if none does; the lock is not touched.

    A process of this machine that has ended without a word is not taken for a holder; one of another machine is.
    """
    try:
        name = read_text(_held_by(path), _MOST_BYTES)
    except (OSError, ValueError):
        return ""
    found = _HOLDER.fullmatch(name)
    if found and found["node"] == platform.node() and not _is_alive(int(found["process"])):
        return ""
    return name


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def holder(path: Path) -> str:
    """Words for the process that holds a lock, such as ``process 4711 on node3 (stage 2/5: train judges)``."""
    try:
        return read_text(_held_by(path), _MOST_BYTES) or "another process"
    except (OSError, ValueError):
        return "another process"


def _held_by(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")
