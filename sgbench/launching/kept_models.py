"""Models that were trained before: whether they can be used, and what the user wants done with those that cannot."""

from collections.abc import Mapping
from typing import Literal

from sgbench.plan.job import Job, System
from sgbench.plan.study import Study
from sgbench.results.checkpoints import check_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.support.code import made_of
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.locks import locked

Choice = Literal["retrain", "keep"]
"""Train again what cannot be used, or keep models whose code has changed."""


def settle_models(study: Study, choice: Choice | None = None) -> None:
    """Refuse models whose code has changed since they were trained, or whose checkpoint is broken, before any training.

    Args:
        choice: what to do instead with those of this study: remove them with all that was scored of them, so that they
            are trained again; or let them count as trained with the changed code.

    Raises:
        UserError: one cannot be used, and nothing was chosen, or it cannot be kept.
    """
    for job in study.plan.jobs:
        folder = study.runs.job(job.name)
        if not folder.is_begun():
            continue
        changed = changed_code(job.files, folder)
        if changed and choice is None:
            raise UserError(f"{changed} has changed since this was trained: --retrain or --keep ({folder.path})")
        broken = _broken_checkpoint(study, job, folder)
        if broken and choice != "retrain":
            raise UserError(broken)
        if broken or (changed and choice == "retrain"):
            _discard(study, job, folder)
            study.screen.say(f"{folder.path}: removed ({broken or f'{changed} has changed'}): trained again")
        elif changed or (job.files and not folder.known_files()):
            folder.accept(job.files)


def changed_code(files: Mapping[str, str], folder: JobFolder) -> str:
    """The file of a class from outside the package that is not as it was when the model was trained; else empty.

    Args:
        files: SHA-256 of each file that the class is made of now.
    """
    known = folder.known_files()
    if not files or known == []:
        return ""
    if known is None:
        return f"{folder.identity_file} is broken, so nobody knows whether {next(iter(files))}"
    if made_of(files) in map(made_of, known):
        return ""
    earlier = {digest for kept in known for digest in kept.values()}
    return next((name for name, digest in files.items() if digest not in earlier), next(iter(files)))


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
