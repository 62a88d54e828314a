"""A study's place among the runs: a folder that belongs to one process at a time, and to one study."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

from sgbench.metrics.own import use_metrics
from sgbench.plan.study import Study
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import label_of
from sgbench.settings.differing import differences
from sgbench.settings.kept import completed
from sgbench.settings.writing import as_values
from sgbench.studies.provenance import data_facts
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.locks import FOREVER, holder, locked

_OPEN = {"study", "about", "cost", "notes", "changed", "levels", "seeds", "device", "workers", "threads", "launcher"}
_OPEN |= {"tensorboard", "scoring.batch_size", "scoring.reference"}
"""Settings in which a study may differ from what it was, besides which methods it has."""
_PLACES = {"data.path", "scoring.inception.path", "scoring.lpips.path"}
"""Settings that say where files lie, which may be moved."""
_DATA = {"name": "data set", "labels sha256": "labels", "sha256": "images, or another way of reading them"}
"""What is kept of a report's data -> what is other where it differs; the first that does is told."""
_SHOWN = 3


@contextmanager
def taken(
    study: Study, wait: bool = False, replace: bool = False, systems: Collection[str] | None = None
) -> Iterator[Callable[[str], None]]:
    """Keep other processes out of a study's folder while the block runs; what killed ones left in it is removed.

    Yields a function by which this process says to others what it is doing.

    Args:
        wait: say that another process is at this study and wait for its end, instead of refusing.
        replace: put the study in the place of another one of its name.
        systems: labels (``label_of``) of those that its report will have; by default those that it trains.

    Raises:
        UserError: another process is at this study, or a study with other settings, or systems that this one has not,
            has its name.
    """
    folder = study.folder
    lock = study.runs.study_lock(folder.path.name)

    def busy(who: str) -> str:
        return f"{folder.path}: {who} is at this study; wait for it to end, or give --wait"

    with ExitStack() as stack:
        try:
            tell = stack.enter_context(locked(lock, busy))
        except UserError:
            if not wait:
                raise
            study.screen.say(f"{folder.path}: {holder(lock)} is at this study; waiting for it to end")
            tell = stack.enter_context(locked(lock, busy, FOREVER))
        folder.discard_unfinished()
        use_metrics(study.settings.scoring.metrics)  # another study may have been opened meanwhile
        if not replace:
            option = "--study" if systems is None else "--name"
            remedy = f"choose another name with {option}, or give --replace to put this one in its place"
            _check_same(study, folder, remedy)
            _check_kept(folder, [s.label for s in study.plan.systems] if systems is None else systems, remedy)
        if told := _other_data(study):
            study.screen.say(told)
        yield tell


def _other_data(study: Study) -> str:
    """A line if the report that stands in a study's place is of other data; else empty.

    A label that was corrected makes other jobs, judges and systems, and so another report.
    """
    made, source = study.folder.read_runtime().get("data"), study.plan.source
    if not study.folder.is_study() or not isinstance(made, dict):
        return ""
    now = data_facts(source)
    changed = [word for key, word in _DATA.items() if made.get(key, now[key]) != now[key]]
    if not changed:
        return ""
    what = getattr(study.settings.data, "path", None) or source.name
    return (
        f"{what}: the data are not those of the report that stands in {study.folder.path} (other {changed[0]}); it is "
        "made anew"
    )


def _check_same(study: Study, folder: StudyFolder, remedy: str) -> None:
    """Refuse to replace a study by one with other settings.

    It may have more methods, levels and seeds than before, and be trained elsewhere: its folder then holds the answer
    to a larger question. Before it has a report, and while none of its jobs is done, nothing is replaced.
    """
    if not folder.was_planned():
        return
    try:
        plan, before = folder.read_plan(), folder.read_settings()
        systems = folder.read_description().systems if folder.is_study() else ()
    except BrokenFile:
        return  # the study's command makes it again
    if any(line.startswith(f"{folder.settings_file}: ") for line in folder.changed_files(folder.report)):
        return  # cut or changed since they were written: they say nothing, and are written again
    if not folder.is_study() and not any(study.runs.job(name).is_done() for name in plan.jobs):
        return
    if systems and not plan.systems and study.plan.systems:
        raise UserError(f"{folder.path}: holds an evaluation; {remedy}")
    moved = _PLACES if plan.protocol == study.protocol.hash else set()
    changed = [
        f"{key} was {old} and is {new}"
        for key, old, new in differences(completed(before, study.settings), as_values(study.settings))
        if key not in _OPEN | moved and not (key.startswith("methods.") and key.endswith((".levels", ".class")))
    ]
    if changed:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise UserError(
            f"{folder.path}: holds a study with other settings ({', '.join(changed[:_SHOWN])}{more}); {remedy}"
        )


def _check_kept(folder: StudyFolder, systems: Collection[str], remedy: str) -> None:
    """Refuse to replace a report by one that lacks some of its systems, which would be lost without a word."""
    if not folder.is_study():
        return
    try:
        before = [label_of(system.folder) for system in folder.read_description().systems]
    except BrokenFile:
        return  # the study's command makes it again
    if lost := [label for label in dict.fromkeys(before) if label not in systems]:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise UserError(
            f"{folder.path}: holds a report that has {', '.join(lost[:_SHOWN])}{more} too, and this one would not; ask "
            f"for them as well, {remedy}"
        )
