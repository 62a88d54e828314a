"""The results of a submission as a ``Translate``; stored results are found by test image and groups."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.scoring.translator import Edit, Translate
from sgbench.submissions.inputs import Inputs
from sgbench.support.errors import UserError

CHANGED = "was changed after it was opened, while its results were being scored; leave it alone and run again"


@dataclass(frozen=True)
class Results:
    """The results of a submission.

    Attributes:
        translate: works like that of any other system; raises ValueError when a result is missing.
        has: (positions int64 [n], groups) -> bool [n], which of these results exist.
        given: the name of the file, folder or function that was given, for provenance.
        fingerprint: SHA-256 of the file or of all that is stored; None for a function, whose results identify it.
        unused: number of stored results without a request: the image already has the value, or its label is unknown.
        lossy: how many of the stored results are in a format that changes pixels, in words; empty if none is.
        unapplied: how many of the stored results viewers show otherwise than they are stored, in words; empty if none.
        extra: which files beside the results were found and are not used, in words; empty if there are none.
        edit: the model that makes the results; None if they are read from files.
    """

    translate: Translate
    has: Callable[[Tensor, Sequence[Group]], Tensor]
    given: str
    fingerprint: str | None
    unused: int = 0
    lossy: str = ""
    unapplied: str = ""
    extra: str = ""
    edit: Edit | None = None

    @property
    def source_labels(self) -> Literal["true", "none", ""]:
        """What whoever made them is given of the test images: a function the true labels, a program nothing.

        Of stored results nobody knows.
        """
        if self.edit is None:
            return ""
        return "true" if self.fingerprint is None else "none"

    def remarks(self) -> Iterator[str]:
        """What whoever gave the results should know of them, a line each."""
        if self.unused:
            yield (
                f"{self.given}: {self.unused:,} results are not used: an image is never asked for the value that it "
                "already has, nor for an attribute whose label is unknown"
            )
        if self.extra:
            yield f"{self.given}: {self.extra}"
        if self.unapplied:
            yield (
                f"{self.given}: {self.unapplied}: scored are the pixels as they are stored, whatever viewers show; "
                "save results upright and opaque"
            )
        if self.lossy:
            yield (
                f"{self.given}: {self.lossy}, which changes pixels: even copies of the sources would score as changed; "
                "save results as PNG, .npz or .safetensors"
            )


class StoredResult(NamedTuple):
    """A stored result: where it is listed, the position of its source image, and its groups in the order applied."""

    where: str
    position: int
    groups: tuple[Group, ...]


def serve(
    origin: str,
    entries: Sequence[StoredResult],
    inputs: Inputs,
    read: Callable[[list[int]], Tensor],
    fingerprint: str,
    num_jpegs: int = 0,
) -> Results:
    """Stored results as ``Results``.

    Args:
        origin: the name of the results in messages.
        read: numbers of n entries -> their pixels, uint8 [n, 3, S, S] on the CPU.
        num_jpegs: how many of the entries are JPEGs.

    Raises:
        UserError: a test image has two results for the same groups, or none of the results was asked for.
    """
    numbers: dict[tuple[Group, ...], Tensor] = {}
    unused, asked_for = 0, False
    for number, entry in enumerate(entries):
        entry_of_image = numbers.setdefault(entry.groups, torch.full((len(inputs.ids),), -1))
        if (first := int(entry_of_image[entry.position])) >= 0:
            what = f"{inputs.ids[entry.position]} with {inputs.text(entry.groups)}"
            raise UserError(f"{entry.where}: {what} is there twice, first in {entries[first].where}; remove one")
        entry_of_image[entry.position] = number
        asked = inputs.asks_for(entry.position, entry.groups)
        unused += not asked
        asked_for |= asked and len(entry.groups) == 1
    if not asked_for:
        raise UserError(
            f"{origin}: none of {len(entries)} results is asked for; a request asks for a single value, which differs "
            "from the known label of the test image"
        )
    nothing = torch.full((len(inputs.ids),), -1)

    def has(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return numbers.get(tuple(groups), nothing)[positions] >= 0

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        if not (there := has(positions, groups)).all():
            missing = inputs.ids[int(positions[~there][0])]
            raise ValueError(f"{origin}: has no result for {missing} with {inputs.text(groups)}")
        return read(numbers[tuple(groups)][positions].tolist())

    lossy = f"{num_jpegs:,} of {len(entries):,} results are JPEGs" if num_jpegs else ""
    return Results(translate, has, Path(origin).name, fingerprint, unused, lossy)
