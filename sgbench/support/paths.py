"""Paths that users give, in a config, an option or a call."""

from pathlib import Path

from sgbench.support.errors import UserError


def user_path(given: str | Path) -> Path:
    """The path that a user means: ``~`` and ``~name`` at its start are home folders.

    Raises:
        UserError: it is empty, holds a null character, or there is no such home folder.
    """
    if not str(given):
        raise UserError("a path is empty; leave it out, or write . for this folder")
    if "\0" in str(given):
        raise UserError(f"the path {str(given)!r} holds a null character")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise UserError(f"'{given}' begins with a home folder that is not known; write ./ before a name") from error
