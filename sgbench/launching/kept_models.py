"""Models that were trained before: whether they can be used, and what the user wants done with those that cannot."""

from collections.abc import Mapping
from typing import Literal

from sgbench.plan.job import Job, System
from sgbench.plan.study import Study
from sgbench.results.checkpoints import check_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.support.code import made_of
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.locks import locked

Choice = Literal["retrain", "keep"]
"""Train again what cannot be used, or keep models whose code has changed."""


def settle_models(study: Study, choice: Choice | None = None) -> None:
    """Refuse models whose code has changed since they were trained or scored, or whose checkpoint is broken.

    This is before any training. Models whose job is gone still count as far as they are scored.

    Args:
        choice: what to do instead with those of this study: remove them with all that was scored of them, so that they
            are trained again; or let them count as trained with the changed code.

    Raises:
        UserError: one cannot be used, and nothing was chosen, or it cannot be kept.
    """
    for job in study.plan.jobs:
        folder = study.runs.job(job.name)
        kept = _kept(study, job, folder)
        place, changed = next(((at, told) for at in kept if (told := changed_code(job.files, at))), (folder, ""))
        renamed = _renamed(job, folder)
        changed = changed or renamed
        if changed and choice is None:
            done = "trained" if place is folder else "scored"
            raise UserError(f"{changed} has changed since this was {done}: --retrain or --keep ({place.path})")
        broken = _broken_checkpoint(study, job, folder) if folder.is_begun() else ""
        if broken and choice != "retrain":
            raise UserError(broken)
        if broken or (changed and choice == "retrain"):
            _discard(study, job, folder)
            study.screen.say(f"{place.path}: removed ({broken or f'{changed} has changed'}): trained again")
            continue
        problem = folder.identity_problem() if folder.is_done() else ""
        if problem or renamed:
            with locked(folder.lock, folder.busy):
                folder.write_identity(job.identity, job.labels.manifest, job.code, job.data, job.files, folder.origin())
        if problem:
            study.screen.say(problem)
        for at in kept:
            if job.files and (not at.known_files() or changed_code(job.files, at)):
                at.accept(job.files)


def _kept(study: Study, job: Job, folder: JobFolder) -> list[JobFolder | SystemFolder]:
    """The places that hold what was made with a job's code: its folder, and those of its systems that are scored."""
    scored = [at for at in map(study.system_folder, _systems_of(study, job)) if at.is_scored()]
    return [*([folder] if folder.is_begun() else []), *scored]


def changed_code(files: Mapping[str, str], folder: JobFolder | SystemFolder) -> str:
    """The file of a class from outside the package that is not as it was when this was made with it; else empty.

    Args:
        files: SHA-256 of each file that the class is made of now.
    """
    known = folder.known_files()
    if not files or known == []:
        return ""
    if known is None:
        return f"{folder.code_file} is broken, so nobody knows whether {next(iter(files))}"
    if made_of(files) in map(made_of, known):
        return ""
    earlier = {digest for kept in known for digest in kept.values()}
    return next((name for name, digest in files.items() if digest not in earlier), next(iter(files)))


def _renamed(job: Job, folder: JobFolder) -> str:
    """A class from outside the package, in words, if one of another name with its key trained this; else empty."""
    own, earlier = job.code.partition(":")[2], folder.code().partition(":")[2] if folder.is_begun() else ""
    return f"the class, {earlier} then and {own} now," if job.files and earlier not in ("", own) else ""


def _broken_checkpoint(study: Study, job: Job, folder: JobFolder) -> str:
    """What is wrong with a checkpoint that is needed: to go on from, or to score a system by; else empty."""
    needed = any(not study.system_folder(system).is_scored() for system in _systems_of(study, job))
    try:
        if needed:
            check_checkpoint(folder)
    except BrokenFile as error:
        return str(error)
    return ""


def _discard(study: Study, job: Job, folder: JobFolder) -> None:
    """Remove a model, and before it what was scored of it under any protocol."""
    with locked(folder.lock, folder.busy):
        for system in _systems_of(study, job):
            for scored in study.runs.systems_of(system.name):
                scored.discard()
        folder.discard()


def _systems_of(study: Study, job: Job) -> list[System]:
    return [system for system in study.plan.systems if any(job.name == own.name for own in system.jobs)]
