"""Code from outside the package: the files that a module is made of, and their hashes.

These are the module's file, what it imports from its own package or folder, and files beside them that they name, such
as weights. Code of the package itself has versions instead.
"""

import ast
import posixpath
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_file, hash_of_value
from sgbench.support.reading import MOST_TEXT, read_bytes

_OWN = ("sgbench", "baselines")
_LONGEST_NAME = 255
_as_imported: dict[Path, tuple[object, str]] = {}
"""What this process imported a file as, which is another object after the next import, and the file's hash then."""


def is_outside(module: str) -> bool:
    """Whether a module does not come with the package."""
    return module.partition(".")[0] not in _OWN


def files_of(module: str) -> dict[str, str]:
    """SHA-256 of each file that an imported module is made of, by its name; the module's own file comes first.

    Empty for a module of the package, and for one that is no file.
    """
    root, files = _files(module)
    return {_shown(path, root): hash_of_file(path) for path in files}


def check_as_imported(module: str) -> None:
    """Refuse a module that was edited since this process imported it: what runs is not what its file says.

    Raises:
        UserError: its file, or one of those that it imports from its package or folder, was.
    """
    modules = [vars(known) for known in list(sys.modules.values()) if isinstance(known, ModuleType)]
    loaded = {known.get("__file__"): known.get("__spec__") for known in modules}
    for path in _files(module)[1]:
        if (spec := loaded.get(str(path))) is None:
            continue
        digest = hash_of_file(path)
        known, earlier = _as_imported.get(path, (None, ""))
        if known is not spec:  # imported for the first time, or again
            _as_imported[path] = spec, digest
        elif digest != earlier:
            raise UserError(f"{path}: was changed after Python imported it; start Python again, or reload {spec.name}")


def hash_of_code(module: str) -> str:
    """One hash of all files of a module, wherever they lie: that of the file if there is one; empty without any."""
    files = files_of(module)
    return next(iter(files.values()), "") if len(files) < 2 else hash_of_value(made_of(files))


def made_of(files: Mapping[str, str]) -> list:
    """What a module is made of, wherever it lies: two files that exchange their contents make it another one.

    Args:
        files: as ``files_of`` gives them.

    Returns:
        The hash of its own file, then place beside it and hash of each other one.
    """
    (own, digest), *others = files.items() or [("", "")]
    return [digest, sorted([_beside(own, name), other] for name, other in others)]


def lines_in(error: BaseException, module: str) -> list[str]:
    """``file:line`` of each call of a module from outside the package that an error passed through, innermost last."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not is_outside(module) or file is None:
        return []
    return [f"{file}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__) if at.filename == file]


def _files(module: str) -> tuple[Path, list[Path]]:
    """The folder that a module's names start from, and the files that it is made of."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not is_outside(module) or file is None:
        return Path(), []
    path = Path(file)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    root = path.parents[len(package)]
    return root, [found for found in _reached(path, root, package) if found.is_file()]


def _reached(path: Path, root: Path, package: list[str]) -> list[Path]:
    """The file, those of its package or folder that it imports, and theirs; each with the data files that it names."""
    found: dict[Path, None] = {}
    left = [path]
    while left:
        file = left.pop(0)
        if file in found:
            continue
        found[file] = None
        try:
            tree = ast.parse(read_bytes(file, MOST_TEXT))
        except (OSError, SyntaxError, ValueError):  # compiled, or gone
            continue
        found |= dict.fromkeys(_named(tree, file.parent))
        for name in _imported(tree, file.parent.relative_to(root).parts):
            if name[0] == package[0] if package else _may_be_beside(name[0], root):
                left += _modules(root, name)
    return list(found)


def _imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Parts of every name that is imported anywhere in a module of a package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            yield from ((*base, *alias.name.split(".")) for alias in node.names)


def _modules(root: Path, name: tuple[str, ...]) -> list[Path]:
    """The files that are run when a name is imported: its packages and itself, as far as they lie below a folder."""
    places = [root.joinpath(*name[: k + 1]) for k in range(len(name))]
    files = [file for place in places for file in (place / "__init__.py", place.with_name(f"{place.name}.py"))]
    return [file for file in files if file.is_file()]


def _may_be_beside(name: str, root: Path) -> bool:
    """Whether what a single file imports can be another file of the user's beside it."""
    shared = root.name in ("site-packages", "dist-packages") or root == Path(sysconfig.get_path("stdlib"))
    return not shared and name not in _OWN


def _named(tree: ast.AST, folder: Path) -> Iterator[Path]:
    """Files that a module's texts name, from its folder on."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text.isprintable() and "." in text and len(text) <= _LONGEST_NAME:
            path = folder / Path(text)
            if path.suffix != ".py" and path.is_file():
                yield path


def _beside(own: str, name: str) -> str:
    """Where a file lies, from the folder of a module's own file on."""
    if posixpath.isabs(own) or posixpath.isabs(name):
        return posixpath.basename(name)
    return posixpath.relpath(posixpath.normpath(name), posixpath.dirname(own) or ".")


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
