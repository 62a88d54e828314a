"""SHA-256 of every file that a report consists of, as ``sha256sum -c`` reads them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sgbench.support.atomic import write_text
from sgbench.support.hashing import hash_of_file
from sgbench.support.reading import read_text

CHECKSUMS = "SHA256SUMS"


def write_checksums(folder: Path, beside: Sequence[Path]) -> None:
    """Keep the checksums of a study in its folder.

    Args:
        folder: all files in it and below count.
        beside: folders elsewhere whose files count too, such as its systems.
    """
    lines = [f"{hash_of_file(folder / name)}  {name}\n" for name in _names(folder, [folder, *beside])]
    write_text(folder / CHECKSUMS, "".join(lines))


def check_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that are not as they were written, and files that were not written with the report, and what is wrong."""
    try:
        lines = read_text(folder / CHECKSUMS).splitlines()
    except (OSError, ValueError):
        yield folder / CHECKSUMS, "is missing or unreadable"
        return
    written = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name, digest in written.items():
        path = folder / name
        if not path.is_file():
            yield path, "is missing"
        elif hash_of_file(path) != digest:
            yield path, "is not the file that was written"
    beside = sorted({(folder / name).parent for name in written if name.startswith("../")})
    for name in _names(folder, [folder, *beside]):
        if name not in written:
            yield folder / name, "was not written with the report"


def _names(folder: Path, places: Sequence[Path]) -> list[str]:
    """Paths of all files, relative to the folder; hidden ones, which are locks or half written, do not count."""
    files = [p for place in places for p in sorted(place.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    return [Path(os.path.relpath(p, folder)).as_posix() for p in files if p.name != CHECKSUMS]
