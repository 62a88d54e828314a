"""SHA-256 of every file that a report consists of, as ``sha256sum -c`` reads them."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from sgbench.support.atomic import write_text
from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_file
from sgbench.support.names import one_component
from sgbench.support.reading import read_text

CHECKSUMS = "SHA256SUMS"
REPORT = "report"
"""A study's folder for its page, tables and figures."""


def write_checksums(folder: Path, beside: Sequence[Path], without: Collection[Path] = ()) -> None:
    """Keep the checksums of a study in its folder.

    Args:
        folder: all files in it and below count.
        beside: folders elsewhere whose files count too, such as its systems.
        without: files that do not count, for the report has not written them.
    """
    places = [folder, *beside]
    names = [name for name in _names(folder, places) if _lies_in(folder, places, name)]
    lines = [f"{hash_of_file(folder / name)}  {name}\n" for name in names if folder / name not in without]
    write_text(folder / CHECKSUMS, "".join(lines))


def check_files(folder: Path, beside: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Files that are not as they were written, and files that are no part of the report, and what is wrong.

    Args:
        beside: as for ``write_checksums``; a line that names a file of another place is not followed.
    """
    try:
        lines = read_text(folder / CHECKSUMS).split("\n")
    except (OSError, ValueError):
        yield folder / CHECKSUMS, "is missing or unreadable"
        return
    places = [folder, *beside]
    written = {name: digest for digest, _, name in (line.partition("  ") for line in lines if line)}
    for name, digest in written.items():
        path = folder / name
        if not _lies_in(folder, places, name):
            yield folder / CHECKSUMS, f"names {name!r}, which is no file of this report"
        elif not path.is_file():
            yield path, "is missing"
        elif hash_of_file(path) != digest:
            yield path, "is not the file that was written"
    for name in _names(folder, places):
        if name not in written:
            yield folder / name, "is no part of the report"


def check_kept(folder: Path, report: Path) -> Iterator[tuple[Path, str]]:
    """Files of a study without its systems that are not as they were written; none where no checksums were kept.

    Args:
        folder: holds the checksums; lines on files elsewhere are passed over.
        report: what lies in the report's folder of a study, now perhaps beside the checksums.
    """
    try:
        lines = read_text(folder / CHECKSUMS).split("\n")
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        yield folder / CHECKSUMS, "is unreadable"
        return
    for digest, _, name in (line.partition("  ") for line in lines if line):
        if not _lies_in(folder, [folder], name):
            continue
        place, _, below = name.partition("/")
        path = report / below if below and place == REPORT else folder / name
        if not path.is_file():
            yield path, "is missing"
        elif hash_of_file(path) != digest:
            yield path, "is not the file that was written"


def _names(folder: Path, places: Sequence[Path]) -> list[str]:
    """Paths of all files, relative to the folder; hidden ones, which are locks or half written, do not count."""
    files = [p for place in places for p in sorted(place.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    return [Path(os.path.relpath(p, folder)).as_posix() for p in files if p.name != CHECKSUMS]


def _lies_in(folder: Path, places: Sequence[Path], name: str) -> bool:
    """Whether a path, relative to the folder, is one of a file in a place or below it, spelt as they are written."""
    for place in places:
        start = Path(os.path.relpath(place, folder)).parts
        parts = tuple(name.split("/"))
        if parts[: len(start)] == start:
            try:
                return bool([one_component(part) for part in parts[len(start) :]])
            except UserError:
                continue
    return False
