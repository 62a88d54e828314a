"""Code from outside the package: hashes of all that a module is made of (``parts``), and what is told by them.

Code of the package itself has versions instead.
"""

import posixpath
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_file, hash_of_value
from sgbench.support.modules import SUFFIXES
from sgbench.support.parts import OWN, Parts, parts_of

_PACKAGE = "the package "
"""Before the name of an installed package, whose version stands in the place of a file's hash."""
_as_imported: dict[Path, tuple[object, str]] = {}
"""What this process imported a file as, which is another object after the next import, and the file's hash then."""


def is_outside(module: str) -> bool:
    """Whether a module does not come with the package."""
    return module.partition(".")[0] not in OWN


def files_of(module: str) -> dict[str, str]:
    """SHA-256 of each file that an imported module is made of, by its name; the module's own file comes first.

    After them the installed packages that these import, with their versions. Empty for a module of the package, and
    for one that is no file.
    """
    root, parts = _parts(module)
    packages = {f"{_PACKAGE}{name}": version for name, version in sorted(parts.versions.items())}
    return {_shown(path, root): hash_of_file(path) for path in parts.files} | packages


def check_as_imported(module: str) -> None:
    """Refuse a module that was edited since this process imported it: what runs is not what its file says.

    Raises:
        UserError: its file, or one of those that it is made of, was.
    """
    modules = [vars(known) for known in list(sys.modules.values()) if isinstance(known, ModuleType)]
    loaded = {known.get("__file__"): known.get("__spec__") for known in modules}
    for path in _parts(module)[1].files:
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
        The hash of its own file, then place beside it and hash of each other one, and packages with their versions.
    """
    (own, digest), *others = files.items() or [("", "")]
    return [digest, sorted([_beside(own, name), other] for name, other in others)]


def is_data(name: str) -> bool:
    """Whether a name of ``files_of`` is that of a data file, neither of code nor of a package."""
    return not name.startswith(_PACKAGE) and not name.endswith(SUFFIXES)


def lines_in(error: BaseException, module: str) -> list[str]:
    """``file:line`` of each call of a module from outside the package that an error passed through, innermost last."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not is_outside(module) or file is None:
        return []
    return [f"{file}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__) if at.filename == file]


def _parts(module: str) -> tuple[Path, Parts]:
    """The folder that a module's names start from, and what it is made of."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not is_outside(module) or file is None:
        return Path(), Parts([], {})
    path = Path(file)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    root = path.parents[len(package)]
    files, versions = parts_of(path, root, package[0] if package else "")
    return root, Parts([found for found in files if found.is_file()], versions)


def _beside(own: str, name: str) -> str:
    """Where a file lies, from the folder of a module's own file on; a package's name as it is."""
    if name.startswith(_PACKAGE):
        return name
    if posixpath.isabs(own) or posixpath.isabs(name):
        return posixpath.basename(name)
    return posixpath.relpath(posixpath.normpath(name), posixpath.dirname(own) or ".")


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
