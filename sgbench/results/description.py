"""What a report says of a study besides figures: kept in the study's folder, so that a report needs nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sgbench.support.names import one_component


@dataclass(frozen=True)
class ReportedSystem:
    """A system of a report: its folder, its method in the records, the method's name as shown."""

    folder: str
    method: str
    shown: str


@dataclass(frozen=True)
class ShownFaces:
    """What the figures of faces show.

    Attributes:
        headings: of the columns: the input, each attribute, then pairs of them.
        num_single: columns of the input and of attributes changed alone.
        asked: for each person the values asked for in each column.
    """

    headings: tuple[str, ...]
    num_single: int
    asked: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Description:
    """A study as its report tells it.

    Attributes:
        title: heading of the page.
        attributes: name in records -> name shown, in the order of columns.
        controls: folders of the controls.
        systems: in the order of rows.
        jobs: folder of each job whose losses are kept -> its title.
        correlated: pairs of attributes with ``|phi| > correlated_above`` in the data set, in both orders.
        inception_name: what a score by the Inception weights at hand is called.
        comparability: a sentence on how the study differs from the paper's.
        facts: what the study was, line by line.
        notes: sentences to read the figures by.
        shown: who and what figures of faces show; nobody where images may not be passed on.
        manifests: name of a set of sparse labels -> what it holds.
        num_resamples: of the bootstrap of paired tests.
        num_seeds: how many seeds were trained.
        provenance: what the page states of what made the figures.
        reference: folder of the system that many systems are tested against; empty for the first.
    """

    title: str
    attributes: Mapping[str, str]
    controls: tuple[str, ...]
    systems: tuple[ReportedSystem, ...]
    jobs: Mapping[str, str]
    correlated: tuple[tuple[str, str], ...]
    correlated_above: float
    inception_name: str
    comparability: str
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
    shown: ShownFaces
    num_resamples: int
    num_seeds: int
    manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""


def description_of(plain: Mapping[str, Any]) -> Description:
    """A description as JSON has it.

    Raises:
        KeyError, TypeError: it is none.
        UserError: the name of a folder in it is none.
    """
    return Description(
        **{
            **plain,
            "controls": tuple(map(one_component, plain["controls"])),
            "systems": tuple(_system(**system) for system in plain["systems"]),
            "jobs": {one_component(folder): title for folder, title in plain["jobs"].items()},
            "correlated": tuple((first, second) for first, second in plain["correlated"]),
            "notes": tuple(plain["notes"]),
            "shown": ShownFaces(
                tuple(plain["shown"]["headings"]),
                plain["shown"]["num_single"],
                tuple(tuple(person) for person in plain["shown"]["asked"]),
            ),
        }
    )


def _system(folder: str, method: str, shown: str) -> ReportedSystem:
    return ReportedSystem(one_component(folder), method, shown)
