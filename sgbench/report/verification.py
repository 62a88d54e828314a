"""Checks a report: makes records again from per-image scores, and tables and page from records, and compares them.

In a copy of the run folder the records are made again from the scores. Where they are the same but for rounding
(``results.rounding``), the recorded ones stay, and so do the figures of paired tests and of claims: tables and page
come from what was recorded, and their texts must be the same to the last digit. The report of the copy is made like
any report, and the texts of both are compared. This finds every figure, table or page that was changed, lost or made
by other code. Checksums find every other file of the report that is not the one that was written. Where the models
that were trained for it, or the judges, are at hand, their files are held against their hashes, and must be those of
this job or judge. A forgery that changed all files consistently, with the checksums, cannot be found.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import numpy as np
import pandas as pd

from sgbench.metrics.own import use_metrics
from sgbench.report.beyond import COMPARISONS
from sgbench.report.claims import CLAIMS
from sgbench.report.comparisons import ADJUSTED
from sgbench.report.html.comparing import comparable
from sgbench.report.losses import all_losses_at_hand
from sgbench.report.making import make_report
from sgbench.results.checkpoints import check_checkpoint
from sgbench.results.checksums import check_files
from sgbench.results.job_folder import JobFolder
from sgbench.results.records import FIGURES, read_records, to_frame
from sgbench.results.report_folder import ReportFolder
from sgbench.results.rounding import same_but_for_rounding
from sgbench.results.run_folder import RunFolder
from sgbench.results.scores import read_scores
from sgbench.results.study_folder import BESIDE_A_REPORT, StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.scoring.figures import make_records
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.global_state import own_state
from sgbench.support.locks import locked
from sgbench.support.sealed import seal

_NAMES = {
    COMPARISONS: ["target", "measured_on", "metric", "unit", "first", "second"],
    CLAIMS: ["claim", "figure", "comparison"],
}
"""Columns that say which row of a table is which."""
_VARIANCES = ("variance_images", "variance_judges", "variance_seeds")
_MADE = {
    COMPARISONS: {"value": "difference"} | {name: name for name in ("low", "high", "p", *ADJUSTED)},
    CLAIMS: {name: name for name in ("value", "low", "high", "surely_below", *_VARIANCES)},
}
"""Figures of its rows: column of a report's table -> column as it was made."""


@dataclass(frozen=True)
class Verification:
    """How much was made again, and one line for each difference."""

    num_records: int
    num_systems: int
    num_files: int
    problems: tuple[str, ...]


@own_state()
def verify(folder: Path) -> Verification:
    """Make a report again and compare it.

    Args:
        folder: the folder of a study or an evaluation; its systems are in ``systems`` beside it.

    Raises:
        UserError: a file that is needed is missing or broken, or another process is at the study.
    """
    study = StudyFolder.named(folder)
    use_metrics(study.own_metrics())
    with _at_rest(study):
        return _verified(study)


@contextmanager
def _at_rest(study: StudyFolder) -> Iterator[None]:
    """Keep the study's command from writing files anew while they are compared; where nobody can write, none does.

    Raises:
        UserError: another process is at the study.
    """

    def busy(who: str) -> str:
        return f"{study.path}: {who} is at this study and may be writing it; verify it when that has ended"

    place = study.path.resolve()
    lock = RunFolder(place.parent).study_lock(place.name)
    with ExitStack() as stack:
        if lock.is_file():
            with suppress(OSError):  # no permission, or read-only
                stack.enter_context(locked(lock, busy))
        yield


def _verified(study: StudyFolder) -> Verification:
    folder = study.path
    try:
        members = study.members()
        names = {member: read_scores(member.scores_file).base.system for member in members}
    except (OSError, ValueError) as error:
        if not study.is_study() and ReportFolder(folder).records_file.is_file():
            raise UserError(
                f"{folder}: is a report alone, of which nothing can be made again; put {', '.join(BESIDE_A_REPORT)} of "
                "the study's folder beside its files"
            ) from error
        raise UserError(
            f"{folder}: not a finished study with its per-image scores ({error}); run its command again, or give a "
            "folder such as runs/quick-500"
        ) from error
    foreign = [
        f"{member.scores_file}: holds the scores of {name}" for member, name in names.items() if name != member.name
    ]
    if foreign:
        return Verification(0, len(members), len(members), tuple(foreign))
    try:
        with TemporaryDirectory() as name:
            again = StudyFolder(Path(name).resolve() / "runs" / folder.resolve().name)
            for member in members:
                if broken := _remake(member, again.runs):
                    return Verification(0, len(members), len(members), (broken,))
            return _compared(study, again, members)
    except shutil.Error as error:  # all that went wrong while a folder was copied
        path, _, why = error.args[0][0]
        raise UserError(
            f"{path}: cannot be copied to make the report again ({why}); free space in {gettempdir()}, or name another "
            "folder in TMPDIR, or move what is no file out of the systems"
        ) from error


def _remake(member: SystemFolder, runs: RunFolder) -> str:
    """Copy a system into another run folder, with records made from its scores; returns a problem, or nothing.

    The scores are read here, although they were checked before, so that those of one system at a time are in memory.
    """
    try:
        with torch_threads(LOOKING):
            records = make_records(read_scores(member.scores_file))
    except (ValueError, IndexError, RuntimeError) as error:
        return f"{member.scores_file}: no records can be made of it: {error}"
    copy = runs.system(member.name)
    shutil.copytree(member.path, copy.path)
    copy.path.chmod(0o700)  # it came with the rights of the other, in which perhaps nobody may write
    copy.write_records(records)
    if same_records(member.records_file, copy.records_file):
        shutil.copyfile(member.records_file, copy.records_file)
        seal(copy.records_file)
    return ""


def same_records(claimed: Path, made: Path) -> bool:
    """Whether a file of records differs from the one that was made again at most in the rounding of its figures."""
    try:
        old, new = (to_frame(read_records(path)) for path in (claimed, made))
    except (OSError, ValueError):
        return False
    figures = list(FIGURES)
    return old.drop(columns=figures).equals(new.drop(columns=figures)) and bool(
        same_but_for_rounding(old[figures], new[figures]).all()
    )


def _recorded(name: str, made: pd.DataFrame, claimed: ReportFolder) -> pd.DataFrame:
    """Rows of a table with the figures that a report has of them, where they are the same but for rounding."""
    names, columns = _NAMES[name], _MADE[name]
    try:
        old = pd.read_csv(
            claimed.table_files(name)[0],
            dtype=dict.fromkeys(names, str),
            # Not by pandas, which before version 3.1 reads some numbers with another last digit.
            converters=dict.fromkeys(columns, lambda text: float(text or "nan")),
            keep_default_na=False,
        ).set_index(names)[list(columns)]
    except (OSError, ValueError, KeyError):
        return made
    if old.index.has_duplicates:
        return made
    old = old.reindex(pd.MultiIndex.from_frame(made[names])).rename(columns=columns)
    new = made[list(old)]
    kept = np.where(same_but_for_rounding(old, new), old, new)
    return made.assign(**dict(zip(new, kept.T, strict=True)))


def _compared(study: StudyFolder, again: StudyFolder, members: list[SystemFolder]) -> Verification:
    problems: list[str] = []
    for member in members:
        problems += differences(member.records_file, again.runs.system(member.name).records_file)
    again.write_description(study.read_description())
    try:
        recorded = partial(_recorded, claimed=study.report)
        report = make_report(again, pictures=False, recorded=recorded, jobs=study.runs)
    except UserError as error:
        problem = str(error).replace(str(again.runs.root), str(study.runs.root))
        return Verification(0, len(members), len(members), (*problems, problem))
    texts = again.report.texts()
    form = partial(comparable, with_losses=all_losses_at_hand(study.read_description(), study.runs))
    for path in texts:
        problems += differences(study.report.path / path.name, path, form if path.suffix == ".html" else str)
    told = {problem.partition(": ")[0] for problem in problems}
    places = [member.path for member in members]
    problems += [f"{path}: {problem}" for path, problem in check_files(study.path, places) if str(path) not in told]
    problems += [*_changed_jobs(study), *study.changed_judges(), *study.other_protocol()]
    return Verification(len(report.records), len(members), len(texts) + len(members), tuple(problems))


def _changed_jobs(study: StudyFolder) -> list[str]:
    """A line for each checkpoint or table of losses at hand that is not as it was written, or is another job's."""
    try:
        jobs = study.jobs()
    except BrokenFile as error:
        return [str(error)]
    return [line for job in jobs for line in [*job.changed()] or _of_another(job)]


def _of_another(job: JobFolder) -> list[str]:
    try:
        if job.checkpoint.exists():
            check_checkpoint(job)
    except BrokenFile as error:
        return [str(error)]
    return []


def differences(claimed: Path, made: Path, form: Callable[[str], str] = str) -> Iterator[str]:
    """A line that says where a file differs from the one that was made again.

    Args:
        form: of a text, what is compared.
    """
    if not claimed.is_file():
        yield f"{claimed}: is missing"
        return
    old, new = (form(path.read_text(encoding="utf-8", errors="replace")).splitlines() for path in (claimed, made))
    if old != new:
        changed = [line for line in unified_diff(old, new, n=0, lineterm="") if line[:1] in "+-"][2:]
        first = next((line for line in changed if line.startswith("-")), changed[0])
        lines = sum(line.startswith("-") for line in changed) or len(changed)
        yield f"{claimed}: {lines} lines differ, the first: {first[1:161]}"
