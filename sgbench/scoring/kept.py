"""What was packed, scored and trained for scoring before: what is broken of it is said and made again."""

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
    for folder in (*study.controls.values(), *map(study.system_folder, study.plan.systems)):
        still_scored(folder, study.screen)
    for seat in study.protocol.judges:
        if problem := study.runs.judge(seat.key).discard_broken():
            study.screen.say(problem)


def still_scored(folder: SystemFolder, screen: Screen) -> bool:
    """Whether a system is scored and all its files are whole; one that is broken no longer counts, which is said."""
    if folder.is_scored() and (problem := folder.problem()):
        screen.say(f"{problem}: scored again")
        folder.unscore()
    return folder.is_scored()
