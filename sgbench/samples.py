"""Translations for figure 3: a few test faces, each attribute changed alone, then in pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.atomic import replacing, write_buffered
from sgbench.data.labels import Attribute, Group
from sgbench.translation import Translate

Samples = list[list[np.ndarray | None]]
"""For each person, a result uint8 [S, S, 3] for each edit; None where a translation is missing."""
_PAIRED = 3
"""The paper combines its first three attributes."""


@dataclass(frozen=True)
class Edits:
    """Who is shown, and what is changed: an edit is the attributes that take another value.

    Attributes:
        positions: places of the people in the test set.
        edits: tuples of attribute positions; the first is empty, the input.
        headings: of the columns.
    """

    positions: tuple[int, ...]
    edits: tuple[tuple[int, ...], ...]
    headings: tuple[str, ...]


def choose_edits(labels: Tensor, attributes: Sequence[Attribute], titles: Sequence[str], num_people: int) -> Edits:
    """People whose every label is a value, taking turns between values of the first attribute.

    Args:
        labels: int8 [N, J] of the test images.
        titles: names of the attributes as shown.
    """
    candidates = (labels >= 0).all(1).nonzero().flatten()
    queues = [candidates[labels[candidates, 0] == v].tolist() for v in range(len(attributes[0].values))]
    people = [p for turn in zip_longest(*queues) for p in turn if p is not None][:num_people]
    singles = [(j,) for j in range(len(attributes))]
    pairs = list(combinations(range(min(_PAIRED, len(attributes))), 2))
    initials = [title[0].upper() for title in titles]
    short = initials if len(set(initials)) == len(initials) else titles
    headings = ["Input", *titles, *("+".join(short[j] for j in pair) for pair in pairs)]
    return Edits(tuple(people), ((), *singles, *pairs), tuple(headings))


def make_samples(
    translate: Translate,
    images: Tensor,
    labels: Tensor,
    attributes: Sequence[Attribute],
    edits: Edits,
    has: Callable[[Tensor, Sequence[Group]], Tensor] | None = None,
) -> Samples:
    """Results by person and edit: each attribute of an edit takes the value after the face's own.

    Args:
        has: (positions, groups) -> bool [n], which translations there are, where some may be missing.
    """
    people = []
    for position in edits.positions:
        own, place = labels[position].tolist(), torch.tensor([position])
        row: list[np.ndarray | None] = []
        for edit in edits.edits:
            groups = _groups(edit, own, attributes)
            if groups and has and not has(place, groups).all():
                row.append(None)
            else:
                result = translate(place, groups) if groups else images[place]
                row.append(result[0].permute(1, 2, 0).contiguous().numpy())
        people.append(row)
    return people


def asked_values(labels: Tensor, attributes: Sequence[Attribute], edits: Edits) -> list[list[str]]:
    """By person and edit, the values asked for as shown (``male + smiling``); empty for the input."""
    return [
        [
            " + ".join(_shown(group, attributes) for group in _groups(edit, labels[p].tolist(), attributes))
            for edit in edits.edits
        ]
        for p in edits.positions
    ]


def combined_edits(labels: Tensor, attributes: Sequence[Attribute], edits: Edits) -> list[tuple[int, list[Group]]]:
    """The edits of several attributes: the person's position, and the groups in their order."""
    pairs = [edit for edit in edits.edits if len(edit) > 1]
    return [(p, _groups(edit, labels[p].tolist(), attributes)) for p in edits.positions for edit in pairs]


def _groups(edit: Sequence[int], own: Sequence[int], attributes: Sequence[Attribute]) -> list[Group]:
    return [Group(j, (own[j] + 1) % len(attributes[j].values)) for j in edit]


def _shown(group: Group, attributes: Sequence[Attribute]) -> str:
    return attributes[group.attribute].values[group.value].replace("_", " ")


def write_samples(path: Path, samples: Samples) -> None:
    """Keep samples as compressed arrays named ``<person>/<edit>``."""
    arrays = {f"{p}/{e}": image for p, row in enumerate(samples) for e, image in enumerate(row) if image is not None}
    shape = np.array([len(samples), max(map(len, samples), default=0)])
    with replacing(path) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, shape=shape, **arrays))


def read_samples(path: Path) -> Samples:
    """Samples as ``make_samples`` made them."""
    with np.load(path) as arrays:
        people, edits = arrays["shape"]
        return [[arrays.get(f"{p}/{e}") for e in range(edits)] for p in range(people)]
