"""Translations for figure 3: a few test faces, each attribute changed alone, then in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.atomic import replacing, write_buffered
from sgbench.data.labels import Attribute, Group
from sgbench.translation import Translate

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
    headings = ["Input", *titles, *("+".join(titles[j][0] for j in pair) for pair in pairs)]
    return Edits(tuple(people), ((), *singles, *pairs), tuple(headings))


def make_samples(
    translate: Translate, images: Tensor, labels: Tensor, attributes: Sequence[Attribute], edits: Edits
) -> np.ndarray:
    """Results uint8 [people, edits, S, S, 3]: each attribute of an edit takes the value after the face's own."""
    people = []
    for position in edits.positions:
        own, place = labels[position].tolist(), torch.tensor([position])
        row = []
        for edit in edits.edits:
            groups = [Group(j, (own[j] + 1) % len(attributes[j].values)) for j in edit]
            row.append(translate(place, groups) if groups else images[place])
        people.append(torch.cat(row))
    return torch.stack(people).permute(0, 1, 3, 4, 2).contiguous().numpy()


def write_samples(path: Path, samples: np.ndarray) -> None:
    """Keep samples as a compressed array."""
    with replacing(path) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, samples=samples))


def read_samples(path: Path) -> np.ndarray:
    """Samples as ``make_samples`` made them."""
    with np.load(path) as arrays:
        return arrays["samples"]
