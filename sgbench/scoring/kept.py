"""What was packed, scored and trained for scoring before: what is broken of it is said and made again."""

from collections.abc import Sequence

from sgbench.data.store.packed import check_source
from sgbench.plan.study import Study
from sgbench.results.system_folder import SystemFolder
from sgbench.support.screen import Screen


def settle_kept(study: Study) -> None:
    """Let systems whose files are lost or changed count as not scored, and remove such judges; says each in a line.

    Raises:
        UserError: images were changed since they were packed.
    """
    check_source(study.plan.source, study.runs.store)
    folders = [*study.controls.values(), *map(study.system_folder, study.plan.systems)]
    scored = [folder for folder in folders if still_scored(folder, study.screen)]
    for seat in study.protocol.judges:
        if problem := study.runs.judge(seat.key).discard_broken():
            study.screen.say(problem)
    judges = [study.runs.judge(seat.key).facts().get("sha256") for seat in study.protocol.judges]
    for folder in scored:
        if _by_others(folder, judges):
            study.screen.say(f"{folder.path}: was scored by other judges than those that are kept: scored again")
            folder.unscore()


def still_scored(folder: SystemFolder, screen: Screen) -> bool:
    """Whether a system is scored and all its files are whole; one that is broken no longer counts, which is said."""
    if folder.is_scored() and (problem := folder.problem()):
        screen.say(f"{problem}: scored again")
        folder.unscore()
    return folder.is_scored()


def _by_others(folder: SystemFolder, judges: Sequence[str | None]) -> bool:
    """Whether a system was scored by other judges than those at hand, as far as it says by which."""
    before = (folder.scored_with() or {}).get("judges", judges)
    return len(before) != len(judges) or any(now not in (None, then) for then, now in zip(before, judges, strict=True))
