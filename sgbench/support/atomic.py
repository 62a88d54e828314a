"""Writes files completely or not at all: under a temporary name in the same folder, then fsync and rename."""

import glob
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from sgbench.support.locks import waited_for

ABANDONED_SECONDS = 24 * 3600.0
"""Age from which an unfinished file that no lock guards is surely of a process that was killed."""
_TOKEN_BYTES = 8


def partial_name(path: Path) -> Path:
    """A hidden name beside ``path`` for its unfinished contents, with the same suffix.

    It is random: processes of two containers that share a folder can have the same number and the same host's name.
    """
    return path.with_name(f".{path.stem}.{secrets.token_hex(_TOKEN_BYTES)}.partial{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix; on success it becomes ``path``, on any error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    try:
        with named(path, partial):
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def named(path: Path, partial: Path | None = None) -> Iterator[None]:
    """While the block writes a file, an error of the system has its name: that of a full disk comes without one.

    Args:
        partial: the name under which it is written.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(partial)):
            error.filename = str(path)
        raise


@contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path`` for what is to be moved there; what is left of it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, completely or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_buffered(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file in memory, then write it to the disk.

    This is for torch.save, numpy.savez and pictures: when the disk is full, they raise another error that hides it.
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
    with waited_for(path.with_suffix(".lock"), path):
        discard_partials(path.parent, path.stem)
        if not path.exists():
            with replacing(path) as partial:
                make(partial)
    return path


def discard_partials(folder: Path, stem: str = "*", older_than: float = 0.0) -> None:
    """Remove what killed processes left unfinished in a folder.

    Args:
        stem: of the files or folders that were to be made, and of hidden files beside them, such as their hashes.
        older_than: their least age in seconds. Without an age the caller holds the lock under which they are made.
    """
    now = time.time()
    if stem == "*":
        patterns = [".*.partial*"]
    else:
        token = "[0-9a-f]" * (2 * _TOKEN_BYTES)  # which is in no other file's stem
        patterns = [f".{glob.escape(stem)}.{token}.partial*", f"..{glob.escape(stem)}.*.{token}.partial*"]
    for partial in (found for pattern in patterns for found in folder.glob(pattern)):
        try:
            if now - partial.lstat().st_mtime < older_than:
                continue
        except FileNotFoundError:  # finished, or removed by another process
            continue
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
