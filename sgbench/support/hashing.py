"""SHA-256 of values, tensors and files, hexadecimal."""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol


class _Array(Protocol):
    def tobytes(self) -> bytes: ...


def hash_of_value(value: Any) -> str:
    """Of JSON values, whatever order their keys have."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def hash_of_array(array: _Array) -> str:
    """Of a NumPy array's elements, in C order."""
    return hashlib.sha256(array.tobytes()).hexdigest()


def hash_of_file(path: Path) -> str:
    """Of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
