"""Translations for figures: a few test faces by every edit that the figures show."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Group
from sgbench.plan.edits import Edits, groups_of
from sgbench.results.samples import Samples
from sgbench.scoring.translator import Translate


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
        row: list = []
        for edit in edits.edits:
            groups = groups_of(edit, own, attributes)
            if groups and has and not has(place, groups).all():
                row.append(None)
            else:
                result = translate(place, groups) if groups else images[place]
                row.append(result[0].permute(1, 2, 0).contiguous().numpy())
        people.append(row)
    return people
