"""With which states of the files of a class from outside the package something counts as made: provenance, no hash."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from sgbench.support.strict import read_object

_STATES = TypeAdapter(list[dict[str, str]])
FILES = "files"
"""Key under which a file keeps the states, beside whatever else it keeps."""


def known_files(path: Path) -> list[dict[str, str]] | None:
    """Every state, SHA-256 by name, that a file keeps.

    Empty if it keeps none, as of an earlier version; None if what was kept cannot be read.
    """
    try:
        return _STATES.validate_python(read_object(path).get(FILES, []), strict=True)
    except (OSError, ValueError):
        return None


def accepted(path: Path, files: Mapping[str, str]) -> str:
    """What a file keeps, as JSON, with one more state."""
    try:
        about = read_object(path)
    except (OSError, ValueError):
        about = {}
    about[FILES] = [*(known_files(path) or []), files]
    return json.dumps(about, indent=1) + "\n"
