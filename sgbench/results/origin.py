"""What made something: commit, versions that decide its arithmetic, device. Provenance, part of no hash."""

import json
from pathlib import Path
from typing import Any

from sgbench.support.atomic import write_text
from sgbench.support.strict import read_object

Origin = dict[str, Any]
LOSSY = "lossy"
"""Key of what an origin says of results in a format that changes pixels; without it there are none."""
UNAPPLIED = "unapplied"
"""Key of what an origin says of results that viewers show otherwise than they are stored; without it there are none."""
LOST = "lost"
"""Key of what an origin says of a model's state that an interruption of its training lost; without it there is none."""
SCORED_WITH = "scored with"
"""Key of what an origin says of what decides a system's figures besides its results: hashes of the judges' weights and
of the test images. Earlier versions kept none."""


def write_origin(path: Path, origin: Origin) -> None:
    """Keep what made something."""
    write_text(path, json.dumps(origin, indent=1) + "\n")


def read_origin(path: Path) -> Origin | None:
    """What ``write_origin`` kept; None where it kept nothing, or nothing that can be read."""
    try:
        return read_object(path)
    except (OSError, ValueError):
        return None
