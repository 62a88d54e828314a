"""Configs as files: those that come with the package, and what must be told of one before anything heavy is loaded."""

import sys
from pathlib import Path

import yaml

from sgbench.features.weights import find_inception
from sgbench.support.errors import UserError
from sgbench.support.reading import read_text

CONFIGS = Path(__file__).parents[1] / "configs"


def find_config(name: str) -> Path:
    """A path, or the name of a config that comes with the package (``quick``, ``quick.yaml``).

    Raises:
        UserError: there is no such file.
    """
    for path in (Path(name), CONFIGS / name, CONFIGS / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
    raise UserError(f"--config {name}: no such file; the configs here are {known}")


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
        print(f"no Inception Score: {problem}", file=sys.stderr)


def _named_in(config: Path) -> tuple[Path | None, str | None]:
    """Path and hash that a config names; (None, None) if it is broken, which ``read_settings`` reports later."""
    try:
        inception = yaml.safe_load(read_text(config))["scoring"]["inception"]
        return (Path(inception["path"]) if inception.get("path") else None), inception.get("sha256")
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return None, None
