"""SHA-256 of values, arrays and files, in hexadecimal."""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

from sgbench.support.reading import open_regular


class _Array(Protocol):
    def tobytes(self) -> bytes: ...


def hash_of_value(value: Any) -> str:
    """SHA-256 of a JSON value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def hash_of_array(array: _Array) -> str:
    """SHA-256 of a NumPy array's elements, in C order."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def hash_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        OSError, NotRead: the file cannot be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
