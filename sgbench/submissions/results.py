"""Translations made elsewhere, served as a ``Translate``; and stored results found by test image and groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.scoring.translator import Translate
from sgbench.submissions.inputs import Inputs
from sgbench.support.errors import UserError


@dataclass(frozen=True)
class Results:
    """Translations made elsewhere.

    Attributes:
        translate: as a system of the study; asked for what it does not have, it raises ValueError.
        has: (positions int64 [n], groups) -> bool [n], which of these translations there are.
        given: what it is, for provenance: a file's or folder's name, or a function's.
        fingerprint: SHA-256 of the file or of all that is stored; None of a function, which is known by what it makes.
        unused: stored results that nothing asks for: the image has that value already, or its label is unknown.
        stored: whether results are read, not made.
    """

    translate: Translate
    has: Callable[[Tensor, Sequence[Group]], Tensor]
    given: str
    fingerprint: str | None
    unused: int = 0
    stored: bool = False


class StoredResult(NamedTuple):
    """A stored result: where it is listed, the test image's position, and the groups in the order applied."""

    where: str
    position: int
    groups: tuple[Group, ...]


def serve(
    origin: str, entries: Sequence[StoredResult], inputs: Inputs, read: Callable[[list[int]], Tensor], fingerprint: str
) -> Results:
    """Stored results as a translator.

    Args:
        origin: what a message calls the results.
        read: numbers of n entries -> their pixels, uint8 [n, 3, S, S] on the CPU.

    Raises:
        UserError: a test image has two results for the same groups, or there is none that is asked for.
    """
    numbers: dict[tuple[Group, ...], Tensor] = {}
    unused, asked_for = 0, False
    for number, entry in enumerate(entries):
        own = numbers.setdefault(entry.groups, torch.full((len(inputs.ids),), -1))
        if (first := int(own[entry.position])) >= 0:
            what = f"{inputs.ids[entry.position]} with {inputs.text(entry.groups)}"
            raise UserError(f"{entry.where}: {what} is there twice, first in {entries[first].where}; remove one")
        own[entry.position] = number
        asked = inputs.asks_for(entry.position, entry.groups)
        unused += not asked
        asked_for |= asked and len(entry.groups) == 1
    if not asked_for:
        raise UserError(
            f"{origin}: none of {len(entries)} results is asked for; test images are translated to each single value "
            "that they are known not to have"
        )
    nothing = torch.full((len(inputs.ids),), -1)

    def has(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return numbers.get(tuple(groups), nothing)[positions] >= 0

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        if not (there := has(positions, groups)).all():
            missing = inputs.ids[int(positions[~there][0])]
            raise ValueError(f"{origin}: has no result for {missing} with {inputs.text(groups)}")
        return read(numbers[tuple(groups)][positions].tolist())

    return Results(translate, has, Path(origin).name, fingerprint, unused, stored=True)
