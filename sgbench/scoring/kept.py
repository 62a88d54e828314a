"""What was scored and trained for scoring before: what is broken of it is said and made again."""

from collections.abc import Iterable

from sgbench.plan.study import Study
from sgbench.results.system_folder import SystemFolder


def discard_broken(study: Study, more: Iterable[SystemFolder] = ()) -> None:
    """Let systems whose files are lost or changed count as not scored, and remove such judges; says each in a line.

    Args:
        more: folders of systems besides those of the plan.
    """
    for folder in (*study.controls.values(), *map(study.system_folder, study.plan.systems), *more):
        if folder.is_scored() and (problem := folder.problem()):
            study.screen.say(f"{problem}: scored again")
            folder.unscore()
    for seat in study.protocol.judges:
        if problem := study.runs.judge(seat.key).discard_broken():
            study.screen.say(problem)
