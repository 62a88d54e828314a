"""What must be told of a config and of names on the command line before anything heavy is loaded."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sgbench.features.weights import find_inception
from sgbench.settings.changes import UNCHANGED, Changes, layers_of
from sgbench.settings.config_files import METHOD_PACKAGES, find_config
from sgbench.settings.layers import merge, read_layers
from sgbench.support.errors import UserError, one_line, shown
from sgbench.support.modules import find_module, is_known
from sgbench.support.paths import user_path


def check_methods(config: str, wanted: Sequence[str], changes: Changes = UNCHANGED) -> None:
    """Refuse names that are neither methods of a config nor modules of methods, without importing any.

    Args:
        wanted: methods as ``--methods`` names them; of those with a class of their own only the package is looked for.
        changes: of settings, whose methods are checked too.

    Raises:
        UserError: no such config, no such method, or a change that is none.
    """
    path = find_config(config)
    try:
        known = [str(name) for name in _merged(path)["methods"]]
    except (UserError, LookupError, TypeError):  # what is wrong with the config is said by read_settings
        return
    for name in wanted:
        module, colon, _ = name.partition(":")
        if colon and not is_known(module.partition(".")[0]):
            raise UserError(
                f"--methods: unknown method '{name}': Python finds no {shown(module)} from here; start in the "
                "folder that holds it, or name that folder in PYTHONPATH"
            )
        if not colon and name not in known and not find_module(name, METHOD_PACKAGES):
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            raise UserError(
                f"--methods: unknown method '{name}'; "
                + (f"did you mean {near[0]}? " if near else "")
                + f"{path} has {', '.join(known) or 'none'}; others are a module of {' or '.join(METHOD_PACKAGES)}, or "
                "package.module:Class"
            )
    list(layers_of(changes.settings, [*known, *wanted], path))


def tell_of_inception(config: str, path: Path | None, sha256: str | None) -> None:
    """Warn on standard error if there will be no Inception Score, and say why.

    Args:
        config: its path and hash are used if neither is given here.

    Raises:
        UserError: no such config; a file of weights that is named is missing or another than expected.
    """
    if path is None and sha256 is None:
        path, sha256 = _named_in(find_config(config))
    problem = find_inception(path, sha256).problem
    if problem:
        print(f"no Inception Score: {one_line(problem)}", file=sys.stderr)


def _named_in(config: Path) -> tuple[Path | None, str | None]:
    """Path and hash that a config names; (None, None) if it is broken, which ``read_settings`` reports later."""
    try:
        inception = _merged(config)["scoring"]["inception"]
        return (user_path(inception["path"]) if inception.get("path") else None), inception.get("sha256")
    except (UserError, ValueError, LookupError, TypeError, AttributeError):
        return None, None


def _merged(config: Path) -> Any:
    return merge(read_layers(config)).values
