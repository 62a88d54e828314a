"""Results that are no faces: one image for all sources, or a single colour. Judges have verdicts on them too."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Sameness:
    """What the results of one group have in common, noted while they pass by.

    Attributes:
        value: the value asked for.
        number: of results.
        flat: of those that are of one colour, although their source is not.
        alike: of those that are the same image as the first.
    """

    value: str
    number: int = 0
    flat: int = 0
    alike: int = 0
    first: Tensor | None = None

    def look(self, results: Tensor, sources: Tensor) -> None:
        """Take a batch of results, uint8 [n, 3, S, S], and their source images."""
        if self.first is None:
            self.first = results[0].clone()
        self.number += len(results)
        self.flat += int((_flat(results) & ~_flat(sources)).sum())
        self.alike += int((results == self.first).flatten(1).all(1).sum())

    @property
    def constant(self) -> bool:
        """Whether several sources were given the same result; a single one says nothing."""
        return self.alike == self.number > 1


def _flat(images: Tensor) -> Tensor:
    """Whether each image is of one colour, bool [n]."""
    pixels = images.flatten(2)
    return (pixels == pixels[..., :1]).flatten(1).all(1)


def in_words(groups: Sequence[Sameness]) -> str:
    """What a reader must know of the results of one target; empty if there is nothing."""
    number, flat = sum(group.number for group in groups), sum(group.flat for group in groups)
    if flat and flat == number:
        return "every result is of one colour"
    told = [f"{flat:,} of {number:,} results are of one colour"] if flat else []
    if constant := [group for group in groups if group.constant]:
        if len(constant) < len(groups):
            told.append(f"every result for {' and for '.join(group.value for group in constant)} is the same image")
        elif all(torch.equal(group.first, groups[0].first) for group in groups):
            told.append("every result is the same image")
        else:
            told.append("every result for the same value is the same image")
    return "; ".join(told)
