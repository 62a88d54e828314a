"""A study: a plan, the protocol that it is scored by, and where it is carried out. Everything in it is settled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from sgbench.data.outside import OutsideSource
from sgbench.data.source import Source
from sgbench.metrics.own import use_metrics
from sgbench.plan.job import System
from sgbench.plan.plan import Plan, make_plan
from sgbench.plan.protocol import Protocol, make_protocol
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.settings.models import Settings
from sgbench.support.code import hash_of_code, is_outside
from sgbench.support.environment import commit
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign, own_state
from sgbench.support.hashing import hash_of_value
from sgbench.support.names import shortened
from sgbench.support.screen import Screen
from sgbench.training.precision import settled

_MOST_BYTES = 200
"""Of the name of a study's folder without what is scored."""


@dataclass(frozen=True)
class Study:
    """A study and where it is carried out: reading any of it trains nothing and opens no file."""

    plan: Plan
    protocol: Protocol
    runs: RunFolder
    device: torch.device
    screen: Screen

    @property
    def settings(self) -> Settings:
        """The plan's settings."""
        return self.plan.settings

    @property
    def folder(self) -> StudyFolder:
        """Its name, its methods' levels and, if not the test images, what is scored: two of these share no report.

        Items of the paper say which levels there are.
        """
        levels = {level: None for e in self.settings.methods for level in self.settings.levels_of(e)}
        shown = () if self.settings.items else map(str, levels)
        name = shortened("-".join([self.settings.study, *shown]), _MOST_BYTES)
        on = self.settings.data.scored_on
        return StudyFolder(self.runs.study(name if on == "test" else f"{name}@{on}"))

    def system_folder(self, system: System) -> SystemFolder:
        """Records, scores and samples of a system under this study's protocol."""
        return self.runs.system(f"{system.name}-{self.protocol.hash[:8]}")

    def control_folder(self, name: str) -> SystemFolder:
        """The same of a control."""
        return self.runs.system(f"{name}-{self.settings.source.name}-{self.protocol.hash[:8]}")

    @property
    def controls(self) -> dict[str, SystemFolder]:
        """The folder of each control."""
        return {name: self.control_folder(name) for name in self.plan.controls}

    def is_scored(self) -> bool:
        """Whether every system and control has its records, by the judges at hand, so that only the report is left."""
        folders = [*self.controls.values(), *map(self.system_folder, self.plan.systems)]
        judges = [self.runs.judge(seat.key).facts().get("sha256") for seat in self.protocol.judges]
        return all(folder.is_scored() and folder.was_scored_by(judges) for folder in folders)

    def trains(self) -> bool:
        """Whether a model is still to be trained."""
        return any(not self.runs.job(job.name).is_done() for job in self.plan.jobs)


@own_state()
def open_study(settings: Settings, root: Path, screen: Screen) -> Study:
    """Read a study's data and plan it; what cannot be done is refused here, before anything is trained.

    Args:
        root: the folder of all runs.

    Raises:
        UserError: of the data set, the plan, the device, or a file that scoring needs.
    """
    commit()  # read now: somebody may commit other code while this code runs
    use_metrics(settings.scoring.metrics)
    device = find_device(settings.device)
    settings = _with_precision(settings, device)
    plan = make_plan(settings, open_source(settings, screen))
    study = Study(plan, make_protocol(plan), RunFolder(root), device, screen)
    _ = study.folder  # refuses the name of a folder of every run
    return study


def open_source(settings: Settings, screen: Screen) -> Source:
    """The data set that the settings name: its labels are read, its images are not.

    The code and the name of a class from outside the package become a part of the fingerprint: two classes of a module
    are two data sets, though one inherits what the other says of itself.

    Raises:
        UserError: of the data set's files.
    """
    path = getattr(settings.data, "path", None)
    if path is not None:
        screen.say(f"reading {settings.source.name}: {path}")
    with foreign(f"data set {settings.source.name}"):
        source = _made(settings)
    cls = settings.source
    if is_outside(cls.__module__):
        source.fingerprint = hash_of_value([source.fingerprint, hash_of_code(cls.__module__), cls.__qualname__])
    for note in source.notes:
        screen.say(f"{source.name}: {note}")
    return source


def _with_precision(settings: Settings, device: torch.device) -> Settings:
    """Settings whose precisions are settled, so that models, judges and reports are of one that they name."""

    def on_device(part: BaseModel) -> dict[str, Any]:
        return {"precision": settled(part.precision, device)}

    judges = {
        key: part.model_copy(update=on_device(part)) for key in ("judge", "jury") for part in [getattr(settings, key)]
    }
    return settings.model_copy(update=on_device(settings) | judges)


def _made(settings: Settings) -> Source:
    if is_outside(settings.source.__module__):
        return OutsideSource(settings.source, settings.source.name, settings.data)
    return settings.source(settings.data)


def find_device(wanted: str) -> torch.device:
    """The device that a user asks for; ``auto`` is a GPU where there is one.

    Raises:
        UserError: there is no such device.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is asked for, but torch sees no CUDA device; choose cpu or auto")
    return torch.device(wanted)
