"""What a study will do: settings and a data set -> jobs and systems, with their hashes and folders.

A **job** trains one model. A **system** is one method at one level and seed, whichever number of jobs it takes.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Level, SparseLabels, sparsify
from sgbench.data.source import Source
from sgbench.errors import UserError
from sgbench.records import ALL
from sgbench.settings import MethodEntry, Settings
from sgbench.training import LOOP_VERSION


@dataclass(frozen=True)
class Job:
    """One model to train.

    Attributes:
        columns: positions of the job's attributes among the study's.
        identity: everything that decides what is trained, as JSON values; its hash names the folder.
        labels: the training labels of these attributes as the level reveals them.
    """

    entry: MethodEntry
    level: Level
    seed: int
    columns: tuple[int, ...]
    attributes: tuple[Attribute, ...]
    image_size: int
    labels: SparseLabels = field(repr=False)
    identity: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Folder name: method, attributes, level, seed and hash."""
        names = "+".join(a.name for a in self.attributes)
        return f"{self.entry.slug}-{names}-{self.level}-s{self.seed}-{digest(self.identity)[:8]}"

    @property
    def title(self) -> str:
        """What a person calls it: method, the attribute where it has one, level, seed."""
        names = f" {self.attributes[0].name}" if self.entry.cls.one_attribute else ""
        return f"{self.entry.slug}{names} ({self.level}, seed {self.seed})"


@dataclass(frozen=True)
class System:
    """One method at one level and seed; ``jobs`` cover every attribute between them."""

    entry: MethodEntry
    level: Level
    seed: int
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """Folder name: method, level, seed and a hash of its jobs."""
        return f"{self.entry.slug}-{self.level}-s{self.seed}-{digest([job.name for job in self.jobs])[:8]}"


@dataclass(frozen=True)
class Plan:
    """A study's split, systems and jobs."""

    train: Tensor
    test: Tensor
    attributes: tuple[Attribute, ...]
    systems: tuple[System, ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, once."""
        return tuple({job.name: job for system in self.systems for job in system.jobs}.values())


_BACKGROUND = "background"


def make_plan(settings: Settings, source: Source) -> Plan:
    """Plan a study and refuse what cannot be trained.

    Raises:
        UserError: too few images for a level, no complete vector where a method needs one, a method that cannot
            take an attribute, a value that no test image has.
    """
    _check_names(source.attributes)
    train, test = source.split()
    _check_test(source.labels[test], source.attributes)
    known = {a.name for a in source.attributes}
    balanced = [name for entry in settings.methods for name in settings.balanced_of(entry)]
    if unknown := [name for name in [*settings.balanced, *balanced] if name not in known]:
        raise UserError(f"balanced: unknown attribute '{unknown[0]}'; the study has {', '.join(sorted(known))}")
    systems = []
    for entry in settings.methods:
        for level in settings.levels_of(entry):
            for seed in settings.seeds:
                jobs = _jobs(settings, source, train, entry, level, seed)
                systems.append(System(entry, level, seed, jobs))
    return Plan(train, test, source.attributes, tuple(systems))


def _check_names(attributes: Sequence[Attribute]) -> None:
    """Refuse names that records or tables could not tell apart."""
    shown = {_BACKGROUND: "a table's column"}
    for attribute in attributes:
        if ALL in attribute.values:
            raise UserError(
                f"{attribute.name}: a value cannot be called '{ALL}', which stands for all of them; rename it"
            )
        title = attribute.title.lower()
        if title in shown:
            raise UserError(f"{attribute.name}: is shown as '{attribute.title}', as is {shown[title]}; rename it")
        shown[title] = f"'{attribute.name}'"


def _jobs(
    settings: Settings, source: Source, train: Tensor, entry: MethodEntry, level: Level, seed: int
) -> tuple[Job, ...]:
    everything = tuple(range(len(source.attributes)))
    columns_of = [(j,) for j in everything] if entry.cls.one_attribute else [everything]
    return tuple(_job(settings, source, train, entry, level, seed, columns) for columns in columns_of)


def _job(
    settings: Settings,
    source: Source,
    train: Tensor,
    entry: MethodEntry,
    level: Level,
    seed: int,
    columns: tuple[int, ...],
) -> Job:
    attributes = tuple(source.attributes[j] for j in columns)
    try:
        labels = sparsify(source.labels[train][:, list(columns)], attributes, level, seed, settings.balanced_of(entry))
        if entry.cls.needs_complete_vectors and not labels.complete.any():
            raise ValueError(
                f"no training image has all of {', '.join(a.name for a in attributes)} known at --sparse {level}; "
                "raise the level or name fewer attributes"
            )
        with torch.device("meta"):  # a method refuses here what it cannot take, and no parameter is drawn
            entry.cls(attributes, settings.data.image_size, entry.settings, labels.labels)
    except ValueError as error:
        raise UserError(f"{entry.name}: {error}") from error
    identity = {
        "method": entry.cls.key,
        "version": entry.cls.version,
        "loop": LOOP_VERSION,
        "attributes": [[a.name, list(a.values), a.exhaustive] for a in attributes],
        "image_size": settings.data.image_size,
        "settings": entry.settings.model_dump(mode="json"),
        "source": source.fingerprint,
        "train": hashlib.sha256(train.numpy().tobytes()).hexdigest(),
        "labels": labels.manifest["sha256"],
        "precision": settings.precision,
        "seed": seed,
    }
    return Job(entry, level, seed, columns, attributes, settings.data.image_size, labels, identity)


def _check_test(labels: Tensor, attributes: Sequence[Attribute]) -> None:
    """Refuse a test set that could not be asked for every group, or has nobody to show."""
    for j, attribute in enumerate(attributes):
        for v, value in enumerate(attribute.values):
            if not (labels[:, j] == v).any():
                raise UserError(
                    f"none of {len(labels)} test images has {attribute.name} = '{value}'; raise data.num_test, or put "
                    "more images into the test set"
                )
    if not (labels >= 0).all(1).any():
        raise UserError(
            f"none of {len(labels)} test images has a value of every attribute; raise data.num_test, or put more "
            "images into the test set"
        )


def digest(value: Any) -> str:
    """SHA-256 of JSON values, hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Folders:
    """Where things are kept below the folder of all runs."""

    root: Path

    def job(self, job: Job) -> Path:
        """Settings, statistics, checkpoint and samples of a job."""
        return self.root / "jobs" / job.name

    def system(self, name: str) -> Path:
        """Records, per-image scores and samples of a system or control."""
        return self.root / "systems" / name

    def study(self, name: str) -> Path:
        """Settings, plan and report of a study."""
        return self.root / name

    @property
    def store(self) -> Path:
        """Decoded images."""
        return self.root / "cache" / "store"

    @property
    def judges(self) -> Path:
        """Trained judges."""
        return self.root / "cache" / "judge"
