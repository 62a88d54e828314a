"""The sides of a comparison: records from files, the per-image scores beside them, and which systems are the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sgbench.results.records import Record, read_records
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder

SYSTEM = ("method", "variant", "level", "seed", "dataset", "image_size", "origin")
"""Fields that say which system a record is of, whatever code and settings its folder's hash stands for."""


@dataclass(frozen=True)
class Side:
    """Records from a file or folder, and the files of per-image scores that lie beside them, by system."""

    records: tuple[Record, ...]
    scores: Mapping[str, Path]


def same_systems(reference: Side, new: Side) -> Side:
    """The new side, its systems under the reference's names.

    A system's name ends in a hash of code and settings. Where both sides have exactly one system of a method, variant,
    level, seed, data set, size and origin, they are the same system; others keep their names.
    """
    old, now = _systems(reference.records), _systems(new.records)
    names = {
        next(iter(systems)): next(iter(old[identity]))
        for identity, systems in now.items()
        if len(systems) == 1 and len(old.get(identity, ())) == 1
    }
    return Side(
        tuple(replace(r, system=names.get(r.system, r.system)) for r in new.records),
        {names.get(system, system): path for system, path in new.scores.items()},
    )


def _systems(records: Iterable[Record]) -> dict[tuple, set[str]]:
    systems = defaultdict(set)
    for r in records:
        systems[tuple(getattr(r, c) for c in SYSTEM)].add(r.system)
    return systems


def load_side(path: Path) -> Side:
    """Records of a CSV file, of every CSV file in a folder and below it, or of a study's systems.

    Per-image scores are the ``scores.npz`` beside a ``records.csv``.

    Raises:
        ValueError: nothing there, or not records; names the file.
    """
    records, scores = [], {}
    for file in record_files(path).values():
        own = _read(file)
        records += own
        if own and (beside := scores_beside(file)):
            scores[own[0].system] = beside
    if not records:
        raise ValueError(f"{path}: no records; give a CSV file of records or a folder of such")
    return Side(tuple(records), scores)


def record_files(path: Path) -> dict[Path, Path]:
    """The CSV files that a path stands for, by where they belong in a folder of their own.

    A file stands for itself, a study's folder for its controls and systems, another folder for all in it and below.

    Raises:
        ValueError: of a study's folder, one of its files is missing or broken.
    """
    if not path.is_dir():
        return {Path(path.name): path}
    if is_study(path):
        members = StudyFolder(path).members()
        return {Path(member.name) / member.records_file.name: member.records_file for member in members}
    return {file.relative_to(path): file for file in sorted(path.rglob("*.csv"))}


def is_study(path: Path) -> bool:
    """Whether a folder is a study's or an evaluation's, whose systems lie in ``systems`` beside it."""
    return StudyFolder(path).is_study()


def scores_beside(file: Path) -> Path | None:
    """The per-image scores that a file of records was made of, where they were kept."""
    beside = SystemFolder(file.parent)
    return beside.scores_file if file == beside.records_file and beside.scores_file.exists() else None


def _read(path: Path) -> list[Record]:
    try:
        return read_records(path)
    except OSError as error:
        raise ValueError(
            f"{path}: unreadable: {error.strerror}; give a CSV file of records or a folder of such"
        ) from error
