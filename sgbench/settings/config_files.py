"""Configs as files: where those that come with the package lie, and how one is found."""

from pathlib import Path

from sgbench.support.errors import UserError
from sgbench.support.paths import user_path

CONFIGS = Path(__file__).parents[1] / "configs"
METHOD_PACKAGES = ("sgbench.methods", "baselines")
SOURCE_PACKAGES = ("sgbench.data.sources",)


def find_config(name: str) -> Path:
    """A path, or the name of a config that comes with the package (``quick``, ``quick.yaml``).

    Raises:
        UserError: there is no such file.
    """
    for path in (user_path(name), CONFIGS / name, CONFIGS / f"{name}.yaml"):
        if path.is_file():
            return path
    raise UserError(f"--config {name}: no such file; the configs here are {known_configs()}")


def known_configs() -> str:
    """The names of the configs that come with the package."""
    return ", ".join(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
