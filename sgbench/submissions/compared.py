"""The studies that a submission is compared with: scored by the same protocol, with levels that mean the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sgbench.plan.study import Study
from sgbench.results.description import ReportedSystem
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import UserError


def earlier_systems(study: Study, folder: Path) -> list[ReportedSystem]:
    """The systems in another study's folder, which must have been scored by the same protocol.

    Raises:
        UserError: the folder holds no finished study, or its protocol is another one.
    """
    other = StudyFolder.named(folder)
    try:
        protocol, systems = other.read_plan().protocol, other.read_description().systems
    except ValueError as error:
        raise UserError(f"{folder}: no finished study there; give a folder such as runs/quick-500") from error
    foreign = [s for s in systems if not s.folder.endswith(study.protocol.hash[:8])]
    if foreign or protocol != study.protocol.hash:
        raise UserError(
            f"{folder}: was scored by another protocol (data, test set, judges or weights differ); use its config and "
            f"the same options{_other_precision(study, other)}, or score it again"
        )
    if study.runs.root.resolve() != other.runs.root.resolve():
        raise UserError(f"{folder}: is in another run folder; give --out {other.runs.root}")
    return list(systems)


def paper_levels(study: Study, others: Mapping[Path, Sequence[ReportedSystem]]) -> dict[str, str]:
    """Level -> the level of the paper that it stands for in the studies that a submission is compared with.

    Args:
        others: their systems, by folder.

    Raises:
        UserError: a level stands for one of the paper's in one study, and for another in the next.
    """
    found: dict[str, tuple[str, Path]] = {}
    for folder, systems in others.items():
        papers = StudyFolder.named(folder).read_description().paper_levels
        for level in dict.fromkeys(study.runs.system(s.folder).read_records()[0].level for s in systems):
            paper, first = found.setdefault(level, (papers.get(level, level), folder))
            if paper != papers.get(level, level):
                raise UserError(
                    f"{folder}: its level {level} stands for the paper's {papers.get(level, level)}, that of {first} "
                    f"for {paper}; compare with one of them at a time"
                )
    return {level: paper for level, (paper, _) in found.items() if level != paper}


def _other_precision(study: Study, other: StudyFolder) -> str:
    """What to say where judges compute in another precision, as ``auto`` makes them on another processor."""
    judges = {key: getattr(study.settings, key).precision for key in ("judge", "jury")}
    theirs = {key: (other.read_settings().get(key) or {}).get("precision") for key in judges}
    told = [f"--set {key}.precision={theirs[key]}" for key, own in judges.items() if theirs[key] not in (None, own)]
    return f", among them {' '.join(told)}" if told else ""
