"""A study's folder: settings, plan, description, what made it, checksums, and the report."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sgbench.results.checksums import write_checksums
from sgbench.results.description import Description, description_of
from sgbench.results.report_folder import ReportFolder
from sgbench.results.run_folder import RunFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.names import one_component
from sgbench.support.settings_model import first_problem
from sgbench.support.strict import read_json, read_yaml

_SETTINGS, _PLAN, _DESCRIPTION = "settings.yaml", "plan.json", "study.json"


@dataclass(frozen=True)
class StudyPlan:
    """What a study set out to do, as it is kept.

    Attributes:
        train: number of training images.
        test: number of test images.
        protocol: hash of all that decides a system's records but the system.
        jobs: folder of each job -> its identity and the manifest of its labels.
        systems: folder of each system -> folders of its jobs.
        controls: folders of the controls.
    """

    train: int
    test: int
    protocol: str
    jobs: Mapping[str, Mapping[str, Any]]
    systems: Mapping[str, list[str]]
    controls: list[str]


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder; its systems and jobs lie in the folder of all runs, which is the one above."""

    path: Path

    @classmethod
    def named(cls, path: Path) -> "StudyFolder":
        """The folder that a user names: ``.``, or a link that lies elsewhere, stands for what it is."""
        if path.name in ("", "..") or (path.is_symlink() and not RunFolder(path.parent).has_systems()):
            path = path.resolve()
        return cls(path)

    @property
    def runs(self) -> RunFolder:
        """The folder of all runs."""
        return RunFolder(self.path.parent)

    @property
    def report(self) -> ReportFolder:
        """Page, tables, figures."""
        return ReportFolder(self.path / "report")

    def is_study(self) -> bool:
        """Whether this is the folder of a study or an evaluation."""
        return (self.path / _DESCRIPTION).is_file()

    def discard_unfinished(self) -> None:
        """Remove what a killed process left half-written; the caller holds the study's lock."""
        for folder in (self.path, self.report.path):
            discard_partials(folder)

    def was_planned(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / _PLAN).exists()

    def write_settings(self, text: str) -> None:
        """Keep the settings as YAML, fit to be a config."""
        write_text(self.path / _SETTINGS, text)

    def read_settings(self) -> dict[str, Any]:
        """The settings that were kept.

        Raises:
            BrokenFile: they are missing or broken; names the file.
        """
        path = self.path / _SETTINGS
        try:
            return dict(read_yaml(path))
        except (ValueError, TypeError) as error:
            raise BrokenFile(f"{path}: is missing or broken ({error}); run the study's command again") from error

    def write_plan(self, plan: StudyPlan) -> None:
        """Keep what is to be done."""
        write_text(self.path / _PLAN, json.dumps(asdict(plan), indent=1) + "\n")

    def read_plan(self) -> StudyPlan:
        """What was to be done.

        Raises:
            BrokenFile: it is missing or broken; names the file.
        """
        return self._read(_PLAN, _plan_of)

    def write_description(self, description: Description) -> None:
        """Keep what the report says besides its figures."""
        text = json.dumps(asdict(description), indent=1, ensure_ascii=False)
        write_text(self.path / _DESCRIPTION, text + "\n")

    def read_description(self) -> Description:
        """What the report says besides its figures.

        Raises:
            BrokenFile: it is missing or broken; names the file.
        """
        return self._read(_DESCRIPTION, description_of)

    def members(self) -> list[SystemFolder]:
        """The folders of the controls, then of the systems, that the report is made of.

        Raises:
            BrokenFile: the description is missing or broken; names the file.
        """
        description = self.read_description()
        return [self.runs.system(name) for name in (*description.controls, *(s.folder for s in description.systems))]

    def write_runtime(self, made: Mapping[str, Any]) -> None:
        """Keep what made the report, and how long its parts took."""
        write_text(self.path / "runtime.json", json.dumps(made, indent=1) + "\n")

    def read_runtime(self) -> dict[str, Any]:
        """What made an earlier report; empty if there is none, or none that can be read."""
        try:
            return read_json(self.path / "runtime.json")
        except (OSError, ValueError):
            return {}

    def write_checksums(self) -> None:
        """Keep the checksums of all files that the report consists of, its systems' too."""
        write_checksums(self.path, [system.path for system in self.members()])

    def _read(self, name: str, make: Any) -> Any:
        path = self.path / name
        try:
            plain = read_json(path)
            json.dumps(plain, ensure_ascii=False).encode()  # half a character could not be written into a report
            made = make(plain)
            return TypeAdapter(type(made)).validate_python(asdict(made))  # now every value has its type
        except FileNotFoundError as error:
            raise BrokenFile(f"{path}: is missing; run the study's command again") from error
        except ValidationError as error:
            raise BrokenFile(f"{path}: is broken ({first_problem(error)}); run the study's command again") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
            raise BrokenFile(f"{path}: is broken ({error}); run the study's command again") from error


def _plan_of(plain: Mapping[str, Any]) -> StudyPlan:
    plan = StudyPlan(**plain)
    for name in (*plan.jobs, *plan.systems, *(job for jobs in plan.systems.values() for job in jobs), *plan.controls):
        one_component(name)
    return plan
