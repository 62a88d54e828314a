"""How far the studies of a run folder are, read from its files alone: nothing is written, locked or waited for."""

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Literal, TypeVar

from sgbench.results.checkpoints import progress
from sgbench.results.job_folder import JobFolder
from sgbench.results.records import ALL, Record, read_records
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import BrokenFile, UserError, one_line
from sgbench.support.locks import held_by

T = TypeVar("T")
State = Literal["done", "running", "interrupted", "broken"]


@dataclass(frozen=True)
class JobState:
    """A model: trained, in training, or begun.

    Attributes:
        process: that is at it, in words; empty if none is.
        iterations: of its checkpoint.
        planned: iterations that it is to have; 0 where that cannot be read.
        seconds_left: by the speed so far; None where it is not known.
        sample: the last grid of samples; empty if there is none.
        problem: what cannot be read.
    """

    name: str
    state: State
    process: str = ""
    iterations: int = 0
    planned: int = 0
    seconds_left: float | None = None
    bytes: int = 0
    samples: int = 0
    sample: str = ""
    problem: str = ""


@dataclass(frozen=True)
class StudyState:
    """A study.

    Attributes:
        process: that is at it, in words; empty if none is.
        jobs, systems: how many there are to be, and how many are trained or scored.
        accuracy: by a row of the report: the mean over attributes of the accuracy of the value asked for, as the
            jury sees it.
        report: its page; empty if there is none.
        problem: what cannot be read.
    """

    name: str
    state: State
    process: str = ""
    jobs: tuple[int, int] = (0, 0)
    systems: tuple[int, int] = (0, 0)
    accuracy: Mapping[str, float] = field(default_factory=dict)
    report: str = ""
    problem: str = ""


@dataclass(frozen=True)
class RunsState:
    """A run folder: its studies, its jobs, and the bytes that each part takes."""

    studies: tuple[StudyState, ...]
    jobs: tuple[JobState, ...]
    bytes: Mapping[str, int]


def look(runs: RunFolder) -> RunsState:
    """Look at a run folder.

    Raises:
        UserError: there is none.
    """
    if not runs.root.is_dir():
        raise UserError(f"{runs.root}: no such folder; name the one that --out of the study's command names")
    studies = [study for path in runs.studies() if (study := _study(runs, StudyFolder(path)))]
    jobs = [_job(folder) for folder in runs.jobs()]
    return RunsState(tuple(studies), tuple(jobs), {name: _size(path) for name, path in runs.parts.items()})


def _job(folder: JobFolder) -> JobState:
    problems: list[str] = []
    process, is_done, begun = held_by(folder.lock), folder.is_done(), folder.checkpoint.exists()
    done, seconds = _tried(lambda: progress(folder), problems, (0, 0.0)) if begun else (0, 0.0)
    planned = _tried(folder.iterations_planned, problems, 0)
    grids = folder.samples()
    left = seconds / done * (planned - done) if done and seconds and planned and not is_done else None
    state: State = "done" if is_done else "running" if process else "interrupted"
    return JobState(
        name=folder.path.name,
        state="broken" if problems and not process else state,
        process=process,
        iterations=done,
        planned=planned,
        seconds_left=left,
        bytes=_size(folder.path),
        samples=len(grids),
        sample=str(grids[-1]) if grids else "",
        problem="; ".join(problems),
    )


def _study(runs: RunFolder, folder: StudyFolder) -> StudyState | None:
    """A study or evaluation; None for another folder."""
    if not folder.is_study() and not folder.was_planned():
        return None
    problems: list[str] = []
    process = _tried(lambda: held_by(runs.study_lock(folder.path.name)), problems, "")
    plan = _tried(folder.read_plan, problems, None) if folder.was_planned() else None
    jobs = [runs.job(name).is_done() for name in plan.jobs] if plan else []
    systems = [runs.system(name).is_scored() for name in plan.systems] if plan else []
    report = folder.report
    is_done = report.page.exists() and all(jobs) and all(systems)
    state: State = "running" if process else "done" if is_done else "interrupted"
    accuracy = _tried(lambda: _accuracy(folder), problems, {}) if report.records_file.exists() else {}
    return StudyState(
        name=folder.path.name,
        state="broken" if problems and not process else state,
        process=process,
        jobs=(len(jobs), sum(jobs)),
        systems=(len(systems), sum(systems)),
        accuracy=accuracy,
        report=str(report.page) if report.page.exists() else "",
        problem="; ".join(problems),
    )


def _accuracy(folder: StudyFolder) -> dict[str, float]:
    """The mean accuracy of each row of a report, over attributes and seeds; its name says if some are not scored."""
    shown = {system.folder: system.shown for system in folder.read_description().systems}
    found: dict[str, dict[str, list[float]]] = {}
    for record in filter(_is_accuracy, read_records(folder.report.records_file)):
        if record.system in shown:
            about = ", ".join(filter(None, (record.variant, record.level)))
            title = shown[record.system] + (f" ({about})" if about else "")
            found.setdefault(title, {}).setdefault(record.target, []).append(record.value)
    means = {}
    for title, by_attribute in found.items():
        scored = [values for values in by_attribute.values() if not any(map(math.isnan, values))]
        part = f", {len(scored)} of {len(by_attribute)} attributes" if len(scored) < len(by_attribute) else ""
        if scored:
            means[title + part] = mean(map(mean, scored))
    return means


def _is_accuracy(record: Record) -> bool:
    return record.metric == "jury_accuracy" and record.target == record.measured_on and record.direction == ALL


def _tried(read: Callable[[], T], problems: list[str], otherwise: T) -> T:
    try:
        return read()
    except (BrokenFile, UserError, OSError, ValueError) as error:
        problems.append(one_line(error))
        return otherwise


def _size(path: Path) -> int:
    """Bytes of all files below a folder; what goes away meanwhile does not count."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
