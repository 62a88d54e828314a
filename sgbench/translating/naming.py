"""A trained model by the name that a user gives it: a study and a method of it, or the folder of a job.

``quick-500:sggan`` is SG-GAN in the folder ``quick-500`` of all runs, ``elsewhere/quick-500:sggan`` in another one.
Where a study trained a method several times, a level and a seed say which: ``quick-all-500:stargan@500`` or
``quick-all-500:stargan@500/1``. A method trained one attribute at a time is all of its jobs, a job's folder
(``runs/jobs/...``) one of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sgbench.plan.job import in_a_label
from sgbench.results.job_folder import JobFolder
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.paths import user_path

SYNTAX = "STUDY:METHOD, STUDY:METHOD@LEVEL/SEED such as quick-500:sggan@500/0, or the folder of a job"
_SYSTEM = re.compile("(?P<slug>.+)-(?P<level>all|[0-9]+)-s(?P<seed>[0-9]+)-[0-9a-f]{8}-[0-9a-f]{8}")
"""The name of a system's folder under a protocol."""


@dataclass(frozen=True)
class NamedModel:
    """What a name stands for: jobs that cover the system's attributes between them.

    Attributes:
        settings: the method's in the study that the name is of, some of which decide how trained models are used; a
            job's folder has none, so that those are the method's defaults.
    """

    name: str
    jobs: tuple[JobFolder, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def find_model(name: str, runs: RunFolder) -> NamedModel:
    """The model that a user names.

    Raises:
        UserError: there is none, or there are several; says which there are.
    """
    job = JobFolder(user_path(name))
    if job.identity_file.is_file():
        return NamedModel(job.path.resolve().name, (JobFolder(job.path.resolve()),))
    study, colon, rest = name.rpartition(":")
    if not colon or not study or not rest:
        if StudyFolder(job.path).was_planned():
            raise UserError(f"--model {name}: is a study; name the method too, such as {name}:{_some(job.path)}")
        raise UserError(f"--model {name}: no model there; give {SYNTAX}")
    return _of_study(_study(study, runs), name, *rest.partition("@")[::2])


def _study(name: str, runs: RunFolder) -> StudyFolder:
    folder = StudyFolder.named(user_path(name)) if "/" in name else StudyFolder(runs.study(name))
    if folder.was_planned():
        return folder
    root = folder.path.parent
    known = [path.name for path in sorted(root.iterdir()) if StudyFolder(path).was_planned()] if root.is_dir() else []
    raise UserError(f"--model: {folder.path}: no study there; {_instead(folder.path.name, known, 'studies')}")


def _of_study(folder: StudyFolder, name: str, method: str, which: str) -> NamedModel:
    """A method of a study.

    Args:
        which: a level, or a level and a seed with a slash between; may be empty.
    """
    try:
        systems = folder.read_plan().systems
    except ValueError as error:
        raise UserError(str(error)) from error
    found = {system: match for system in systems if (match := _SYSTEM.fullmatch(system))}
    slug = method.replace("/", ".")
    own = {system: match for system, match in found.items() if match["slug"] == slug}
    if not own:
        known = list(dict.fromkeys(match["slug"].replace(".", "/") for match in found.values()))
        raise UserError(f"--model: {folder.path} has no method '{method}'; {_instead(method, known, 'methods')}")
    titles = {system: f"{match['level']}/{match['seed']}" for system, match in own.items()}
    chosen = [s for s, match in own.items() if which in ("", match["level"], titles[s])]
    if len(chosen) != 1:
        several = "is several models" if chosen else "is none of its models"
        options = ", ".join(f"{method}@{title}" for title in titles.values())
        raise UserError(f"--model {name}: {several}; say which by level and seed: {options}")
    (system,) = chosen
    title = f"{folder.path.name}:{method}@{titles[system]}"
    jobs = tuple(folder.runs.job(job) for job in systems[system])
    return NamedModel(title, jobs, _settings(folder, own[system]["slug"]))


def _settings(folder: StudyFolder, slug: str) -> Mapping[str, Any]:
    """A method's settings as a study keeps them; not all are in its jobs' folders.

    Raises:
        UserError: they are missing or broken; says what to do.
    """
    try:
        methods = folder.read_settings().get("methods") or {}
        return next(dict(own) for key, own in methods.items() if in_a_label(key.replace("/", ".")) == slug)
    except BrokenFile as error:
        raise UserError(str(error)) from error
    except (AttributeError, TypeError, ValueError, StopIteration) as error:
        told = f"is broken (methods: has no {slug.replace('.', '/')}, which was trained)"
        raise UserError(f"{folder.settings_file}: {told}; run the study's command again") from error


def _some(study: object) -> str:
    """A method of a study, for an example."""
    try:
        systems = StudyFolder(user_path(str(study))).read_plan().systems
    except ValueError:
        return "sggan"
    return next((match["slug"].replace(".", "/") for s in systems if (match := _SYSTEM.fullmatch(s))), "sggan")


def _instead(name: str, known: Iterable[str], what: str) -> str:
    """What there is, the nearest first asked for."""
    known = list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return (f"did you mean {near[0]}? " if near else "") + f"the {what} there are {', '.join(known) or 'none'}"
