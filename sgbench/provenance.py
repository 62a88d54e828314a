"""What made a study's figures: versions, device, seeds, hashes of data, labels and weights, commit, definitions."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sgbench
from sgbench.cost import device_name
from sgbench.judging import judge_facts
from sgbench.records import Record
from sgbench.study import SCORING_VERSION, Study
from sgbench.weights import checked

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
)


def provenance(study: Study, records: Sequence[Record]) -> dict[str, Any]:
    """Everything that a reader needs to make the figures again, as JSON values; times and the machine apart."""
    scoring = study.settings.scoring
    weights: dict[str, Any] = {"inception": study.inception_weights.sha256 or None}
    if scoring.lpips:
        weights["lpips backbone"] = checked(scoring.lpips.path)[1]
    return {
        "sgbench": sgbench.__version__,
        "commit": commit(),
        "protocol": {"version": SCORING_VERSION, "hash": study.protocol_hash},
        "packages": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "device": device_name(study.device),
        "machine": platform.machine(),
        "seeds": list(study.settings.seeds),
        "data": {
            "name": study.source.name,
            "sha256": study.source.fingerprint,
            "training images": len(study.plan.train),
            "test images": len(study.plan.test),
        },
        "labels": {job.name: job.labels.manifest["sha256"] for job in study.plan.jobs},
        "judges": [judge_facts(study.folders.judges, own) for own in study.judge_hashes],
        "weights": weights,
        "metrics": definitions(records),
    }


def definitions(records: Sequence[Record]) -> dict[str, list[str]]:
    """The definitions of each metric in records, which fix its protocol."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.metric, set()).add(record.definition)
    return {metric: sorted(own) for metric, own in sorted(found.items())}


def commit() -> str:
    """The commit of the checkout that the package runs from, ``-dirty`` behind it where files differ from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return "not in a git checkout"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
