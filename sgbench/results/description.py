"""What a report says of a study besides figures: kept in the study's folder, so that a report needs nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from sgbench.support.errors import UserError
from sgbench.support.names import one_component
from sgbench.support.strict import LARGEST


def _folder(name: str) -> str:
    try:
        return one_component(name)
    except UserError as error:
        raise ValueError(str(error)) from error


FolderName = Annotated[str, AfterValidator(_folder)]
"""The name of a folder of all runs."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]


@dataclass(frozen=True)
class ReportedSystem:
    """A system of a report.

    Attributes:
        folder: where its records are.
        method: as the records have it.
        shown: the method's name as shown.
        source_labels: what it was given of test images (``methods.contract``); empty where that is not known.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    folder: FolderName
    method: str
    shown: str
    source_labels: Literal["true", "guessed", "none", ""] = ""


@dataclass(frozen=True)
class ShownFaces:
    """What the figures of faces show.

    Attributes:
        headings: of the columns: the input, each attribute, then pairs of them.
        num_single: columns of the input and of attributes changed alone.
        asked: for each person the values asked for in each column.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    headings: tuple[str, ...]
    num_single: Count
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
        items: tables and figures of the paper that the study makes.
        paper_levels: level in records -> the level of the paper that it stands for, where they differ.
        jobs_without_losses: number of further jobs, whose losses are not at hand.
        gallery: places in the test set of those of whom the page shows all results; nobody where images may not be
            passed on.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False)

    title: str
    attributes: Mapping[str, str]
    controls: tuple[FolderName, ...]
    systems: tuple[ReportedSystem, ...]
    jobs: Mapping[FolderName, str]
    correlated: tuple[tuple[str, str], ...]
    correlated_above: float
    inception_name: str
    comparability: str
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
    shown: ShownFaces
    num_resamples: Count
    num_seeds: Count
    manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    items: tuple[str, ...] = ()
    paper_levels: Mapping[str, str] = field(default_factory=dict)
    jobs_without_losses: Annotated[int, Field(ge=0)] = 0
    gallery: tuple[Annotated[int, Field(ge=0, le=LARGEST)], ...] = ()


def check_description(description: Description) -> None:
    """Refuse a description that no report can be made of.

    Raises:
        ValueError: something is missing or there twice; the message begins with its key.
    """
    for key in ("attributes", "controls"):
        if not getattr(description, key):
            raise ValueError(f"{key}: there is none")
    folders = [system.folder for system in description.systems]
    check_different("controls", description.controls)
    check_different("systems", folders)
    if both := [folder for folder in folders if folder in description.controls]:
        raise ValueError(f"systems: '{both[0]}' is one of the controls too")
    if description.reference not in ("", *folders):
        raise ValueError(f"reference: '{description.reference}' is none of the systems")
    check_different("paper_levels", description.paper_levels.values())
    faces = description.shown
    if any(len(person) != len(faces.headings) for person in faces.asked):
        raise ValueError(f"shown.asked: a person has not {len(faces.headings)} values, one for each heading")


def check_different(key: str, names: Iterable[str]) -> None:
    """Refuse a name that is there twice.

    Raises:
        ValueError: one is; the message begins with the key.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{key}: '{name}' is there twice")
        seen.add(name)
