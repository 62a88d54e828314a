"""What a study will do: settings and a data set -> a split, jobs and systems. Reading a plan trains nothing."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from sgbench.data.labels import Attribute, SparseLabels, check_counts, group_separator, sparsify
from sgbench.data.levels import NONE_NAME, Level
from sgbench.data.source import Source
from sgbench.metrics.catalogue import spec_of
from sgbench.plan.edits import Edits, choose_edits, choose_gallery
from sgbench.plan.job import Job, System
from sgbench.results.records import ALL, COPY, ORACLE, REAL
from sgbench.settings.classes import source_name
from sgbench.settings.models import MethodEntry, Settings
from sgbench.support.code import files_of
from sgbench.support.errors import UserError, shown
from sgbench.support.global_state import foreign


@dataclass(frozen=True)
class Plan:
    """A study's settings, data, split, systems and controls.

    Attributes:
        train: int64, positions of the training images among all, ascending.
        test: int64, positions of the images that are scored, likewise: the test images, or validation images.
        controls: those that the data set allows.
    """

    settings: Settings
    source: Source
    train: Tensor
    test: Tensor
    systems: tuple[System, ...]
    controls: tuple[str, ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job, once."""
        return tuple({job.name: job for system in self.systems for job in system.jobs}.values())

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The study's attributes."""
        return self.source.attributes

    @property
    def test_labels(self) -> Tensor:
        """True labels of the test images, int8 [N, J]."""
        return self.source.labels[self.test]

    @property
    def test_ids(self) -> tuple[str, ...]:
        """Names of the test images."""
        return tuple(self.source.ids[i] for i in self.test.tolist())

    def revealed(self, level: Level, seed: int) -> SparseLabels:
        """The labels of the training images as a level and a seed reveal them.

        Raises:
            UserError: a value has too few images.
        """
        try:
            return sparsify(self.source.labels[self.train], self.attributes, level, seed, self.settings.balanced)
        except ValueError as error:
            raise UserError(str(error)) from error

    @property
    def edits(self) -> Edits:
        """Whom the figures of faces show, and how."""
        titles, scoring = [a.title for a in self.attributes], self.settings.scoring
        places = {name: place for place, name in enumerate(self.test_ids)} if scoring.people else {}
        named = [places[name] for name in scoring.people]
        return choose_edits(self.test_labels, self.attributes, titles, scoring.figure_people, named)

    @property
    def gallery(self) -> tuple[int, ...]:
        """Places in the test set of those of whom the page shows all results."""
        scoring = self.settings.scoring
        return choose_gallery(self.test_labels, scoring.gallery_people if scoring.figure_people else 0)


def make_plan(settings: Settings, source: Source) -> Plan:
    """Plan a study and refuse what cannot be trained.

    Raises:
        UserError: too few images for a level, no complete vector where a method needs one, a method that cannot
            take an attribute, a value that no test image has.
    """
    _check_names(source.attributes)
    with foreign(f"data set {source.name}"):
        train, test = source.scored_split()
        knows_counterfactuals = source.counterfactual(test[:1], ()) is not None
    _check_scored(source.labels[test], source.attributes, settings.data.scored_on)
    _check_trained(source.labels[train], source.attributes)
    _check_balanced(settings, source.attributes)
    _check_reference(settings)
    _check_people(settings, source, test)
    files = {entry.cls: files_of(entry.cls.__module__) for entry in settings.methods}  # once, not for every job
    systems = tuple(
        System(entry, level, seed, tuple(_jobs(settings, source, train, files[entry.cls], entry, level, seed)))
        for entry in settings.methods
        for level in settings.levels_of(entry)
        for seed in settings.seeds
    )
    return Plan(settings, source, train, test, systems, (REAL, COPY, ORACLE) if knows_counterfactuals else (REAL, COPY))


def _jobs(
    settings: Settings,
    source: Source,
    train: Tensor,
    files: Mapping[str, str],
    entry: MethodEntry,
    level: Level,
    seed: int,
) -> Iterator[Job]:
    """The jobs of a system: one of all attributes, or one of each."""
    size, precision, data = settings.data.image_size, settings.precision, source_name(settings.source)
    everything = tuple(range(len(source.attributes)))
    for columns in [(j,) for j in everything] if entry.cls.one_attribute else [everything]:
        attributes = tuple(source.attributes[j] for j in columns)
        known = source.labels[train][:, list(columns)]
        try:
            labels = sparsify(known, attributes, level, seed, settings.balanced_of(entry))
            if entry.cls.needs_complete_vectors and not labels.complete.any():
                raise ValueError(
                    f"no training image has all of {', '.join(a.name for a in attributes)} known at --sparse {level}; "
                    "raise the level or name fewer attributes"
                )
            job = Job(
                entry, level, seed, columns, attributes, size, precision, labels, source.fingerprint, train, files, data
            )
            job.check()
        except ValueError as error:
            raise UserError(f"{entry.name}: {error}") from error
        yield job


def _check_names(attributes: Sequence[Attribute]) -> None:
    """Refuse names that records or tables could not tell apart."""
    shown = {spec_of(name).title.lower(): "a table's column" for name in ("background_ms_ssim", "jury_agreement")}
    for attribute in attributes:
        if ALL in attribute.values:
            raise UserError(
                f"{attribute.name}: a value cannot be called '{ALL}', which stands for all of them; rename it"
            )
        if NONE_NAME in attribute.values:
            raise UserError(
                f"{attribute.name}: a value cannot be called '{NONE_NAME}', which stands for none of them; rename it"
            )
        for value in attribute.values:
            if group_separator(attributes).search(value):
                raise UserError(
                    f"{attribute.name}: in the value '{value}' a plus and an attribute's name look like the start of "
                    "another group; rename it"
                )
        title = unicodedata.normalize("NFC", attribute.title).lower()
        if title in shown:
            raise UserError(f"{attribute.name}: is shown as '{attribute.title}', as is {shown[title]}; rename it")
        shown[title] = f"'{attribute.name}'"


def _check_trained(labels: Tensor, attributes: Sequence[Attribute]) -> None:
    """Refuse training images that lack a value: no judge could learn it, even where no method is trained."""
    try:
        check_counts(labels.numpy(), attributes, "all")
    except ValueError as error:
        raise UserError(str(error)) from error


def _check_balanced(settings: Settings, attributes: Sequence[Attribute]) -> None:
    """Refuse to balance what the study does not have."""
    known = {a.name for a in attributes}
    balanced = [name for entry in settings.methods for name in settings.balanced_of(entry)]
    if unknown := [name for name in [*settings.balanced, *balanced] if name not in known]:
        raise UserError(f"balanced: unknown attribute '{unknown[0]}'; the study has {', '.join(sorted(known))}")


def _check_reference(settings: Settings) -> None:
    """Refuse to test methods against one that the study does not have; without methods there is nothing to test."""
    named, known = settings.scoring.reference, [entry.key for entry in settings.methods]
    if named is not None and known and named not in known:
        raise UserError(f"scoring.reference: unknown method '{named}'; the study has {', '.join(known)}")


def _check_people(settings: Settings, source: Source, test: Tensor) -> None:
    """Refuse to show whom the study does not score, or who has no value of an attribute to take another one."""
    labels = {source.ids[i]: source.labels[i] for i in test.tolist()} if settings.scoring.people else {}
    for name in settings.scoring.people:
        if name not in labels:
            told = f"{shown(name)} is none of the {len(labels):,} {settings.data.scored_on} images"
            raise UserError(f"scoring.people: {told}, which are named like {shown(next(iter(labels)))}")
        lacking = [a.name for a, value in zip(source.attributes, labels[name].tolist(), strict=True) if value < 0]
        if lacking:
            raise UserError(f"scoring.people: {shown(name)} has no value of {lacking[0]}; choose somebody who has")


def _check_scored(labels: Tensor, attributes: Sequence[Attribute], scored_on: str) -> None:
    """Refuse images that could not be asked for every group, or of whom nobody could be shown."""
    lacking = f"none of {len(labels)} {scored_on} images has"
    key = "data.num_test" if scored_on == "test" else "data.validation"
    remedy = f"raise {key}, or add such images"
    for j, attribute in enumerate(attributes):
        for v, value in enumerate(attribute.values):
            if not (labels[:, j] == v).any():
                raise UserError(f"{lacking} {attribute.name} = '{value}'; {remedy}")
    if not (labels >= 0).all(1).any():
        raise UserError(f"{lacking} a value of every attribute; {remedy}")
