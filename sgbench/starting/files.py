"""Writes the files of a new method: its class and settings, under names that Python takes."""

import keyword
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sgbench.results.records import CONTROLS
from sgbench.settings.config_files import METHOD_PACKAGES
from sgbench.support.atomic import write_text
from sgbench.support.errors import UserError, one_line, shown
from sgbench.support.modules import find_module, is_known
from sgbench.support.reading import read_text

_TEMPLATES = {".py": "method.py.txt", ".yaml": "method.yaml.txt"}
_LONGEST = 60


@dataclass(frozen=True)
class Names:
    """What a method is called: in tables, as a class, as a module."""

    title: str
    cls: str
    module: str


def names_of(given: str) -> Names:
    """Names made of the one that a user gives.

    Raises:
        UserError: nothing could be called so.
    """
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode()
    parts = re.findall(r"[A-Za-z0-9]+", plain)
    title = one_line(given)
    if not parts or len(title) > _LONGEST or '"' in title or "\\" in title:
        raise UserError(f"{shown(given)} is no name for a method; give letters and digits, such as MyGAN")
    cls = "".join(part[0].upper() + part[1:] for part in parts)
    module = "_".join(parts).lower()
    if not cls[0].isalpha():
        cls, module = f"Method{cls}", f"method_{module}"
    if keyword.iskeyword(cls) or keyword.iskeyword(module) or module in CONTROLS:
        cls, module = f"{cls}Method", f"{module}_method"
    return Names(title, cls, module)


def write_method(given: str, folder: Path) -> tuple[Path, ...]:
    """Write the class and the settings of a new method; returns the files.

    Raises:
        UserError: the name cannot be used, or a file is there already.
    """
    names = names_of(given)
    files = {folder / f"{names.module}{ending}": template for ending, template in _TEMPLATES.items()}
    if there := [path for path in files if path.exists()]:
        raise UserError(f"{there[0]}: is there already; choose another name, or remove it")
    if known := find_module(names.module, METHOD_PACKAGES) or (names.module if is_known(names.module) else ""):
        raise UserError(f"{shown(given)}: there is a module {known} already; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path, template in files.items():
        text = read_text(Path(__file__).parent / template)
        write_text(path, Template(text).substitute(vars(names)))
    return tuple(files)
