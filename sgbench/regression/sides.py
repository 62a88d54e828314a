"""The two sides of a comparison: records, the per-image scores beside them, and which systems are the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sgbench.results.records import Record, read_records
from sgbench.results.report_folder import ReportFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import UserError

SYSTEM = ("method", "variant", "level", "seed", "dataset", "image_size", "origin")
"""Fields that say which system a record belongs to, without the hash in the name of the system's folder."""


@dataclass(frozen=True)
class Side:
    """Records from a file or folder, and the files of per-image scores beside them, by system."""

    records: tuple[Record, ...]
    scores: Mapping[str, Path]


def same_systems(reference: Side, new: Side) -> Side:
    """The new side, with its systems renamed to the reference's names.

    A system's name ends in a hash of code and settings. If both sides have exactly one system of a method, variant,
    level, seed, data set, size and origin, they are the same system; other systems keep their names.
    """
    old, now = _systems(reference.records), _systems(new.records)
    names = {
        next(iter(systems)): next(iter(old[identity]))
        for identity, systems in now.items()
        if len(systems) == 1 and len(old.get(identity, ())) == 1
    }
    return Side(
        tuple(
            replace(r, system=names[r.system]) if names.get(r.system, r.system) != r.system else r for r in new.records
        ),
        {names.get(system, system): path for system, path in new.scores.items()},
    )


def _systems(records: Iterable[Record]) -> dict[tuple, set[str]]:
    systems = defaultdict(set)
    for r in records:
        systems[tuple(getattr(r, c) for c in SYSTEM)].add(r.system)
    return systems


def load_side(path: Path) -> Side:
    """Read the records of a CSV file, of every CSV file in a folder and below it, of a study's systems or of a report.

    Per-image scores are the ``scores.npz`` beside a ``records.csv``.

    Raises:
        ValueError: there are no records, or a file holds something else; the message names the file.
    """
    records, scores = [], {}
    for file in record_files(path).values():
        records_of_file = _read(file)
        records += records_of_file
        if records_of_file and (beside := scores_beside(file)):
            scores[records_of_file[0].system] = beside
    if not records:
        raise ValueError(f"{path}: no records; give a CSV file of records or a folder of such files")
    return Side(tuple(records), scores)


def own_metrics(*paths: Path) -> list[str]:
    """The metrics from outside the package that the settings beside some records name; each once."""
    named: dict[str, None] = {}
    for path in paths:
        studies = [StudyFolder(folder) for folder in (path, path.parent)]
        settled = next((study for study in studies if study.settings_file.exists()), None)
        named |= dict.fromkeys(settled.own_metrics() if settled else ())
    return [*named]


def record_files(path: Path) -> dict[Path, Path]:
    """The CSV files that a path stands for, by their paths in a reference folder.

    A file stands for itself, a study's folder for its controls and systems, or for its report if they are not beside
    it. Any other folder stands for all in it and below that is not hidden, as unfinished files are, and is no table of
    a report, whose records are in one file.

    Raises:
        ValueError: a file of a study's folder is missing or broken.
        UserError: a link in the folder leads out of it to more records, which would be overlooked.
    """
    if not path.is_dir():
        return {Path(path.name): path}
    if is_study(path):
        study = StudyFolder.named(path)
        if report := study.kept_report():
            return {Path(report.records_file.name): report.records_file}
        members = study.members()
        for member in members:
            member.check()
        return {Path(member.name) / member.records_file.name: member.records_file for member in members}
    inside = path.resolve()
    for link in _below(path, "*"):
        to = link.resolve() if link.is_symlink() and link.is_dir() else inside
        if not to.is_relative_to(inside) and next(to.rglob("*.csv"), None):
            raise UserError(f"{link}: is a link to a folder, and records in it would be overlooked; put a folder there")
    return {file.relative_to(path): file for file in _below(path, "*.csv") if not _is_table(file)}


def _is_table(file: Path) -> bool:
    """Whether a file is one of a report, but not that of its records."""
    report = ReportFolder(file.parent)
    return report.is_report() and file != report.records_file


def _below(path: Path, pattern: str) -> list[Path]:
    """What is in a folder and below it, but for what is hidden."""
    found = sorted(path.rglob(pattern))
    return [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]


def is_study(path: Path) -> bool:
    """Whether a folder is a study's or an evaluation's; its systems are in ``systems`` beside it, if they were kept."""
    return StudyFolder.named(path).is_study()


def is_report(path: Path) -> bool:
    """Whether a folder is that of a report: the page with its tables and records."""
    return ReportFolder(path).is_report()


def scores_beside(file: Path) -> Path | None:
    """The per-image scores that a file of records was made from, if they were kept."""
    beside = SystemFolder(file.parent)
    return beside.scores_file if file == beside.records_file and beside.scores_file.exists() else None


def _read(path: Path) -> list[Record]:
    try:
        return read_records(path)
    except OSError as error:
        raise ValueError(
            f"{path}: unreadable: {error.strerror}; give a CSV file of records or a folder of such files"
        ) from error
