"""Which faces the figures show, and how each is changed: every attribute alone, then in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest

import numpy as np
from torch import Tensor

from sgbench.data.labels import Attribute, Group

_PAIRED = 3
"""The paper combines its first three attributes."""
_GALLERY_SEED = 24


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


def choose_edits(
    labels: Tensor, attributes: Sequence[Attribute], titles: Sequence[str], num_people: int, named: Sequence[int] = ()
) -> Edits:
    """Edits of people who are named or, without these, of some that take turns between values of the first attribute.

    Args:
        labels: int8 [N, J] of the test images.
        titles: names of the attributes as shown.
        num_people: how many are chosen, of those whose every label is a value.
        named: their places in the test set.
    """
    candidates = (labels >= 0).all(1).nonzero().flatten()
    queues = [candidates[labels[candidates, 0] == v].tolist() for v in range(len(attributes[0].values))]
    people = [p for turn in zip_longest(*queues) for p in turn if p is not None]
    singles = [(j,) for j in range(len(attributes))]
    pairs = list(combinations(range(min(_PAIRED, len(attributes))), 2))
    initials = [title[0].upper() for title in titles]
    short = initials if len(set(initials)) == len(initials) else titles
    headings = ["Input", *titles, *("+".join(short[j] for j in pair) for pair in pairs)]
    return Edits(tuple(named or people[:num_people]), ((), *singles, *pairs), tuple(headings))


def choose_gallery(labels: Tensor, num_people: int) -> tuple[int, ...]:
    """People whose results are shown one by one, the same for all systems: spread evenly over values, else at random.

    A smaller number gives the first of those of a larger one.

    Args:
        labels: int8 [N, J] of the test images; whoever has no value of any attribute is not asked for anything.

    Returns:
        Their places in the test set.
    """
    known = labels.numpy()
    order = np.random.default_rng(_GALLERY_SEED).permutation(len(known))
    order = order[(known[order] >= 0).any(1)]
    shown = np.zeros((known.shape[1], int(known.max(initial=0)) + 2))
    shown[:, -1] = num_people  # where -1 and -2, no value, are looked up: who has all values comes first
    chosen: list[int] = []
    for _ in range(min(num_people, len(order))):
        crowd = sum(shown[j][known[order, j].clip(min=-1)] for j in range(len(shown)))
        chosen.append(int(order[crowd.argmin()]))
        for j, value in enumerate(known[chosen[-1]].tolist()):
            shown[j, value] += value >= 0
        order = order[order != chosen[-1]]
    return tuple(chosen)


def asked_values(labels: Tensor, attributes: Sequence[Attribute], edits: Edits) -> list[list[str]]:
    """By person and edit, the values asked for as shown (``male + smiling``); empty for the input."""
    return [
        [
            " + ".join(attributes[g.attribute].shown(g.value) for g in groups_of(edit, labels[p].tolist(), attributes))
            for edit in edits.edits
        ]
        for p in edits.positions
    ]


def combined_edits(labels: Tensor, attributes: Sequence[Attribute], edits: Edits) -> list[tuple[int, list[Group]]]:
    """The edits of several attributes: the person's position, and the groups in their order."""
    pairs = [edit for edit in edits.edits if len(edit) > 1]
    return [(p, groups_of(edit, labels[p].tolist(), attributes)) for p in edits.positions for edit in pairs]


def groups_of(edit: Sequence[int], values: Sequence[int], attributes: Sequence[Attribute]) -> list[Group]:
    """What an edit asks for of a face with these values: each attribute of the edit takes the next value."""
    return [Group(j, (values[j] + 1) % len(attributes[j].values)) for j in edit]
