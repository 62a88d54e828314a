"""Writes files completely or not at all: under a temporary name in the same folder, then fsync and rename."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix; on success it becomes ``path``, on any error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, completely or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_buffered(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file in memory, then write it to the disk.

    This is for torch.save and numpy.savez: when the disk is full, their clean-up raises another error that hides it.
    """
    buffer = BytesIO()
    write(buffer)
    path.write_bytes(buffer.getbuffer())


def make_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Make a file if it does not exist; other processes that need it wait until it is made.

    Args:
        make: takes a path and writes the file there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            discard_partials(path.parent, path.stem)
            with replacing(path) as partial:
                make(partial)
    return path


def discard_partials(folder: Path, stem: str = "*") -> None:
    """Remove unfinished files of processes that were killed; the caller must hold the lock of the folder or file."""
    for partial in folder.glob(f".{stem}.*.partial*"):
        partial.unlink(missing_ok=True)
