"""Puts the gallery together: results of a few people, sources, counterfactuals, and what the jury says of each."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sgbench.data.labels import Attribute
from sgbench.report.html.exhibition import Exhibit, Exhibition, Tile
from sgbench.report.html.sprites import Sprite, sprite_of
from sgbench.report.members import FEW, Member
from sgbench.results.description import Description
from sgbench.results.gallery import Gallery
from sgbench.results.records import COPY, ORACLE
from sgbench.results.scores import Scores, open_scores, sitting
from sgbench.results.system_folder import REMEDY
from sgbench.support.errors import BrokenFile

_ERROR = "counterfactual_error"


def exhibition(controls: Sequence[Member], systems: Sequence[Member], description: Description) -> Exhibition | None:
    """The gallery of a report; None if nobody is shown, or of nobody anything was kept."""
    of_control = {control.method: control for control in controls}
    if not description.gallery or COPY not in of_control:
        return None
    about = open_scores(of_control[COPY].folder)
    copies = _kept(of_control[COPY], about)
    portraits = {p: image for own in copies for p, image in zip(own.positions.tolist(), own.images, strict=True)}
    people = [position for position in description.gallery if position in portraits]
    if not people:
        return None
    places = {position: place for place, position in enumerate(people)}
    known = _kept(of_control[ORACLE], about) if ORACLE in of_control else ()
    shown = systems[:FEW]
    kept = [(number, member, _kept(member, about)) for number, member in enumerate(shown)]
    return Exhibition(
        side=len(portraits[people[0]]),
        attributes=tuple(
            (description.attributes.get(a.name, a.title), tuple(a.shown(v) for v in range(len(a.values))))
            for a in about.attributes
        ),
        people=tuple((about.ids[p], _values(about.attributes, about.labels[p].tolist())) for p in people),
        sources=sprite_of([portraits[p] for p in people]),
        systems=tuple((member.label, member.method) for member in shown),
        exhibits=tuple(
            e for number, member, gallery in kept if gallery for e in _exhibits(number, member, gallery, places)
        ),
        counterfactuals=dict(_answers(known, places)),
        without=tuple(member.label for _, member, gallery in kept if not gallery),
        fewer=_fewer(copies, {member.label: gallery for _, member, gallery in kept if gallery}, places),
        number=len(systems),
    )


def _fewer(copies: Gallery, galleries: Mapping[str, Gallery], places: Mapping[int, int]) -> dict[str, int]:
    """Of how many of the people shown all results were kept, for each system of which some were not.

    It may have been scored by a study that keeps those of fewer people, or have come without some results.
    """
    asked = _results(copies, places)
    missing = {label: {p for _, p, _ in asked - _results(gallery, places)} for label, gallery in galleries.items()}
    return {label: len(places) - len(people) for label, people in missing.items() if people}


def _results(gallery: Gallery, places: Mapping[int, int]) -> set[tuple[int, int, int]]:
    """Target, position and value of each result of the people shown."""
    return {(target, p, value) for target, rows in _of_target(gallery, places) for p, value, _ in rows}


def _kept(member: Member, about: Scores) -> Gallery:
    """What was kept of a system.

    Args:
        about: scores of a control, which has the same test images and attributes.

    Raises:
        BrokenFile: it is of other images or values than there are.
    """
    gallery, side = member.folder.read_gallery(), about.base.image_size
    for own in gallery:
        fits = own.target < len(about.attributes) and own.images.shape[1] == side
        fits = fits and _within(own.positions, len(about.ids))
        if not (fits and _within(own.values, len(about.attributes[own.target].values))):
            raise BrokenFile(f"{member.folder.path}: its gallery is of other images than its scores; {REMEDY}")
    return gallery


def _within(numbers: np.ndarray, most: int) -> bool:
    return bool(((numbers >= 0) & (numbers < most)).all())


def _of_target(gallery: Gallery, places: Mapping[int, int]) -> Iterable[tuple[int, list[tuple[int, int, np.ndarray]]]]:
    """Target -> position, value and picture of each result of the people shown, by person."""
    for own in gallery:
        rows = zip(own.positions.tolist(), own.values.tolist(), own.images, strict=True)
        if found := sorted((row for row in rows if row[0] in places), key=lambda row: (places[row[0]], row[1])):
            yield own.target, found


def _answers(
    gallery: Gallery, places: Mapping[int, int]
) -> Iterable[tuple[int, tuple[Sprite, tuple[tuple[int, int], ...]]]]:
    for target, rows in _of_target(gallery, places):
        asked = tuple((places[position], value) for position, value, _ in rows)
        yield target, (sprite_of([picture for _, _, picture in rows]), asked)


def _exhibits(number: int, member: Member, gallery: Gallery, places: Mapping[int, int]) -> Iterable[Exhibit]:
    scores = open_scores(member.folder)
    for target, rows in _of_target(gallery, places):
        said = _said(scores, target)
        tiles = [Tile(places[p], value, *said.get((p, value), (None, None, None))) for p, value, _ in rows]
        yield Exhibit(number, target, sprite_of([picture for _, _, picture in rows]), tuple(tiles))


def _said(scores: Scores, target: int) -> dict[tuple[int, int], tuple[float | None, ...]]:
    """(position, value) -> confidence, and distances to the counterfactual inside and outside the change."""
    found = {}
    sit, refusal = sitting(scores.judges, target)
    for request, own in zip(scores.requests, scores.targets, strict=True):
        if request.target != target or not len(request.positions):
            continue
        values = request.values.long()[:, None]
        looking = [own.posteriors[k][target].gather(1, values)[:, 0] for k in sit] if not refusal else []
        seen = (sum(looking) / len(looking)).tolist() if looking else [None] * len(values)
        errors = [
            own.terms[_ERROR, place][:, 0].tolist() if (_ERROR, place) in own.terms else [None] * len(values)
            for place in ("inside", "outside")
        ]
        keys = zip(request.positions.tolist(), request.values.tolist(), strict=True)
        found |= {
            key: tuple(_rounded(number) for number in numbers)
            for key, *numbers in zip(keys, seen, *errors, strict=True)
        }
    return found


def _rounded(number: float | None) -> float | None:
    return None if number is None or number != number else round(number, 3)


def _values(attributes: Sequence[Attribute], labels: Sequence[int]) -> str:
    """A person's values in words; of an attribute that is not known nothing is said."""
    return ", ".join(a.shown(v) for a, v in zip(attributes, labels, strict=True) if v >= 0)
