"""A study's folder: settings, plan, description, what made it, checksums, and the report."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter

from sgbench.results.checksums import REPORT, check_kept, write_checksums
from sgbench.results.description import Description, FolderName, check_description, check_different
from sgbench.results.job_folder import JobFolder
from sgbench.results.report_folder import ReportFolder
from sgbench.results.run_folder import RunFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile
from sgbench.support.settings_model import named_if_broken
from sgbench.support.strict import read_json, read_object, read_yaml

T = TypeVar("T")
_SETTINGS, _PLAN, _DESCRIPTION = "settings.yaml", "plan.json", "study.json"
BESIDE_A_REPORT = (_PLAN, _SETTINGS, _DESCRIPTION)
"""What a report that is kept elsewhere needs of its study, to be verified."""


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

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    train: Annotated[int, Field(ge=0)]
    test: Annotated[int, Field(ge=0)]
    protocol: str
    jobs: Mapping[FolderName, Mapping[str, Any]]
    systems: Mapping[FolderName, list[FolderName]]
    controls: list[FolderName]


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder; its systems and jobs lie in the folder of all runs, which is the one above."""

    path: Path

    @classmethod
    def named(cls, path: Path) -> "StudyFolder":
        """The folder that a user names: ``.``, a link, or a study's report stand for what they are."""
        if path.name in ("", "..") or (path.is_symlink() and not RunFolder(path.parent).has_systems()):
            path = path.resolve()
        inside = path.name == REPORT and not cls(path).is_study() and cls(path.parent).is_study()
        return cls(path.parent if inside else path)

    @property
    def runs(self) -> RunFolder:
        """The folder of all runs."""
        return RunFolder(self.path.parent)

    @property
    def report(self) -> ReportFolder:
        """Page, tables, figures."""
        return ReportFolder(self.path / REPORT)

    @property
    def description_file(self) -> Path:
        """What the report says besides its figures."""
        return self.path / _DESCRIPTION

    @property
    def settings_file(self) -> Path:
        """The settings as YAML, fit to be a config."""
        return self.path / _SETTINGS

    def is_study(self) -> bool:
        """Whether this is the folder of a study or an evaluation."""
        return self.description_file.is_file()

    def discard_unfinished(self) -> None:
        """Remove what a killed process left half-written; the caller holds the study's lock."""
        for folder in (self.path, self.report.path):
            discard_partials(folder)

    def was_planned(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / _PLAN).exists()

    def write_settings(self, text: str) -> None:
        """Keep the settings as YAML, fit to be a config."""
        write_text(self.settings_file, text)

    def read_settings(self) -> dict[str, Any]:
        """The settings that were kept.

        Raises:
            BrokenFile: they are missing or broken; names the file.
        """
        path = self.settings_file
        try:
            return dict(read_yaml(path))
        except (ValueError, TypeError) as error:
            raise BrokenFile(f"{path}: is missing or broken ({error}); run the study's command again") from error

    def own_metrics(self) -> list[str]:
        """The metrics from outside the package that the settings name; none where they cannot be read."""
        try:
            named = self.read_settings()["scoring"]["metrics"]
        except (BrokenFile, KeyError, TypeError):
            return []
        return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []

    def write_plan(self, plan: StudyPlan) -> None:
        """Keep what is to be done."""
        write_text(self.path / _PLAN, json.dumps(asdict(plan), indent=1) + "\n")

    def read_plan(self) -> StudyPlan:
        """What was to be done.

        Raises:
            BrokenFile: it is missing or broken; names the file.
        """
        return self._read(_PLAN, _PLANS, _check_plan)

    def write_description(self, description: Description) -> None:
        """Keep what the report says besides its figures."""
        text = json.dumps(asdict(description), indent=1, ensure_ascii=False)
        write_text(self.description_file, text + "\n")

    def read_description(self) -> Description:
        """What the report says besides its figures.

        Raises:
            BrokenFile: it is missing or broken; names the file.
        """
        return self._read(_DESCRIPTION, _DESCRIPTIONS, check_description)

    def other_protocol(self) -> list[str]:
        """A line if the plan, where there is one, names another protocol than the one that the report names.

        Raises:
            BrokenFile: the description or the plan is missing or broken; names the file.
        """
        reported = self.read_description().provenance.get("protocol", "")
        planned = self.read_plan().protocol if self.was_planned() else reported
        if planned.startswith(reported):
            return []
        return [f"{self.path / _PLAN}: protocol: is {planned[:16]}; the report's figures are by {reported}"]

    def members(self) -> list[SystemFolder]:
        """The folders of the controls, then of the systems, that the report is made of.

        Raises:
            BrokenFile: the description is missing or broken; names the file.
        """
        description = self.read_description()
        return [self.runs.system(name) for name in (*description.controls, *(s.folder for s in description.systems))]

    def kept_report(self) -> ReportFolder | None:
        """The report of a study whose systems are not beside it, as one that was committed; None if one of them is.

        Its files are in ``report``, as they were written, or were put beside the description.

        Raises:
            BrokenFile: the description is missing or broken; names the file.
        """
        if any(member.path.is_dir() for member in self.members()):
            return None
        beside = ReportFolder(self.path)
        return beside if beside.is_report() else self.report

    def jobs(self) -> list[JobFolder]:
        """The folders of the jobs that were planned and of those whose losses are shown, as far as they are at hand.

        Raises:
            BrokenFile: the plan or the description is broken; names the file.
        """
        planned = self.read_plan().jobs if self.was_planned() else {}
        folders = [self.runs.job(name) for name in {**planned, **self.read_description().jobs}]
        return [folder for folder in folders if folder.path.is_dir()]

    def write_runtime(self, made: Mapping[str, Any]) -> None:
        """Keep what made the report, and how long its parts took."""
        write_text(self.path / "runtime.json", json.dumps(made, indent=1) + "\n")

    def read_runtime(self) -> dict[str, Any]:
        """What made an earlier report; empty if there is none, or none that can be read."""
        try:
            made = read_object(self.path / "runtime.json")
            TypeAdapter(dict[str, float]).validate_python(made.get("seconds", {}), strict=True)
        except (OSError, ValueError):
            return {}
        return made

    def changed_judges(self) -> list[str]:
        """A line for each judge at hand that is not the one that the report was made with, as far as it says which."""
        made = self.read_runtime().get("judges", [])
        known = [judge for judge in made if isinstance(judge, dict)] if isinstance(made, list) else []
        names = [(judge["judge"], judge.get("sha256")) for judge in known if _is_hash(judge.get("judge"))]
        return [line for name, sha256 in names if (line := self.runs.judge(name).changed(sha256))]

    def write_checksums(self) -> None:
        """Keep the checksums of all files that the report consists of, its systems' too."""
        write_checksums(self.path, [system.path for system in self.members()], self.report.others())

    def changed_files(self, report: ReportFolder) -> list[str]:
        """A line for each file of a study without its systems that is not as it was written, if checksums were kept."""
        return [f"{path}: {problem}" for path, problem in check_kept(self.path, report.path)]

    def _read(self, name: str, kind: TypeAdapter[T], check: Callable[[T], None]) -> T:
        path = self.path / name
        with named_if_broken(path, "run the study's command again"):
            text = json.dumps(read_json(path), ensure_ascii=False)  # no key stands twice
            made = kind.validate_json(text.encode(), strict=True)  # half a character could not be written into a report
            check(made)
            return made


def studies_in(runs: RunFolder) -> list[StudyFolder]:
    """The studies of a folder of all runs that have a description, by name."""
    folders = (StudyFolder(path) for path in sorted(runs.root.iterdir()) if path.is_dir())
    return [folder for folder in folders if folder.is_study()]


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def _check_plan(plan: StudyPlan) -> None:
    """Refuse a plan that no study has.

    Raises:
        ValueError: something is missing or there twice; the message begins with its key.
    """
    if not plan.controls:
        raise ValueError("controls: there is none")
    check_different("controls", plan.controls)
    for system, jobs in plan.systems.items():
        check_different(f"systems.{system}", jobs)
        if system in plan.controls:
            raise ValueError(f"systems: '{system}' is one of the controls too")
        if unknown := [job for job in jobs if job not in plan.jobs]:
            raise ValueError(f"systems.{system}: '{unknown[0]}' is none of the jobs")


_PLANS, _DESCRIPTIONS = TypeAdapter(StudyPlan), TypeAdapter(Description)
