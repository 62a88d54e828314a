"""Finds finished reports, checks them as ``sgbench verify`` does, and reads what a leaderboard takes from them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sgbench.report.kept import verify_kept
from sgbench.report.verification import verify
from sgbench.results.description import Description
from sgbench.results.records import read_records, to_frame
from sgbench.results.report_folder import ReportFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import UserError

_DEPTH = 3
"""Folders between one that is named and the deepest report in it."""


@dataclass(frozen=True)
class Entrant:
    """A report that stood its check.

    Attributes:
        name: its folder, as short as the others allow.
        page: what rows link to.
        protocol: hash of all that decides its systems' records but the systems.
        judges: hashes of the judges' weights; empty where the report does not name them.
        frame: its measured records, those of controls too.
    """

    name: str
    page: Path
    description: Description
    protocol: str
    judges: tuple[str, ...]
    frame: pd.DataFrame


def find_reports(roots: Sequence[Path]) -> list[tuple[str, StudyFolder]]:
    """The studies and evaluations in some folders that have a report, with names that tell them apart.

    Args:
        roots: each the folder of a report, or one that has some in it.

    Raises:
        UserError: a folder does not exist, or has none in it.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for root in roots:
        if not root.is_dir():
            raise UserError(f"{root}: there is no such folder")
        inside = [path for path in _folders(root, _DEPTH) if (study := StudyFolder(path)).is_study() and _page(study)]
        if not inside:
            raise UserError(f"{root}: no finished report is in it; give a folder such as reports or runs")
        for path in inside:
            found.setdefault(path.resolve(), (root, path))
    short = {place: _below(root, path) for place, (root, path) in found.items()}
    names = list(short.values())
    return [
        (name if names.count(name) == 1 else path.as_posix(), StudyFolder.named(path))
        for (_, path), name in zip(found.values(), names, strict=True)
    ]


def problems_of(study: StudyFolder) -> tuple[str, ...]:
    """A line for each thing in a report that is not as it was made; empty if it stands its check.

    Raises:
        UserError: the report cannot be checked.
    """
    kept = study.kept_report()
    return verify_kept(study, kept).problems if kept else verify(study.path).problems


def read_entrant(name: str, study: StudyFolder) -> Entrant:
    """What a leaderboard takes from a report.

    Raises:
        BrokenFile: a file of the report is missing or broken; names it.
    """
    report = study.kept_report() or study.report
    judges = study.read_runtime().get("judges", [])
    return Entrant(
        name,
        _page(study) or report.page,
        study.read_description(),
        study.read_plan().protocol,
        tuple(str(judge.get("sha256", "")) for judge in judges if isinstance(judge, dict)),
        to_frame(record for record in read_records(report.records_file) if record.origin != "published"),
    )


def _page(study: StudyFolder) -> Path | None:
    """The page of a study's report, the one in HTML where there is one; None without a report."""
    for report in (study.report, ReportFolder(study.path)):
        if report.is_report():
            return report.index if report.index.is_file() else report.page
    return None


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """A folder and those in it, without hidden ones and links; what is in the folder of a report is its own."""
    yield root
    if depth and not StudyFolder(root).is_study():
        with os.scandir(root) as entries:
            inside = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        for name in inside:
            if not name.startswith("."):
                yield from _folders(root / name, depth - 1)


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path != root else path.resolve().name
