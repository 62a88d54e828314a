"""The code that runs and what it runs on: the commit, versions of packages, the device."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from PIL import features

import sgbench

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
def commit(folder: Path = Path(__file__).parents[1]) -> str:
    """The commit of the checkout that a package runs from, followed by ``-dirty`` if files differ or are new.

    It is read once, because later changes of files are not in the code that runs. Variables by which git is told of
    another repository, as it tells the hooks that it runs, are not heeded.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

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


def decoders() -> str:
    """What decodes photographs, whose versions may round pixels otherwise."""
    return f"Pillow {_version('pillow')} with libjpeg {features.version('jpg')}"


def device_name(device: torch.device) -> str:
    """The name of a device, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}"


def origin(device: torch.device, **more: str) -> dict[str, Any]:
    """What makes something here: the commit, the versions that decide its arithmetic, the device, and ``more``."""
    return {
        "sgbench": sgbench.__version__,
        "commit": commit(),
        "torch": _version("torch"),
        "device": device_name(device),
    } | more


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
