"""What code runs here, on what: the commit, versions of packages, the device."""

import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import sgbench
from sgbench.atomic import write_text

PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "pytorch-msssim",
    "torch-fidelity",
    "scipy",
    "numpy",
    "pandas",
    "pillow",
    "matplotlib",
    "onnxruntime",
    "safetensors",
)


@cache
def commit(folder: Path = Path(__file__).parent) -> str:
    """The commit of the checkout that a package runs from, ``-dirty`` behind it where files differ or are new.

    As it was when first asked for: later changes of files are not in the code that runs.
    """

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        name = git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
        new = git("status", "--porcelain", "--untracked-files", "--", ".")
        return f"{name}-dirty" if new and not name.endswith("-dirty") else name
    except (OSError, subprocess.CalledProcessError):
        return "not in a git checkout"


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def device_name(device: torch.device) -> str:
    """What a person calls a device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def write_origin(path: Path, device: torch.device, **more: str) -> None:
    """Keep what makes something here: commit, versions that decide its arithmetic, device, and what else is given."""
    origin = {
        "sgbench": sgbench.__version__,
        "commit": commit(),
        "torch": _version("torch"),
        "device": device_name(device),
    } | more
    write_text(path, json.dumps(origin, indent=1) + "\n")


def read_origin(path: Path) -> dict[str, Any] | None:
    """What ``write_origin`` kept; None where it kept nothing."""
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8") or "null")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
