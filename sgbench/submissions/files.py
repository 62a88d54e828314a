"""Reads files of a folder or a .zip by relative name: none outside it, and none larger than a limit."""

import os
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from sgbench.support.archives import open_zip, read_member
from sgbench.support.errors import UserError, summary
from sgbench.support.reading import read_bytes

_PICTURES = (".png", ".jpg", ".jpeg")


class Files(ABC):
    """A tree of files."""

    @abstractmethod
    def names(self) -> list[str]:
        """Names of the files at the top level, without hidden files."""

    @abstractmethod
    def everything(self) -> Iterable[str]:
        """Names of all files, however deep; those of hidden files and folders may be among them."""

    def pictures(self) -> list[str]:
        """Names of all PNGs and JPEGs that are not hidden, however deep."""
        shown = (name for name in self.everything() if name.lower().endswith(_PICTURES))
        return sorted(name for name in shown if not any(part.startswith((".", "__")) for part in name.split("/")))

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes; safe to call from several threads.

        Raises:
            UserError: it is missing, outside, unreadable or larger than ``limit`` bytes.
        """


class FolderFiles(Files):
    """Files below a folder; a link that leads out of it is refused."""

    def __init__(self, root: Path):
        self.root = root.resolve()

    def names(self) -> list[str]:
        return sorted(p.name for p in self.root.iterdir() if p.is_file() and not p.name.startswith("."))

    def everything(self) -> Iterable[str]:
        for folder, _, names in os.walk(self.root):
            yield from (Path(folder, name).relative_to(self.root).as_posix() for name in names)

    def read(self, name: str, limit: int) -> bytes:
        try:
            path = (self.root / name).resolve()
            if not path.is_relative_to(self.root):
                raise UserError(f"{name!r} leads out of the folder; put the file below the CSV")
            return read_bytes(path, limit)
        except FileNotFoundError:
            raise UserError(f"{name!r} is not there; add the file or remove the row") from None
        except (OSError, RuntimeError, ValueError) as error:  # such as a loop of links, or a name that no file can have
            raise UserError(f"{name!r} cannot be read ({error})") from error


class ZipFiles(Files):
    """Files in a .zip, which stays open. If it holds one folder and nothing else, that folder is the top level.

    Some programs on Windows write backslashes between folders; they count as slashes.
    """

    def __init__(self, path: Path):
        try:
            self.archive = open_zip(path)
        except Exception as error:  # a broken file may raise any error
            raise UserError(f"{path}: not a readable .zip ({summary(error)}); make it again") from error
        self.lock = Lock()
        self.members = {info.filename.replace("\\", "/"): info for info in self.archive.infolist()}
        shown = [name for name in self.members if not name.startswith((".", "__MACOSX/"))]
        top = shown[0].partition("/")[0] + "/" if shown else ""
        self.top = top if all(name.startswith(top) for name in shown) else ""

    def names(self) -> list[str]:
        inside = (name.removeprefix(self.top) for name in self.members if name.startswith(self.top))
        return sorted(name for name in inside if name and "/" not in name and not name.startswith("."))

    def everything(self) -> Iterable[str]:
        return (name.removeprefix(self.top) for name in self.members if name.startswith(self.top))

    def read(self, name: str, limit: int) -> bytes:
        plain = posixpath.normpath(name)
        if plain.startswith(("/", "../")):
            raise UserError(f"{name!r} leads out of the archive; put the file below the CSV")
        try:
            with self.lock:
                return read_member(self.archive, self.members[self.top + plain], limit)
        except KeyError:
            raise UserError(f"{name!r} is not there; add the file or remove the row") from None
        except Exception as error:  # a broken file may raise any error
            raise UserError(f"{name!r} cannot be read ({summary(error)})") from error
