"""What a module from outside the package is made of: found by reading it, without running anything.

Its imports are followed to every file that lies in a folder of the user's: beside it, elsewhere on Python's path, or
installed to be edited. Of an installed package the version counts. Other files, such as weights, are those that the
texts of such a file name, alone or piece by piece: below its folder, its packages' and the working folder. Code among
them, which can be run without an import, is followed too.
"""

import ast
import os
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import SOURCE_SUFFIXES
from pathlib import Path
from typing import NamedTuple

from sgbench.support.modules import files_run, installed_version, places_of
from sgbench.support.reading import MOST_TEXT, read_bytes

OWN = ("sgbench", "baselines")
NEEDED = (
    "filelock",
    "jinja2",
    "matplotlib",
    "numpy",
    "pandas",
    "PIL",
    "pydantic",
    "pytorch_msssim",
    "rich",
    "safetensors",
    "scipy",
    "shtab",
    "tabulate",
    "torch",
    "torch_fidelity",
    "torchmetrics",
    "torchvision",
    "yaml",
)
"""What the suite itself needs: its versions are provenance, part of no hash."""
_LONGEST_NAME = 255
_MOST_FILES, _MOST_FOLDERS, _MOST_PIECES = 1000, 32, 1000
_INSTALLED = {"site-packages", "dist-packages"}
_Name = tuple[str, ...]


class Parts(NamedTuple):
    """What a module is made of.

    Attributes:
        files: the module's own first.
        versions: of the installed packages that these import, by name.
    """

    files: list[Path]
    versions: dict[str, str]


def parts_of(path: Path, root: Path, package: str) -> Parts:
    """All that the module in a file is made of; of a program of more than 1,000 files those that are nearest to it.

    Args:
        root: the folder that the names of the module's packages start from.
        package: its top-level package; empty for a module in none.
    """
    found: dict[Path, None] = {}
    versions: dict[str, str] = {}
    left = [(path, root)]
    while left and len(found) < _MOST_FILES:
        file, base = left.pop(0)
        if file in found:
            continue
        found[file] = None
        try:
            tree = ast.parse(read_bytes(file, MOST_TEXT))
        except (OSError, SyntaxError, ValueError):  # compiled, or gone
            continue
        for named in _named(tree, file.parent, base):
            if named.suffix in SOURCE_SUFFIXES:
                left.append((named, base if named.is_relative_to(base) else named.parent))
            else:
                found[named] = None
        for name in dict.fromkeys(_imported(tree, file.parent.relative_to(base).parts)):
            if not name or name[0] in OWN:
                continue
            for place in dict.fromkeys([base / name[0], *places_of(name[0])]):
                if name[0] == package or not _is_installed(place):
                    left += [(run, place.parent) for run in files_run(place, name[1:])]
                elif name[0] not in NEEDED and (version := installed_version(name[0])):
                    versions[name[0]] = version
    return Parts(list(found), versions)


def _is_installed(path: Path) -> bool:
    """Whether a file came with Python or was installed, and is not the user's to edit."""
    return not _INSTALLED.isdisjoint(path.parts) or path.is_relative_to(sysconfig.get_path("stdlib"))


def _imported(tree: ast.AST, package: _Name) -> Iterator[_Name]:
    """Parts of every name that is imported anywhere in a module of a package, by a statement or by its text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield from ((*base, *alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield _absolute(node.args[0].value, package)


def _absolute(name: str, package: _Name) -> _Name:
    """The parts of a name that may begin with dots, as an import in a module of a package means it."""
    below = name.lstrip(".")
    dots = len(name) - len(below)
    return (*(package[: len(package) - dots + 1] if dots else ()), *(below.split(".") if below else ()))


def _named(tree: ast.AST, folder: Path, root: Path) -> Iterator[Path]:
    """Files that a module's texts name: one text alone, or after others that name folders on the way."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    fit = [text for text in texts if text.isprintable() and 0 < len(text) <= _LONGEST_NAME]
    pieces = list(dict.fromkeys(piece for text in fit for piece in (text, text.strip("/")) if piece))[:_MOST_PIECES]
    above = [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]
    starts = above if _is_installed(folder) else [*above, Path.cwd()]
    for place in _folders(starts, pieces):
        for piece in pieces:
            if (path := place / piece).is_file():
                yield Path(os.path.normpath(path))


def _folders(starts: Iterable[Path], pieces: Iterable[str]) -> list[Path]:
    """Some folders and those that texts name below them, and below these."""
    found = dict.fromkeys(starts)
    left = list(found)
    while left and len(found) < _MOST_FOLDERS:
        place = left.pop(0)
        below = [Path(os.path.normpath(place / piece)) for piece in pieces if (place / piece).is_dir()]
        new = dict.fromkeys(path for path in below if path not in found and path != Path(path.anchor))
        left += new
        found |= new
    return list(found)[:_MOST_FOLDERS]
