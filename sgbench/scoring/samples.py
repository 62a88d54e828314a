"""Results for the figures of faces: a few test faces, with every edit that the figures show."""

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
    """Results by person and edit; an edit asks, for each of its attributes, for the value after the face's label.

    Args:
        has: (positions, groups) -> bool [n], which results exist, if some may be missing.
    """
    people = []
    for position in edits.positions:
        face_labels, place = labels[position].tolist(), torch.tensor([position])
        row: list = []
        for edit in edits.edits:
            groups = groups_of(edit, face_labels, attributes)
            if groups and has and not has(place, groups).all():
                row.append(None)
            else:
                result = translate(place, groups) if groups else images[place]
                row.append(result[0].permute(1, 2, 0).contiguous().numpy())
        people.append(row)
    return people
