"""In what the parts that a page joins were made otherwise than one another, besides what each part is there for."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from sgbench.report.layout import MISSING
from sgbench.results.records import read_records
from sgbench.results.study_folder import StudyFolder
from sgbench.support.markdown import in_a_line

_OF_THE_PART = frozenset(
    ("study", "about", "notes", "levels", "seeds", "balanced", "experiments", "items", "device", "workers", "threads")
) | {"launcher", "data.attributes"}
"""Settings that say what a part shows, or where it is carried out."""
_SHOWING = frozenset(("scoring.batch_size", "scoring.figure_people", "scoring.people", "scoring.reference"))
_OF_A_METHOD = frozenset(("levels", "balanced"))


def unlike(studies: Sequence[StudyFolder]) -> str:
    """A sentence that names each setting, version or definition that the studies do not share; empty if there is none.

    What only some of them have, such as a method's settings, is held against those that have it too.

    Raises:
        BrokenFile: a file of a study cannot be read; names it.
    """
    made = {study.path.name: dict(_made(study)) for study in studies}
    names = dict.fromkeys(name for own in made.values() for name in own)
    told = []
    for name in names:
        parts: dict[str, list[str]] = {}
        for study, own in made.items():
            if name in own:
                parts.setdefault(own[name], []).append(study)
        if len(parts) > 1:
            told.append(f"{name} is " + ", ".join(f"{value} in {' and '.join(own)}" for value, own in parts.items()))
    if apart := _defined_apart(studies):
        told.append(f"{', '.join(apart)} {'is' if len(apart) == 1 else 'are'} defined otherwise")
    if not told:
        return ""
    return (
        f"These parts were not made alike, so figures of one are not to be held against another's: {'; '.join(told)}."
    )


def _made(study: StudyFolder) -> Iterator[tuple[str, str]]:
    """What decides figures, by name, as texts."""
    if study.was_planned():
        plan = study.read_plan()
        yield "number of training images", f"{plan.train:,}"
        yield "number of test images", f"{plan.test:,}"
        for job in plan.jobs.values():
            yield "version of the loop", _shown(job.get("loop"))
            yield f"version of {job.get('method')}", _shown(job.get("version"))
        for name, value in _leaves(study.read_settings()):
            if not _is_of_the_part(name):
                yield name, _shown(value)
    made = study.read_runtime()
    yield from ((f"version of {name}", _shown(version)) for name, version in _versions(made))


def _defined_apart(studies: Sequence[StudyFolder]) -> list[str]:
    """Metrics that two of the studies have, without one definition in common."""
    known: list[dict[str, set[str]]] = []
    for study in studies:
        own: dict[str, set[str]] = {}
        for record in read_records(study.report.records_file) if study.report.records_file.is_file() else ():
            own.setdefault(record.metric, set()).add(record.definition)
        known.append(own)
    pairs = combinations(known, 2)
    return sorted({m for one, other in pairs for m in one.keys() & other.keys() if one[m].isdisjoint(other[m])})


def _versions(made: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of the suite, of the protocol of scoring, and of what computes."""
    protocol, packages = (own if isinstance(own := made.get(key), Mapping) else {} for key in ("protocol", "packages"))
    known = {"sgbench": made.get("sgbench"), "the protocol": protocol.get("version")}
    known |= {name: packages.get(name) for name in ("python", "torch")}
    return ((name, version) for name, version in known.items() if version is not None)


def _leaves(settings: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{place}.{key}" if place else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name, value


def _is_of_the_part(name: str) -> bool:
    first, _, rest = name.partition(".")
    of_a_method = first == "methods" and rest.rpartition(".")[2] in _OF_A_METHOD
    return first in _OF_THE_PART or name in _OF_THE_PART | _SHOWING or of_a_method


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_shown, value)) or MISSING
    return MISSING if value is None or value == "" else in_a_line(str(value))
