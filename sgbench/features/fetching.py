"""Fetches published weights when a user asks for it; nothing else in the suite uses the network for them.

A file is fetched under a hidden name and put in place when its SHA-256 is the published one. Proxies are those of the
environment, as ``urllib`` has them.
"""

import hashlib
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from sgbench.features.weights import PublishedWeights, hub_checkpoints
from sgbench.support.atomic import ABANDONED_SECONDS, discard_partials, replacing
from sgbench.support.errors import UserError, one_line
from sgbench.support.hashing import hash_of_file
from sgbench.support.reading import NotRead, reason
from sgbench.support.screen import Screen

_TIMEOUT = 60.0
"""Seconds without an answer, or without a further byte."""
_CHUNK, _MOST = 2**20, 2**30
"""Bytes that are read at once, and that no file of weights has."""
_MEGABYTE = 1e6


def place_of(weights: PublishedWeights, to: Path | None) -> Path:
    """Where a file of weights is to lie.

    Args:
        to: a file, or the folder for it: one that exists, or a name without an ending; None for torch's hub cache.
    """
    if to is None:
        return hub_checkpoints() / weights.file
    return to / weights.file if to.is_dir() or not to.suffix else to


def fetch(weights: PublishedWeights, path: Path, screen: Screen) -> bool:
    """Fetch a file of weights, whole or not at all; returns False if it was there already.

    Raises:
        UserError: another file is there, or the published one did not come; the message says how to get it.
        OSError: no space or no permission.
    """
    if path.exists():
        _check_present(weights, path)
        return False
    with _opened(weights, path) as answer:
        length = int(answer.headers.get("Content-Length") or 0)
        total = (length or _MOST) / _MEGABYTE
        discard_partials(path.parent, path.stem, ABANDONED_SECONDS)
        with replacing(path) as partial, partial.open("wb") as file, screen.task(weights.file, total, "MB") as task:
            digest, done = hashlib.sha256(), 0
            for chunk in _chunks(answer, weights, path):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if done > _MOST:
                    raise _failed(weights, path, f"more than {_MOST:,} bytes came")
                task.update(done / _MEGABYTE)
            if length and done != length:
                raise _failed(weights, path, f"{done:,} of {length:,} bytes came")
            if digest.hexdigest() != weights.sha256:
                raise _failed(weights, path, f"what came has SHA-256 {digest.hexdigest()}")
    return True


def _check_present(weights: PublishedWeights, path: Path) -> None:
    """Refuse a file that is not the published one.

    Raises:
        UserError: it is another, or cannot be read.
    """
    try:
        actual = hash_of_file(path)
    except (OSError, NotRead) as error:
        raise UserError(f"{path}: is there and cannot be read: {reason(error)}; move it away or choose --to") from error
    if actual != weights.sha256:
        raise UserError(
            f"{path}: is there and is not the published file: its SHA-256 is {actual}, not {weights.sha256}; move it "
            "away or choose another place by --to"
        )


def _opened(weights: PublishedWeights, path: Path) -> HTTPResponse:
    try:
        return build_opener().open(Request(weights.url, headers={"User-Agent": "sgbench"}), timeout=_TIMEOUT)
    except HTTPError as error:
        raise _failed(weights, path, f"the server answered {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        why = error.reason if isinstance(error, URLError) else error
        raise _failed(weights, path, getattr(why, "strerror", None) or why) from error


def _chunks(answer: HTTPResponse, weights: PublishedWeights, path: Path) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _failed(weights, path, getattr(error, "strerror", None) or error) from error
        if not chunk:
            return
        yield chunk


def _failed(weights: PublishedWeights, path: Path, why: object) -> UserError:
    return UserError(
        f"{weights.url} was not fetched: {one_line(why, 200)}; try again, or copy the file (SHA-256 {weights.sha256}) "
        f"from another machine to {path}"
    )
