"""What is asked for: every test image is sent to each value that it does not have."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Group


@dataclass(frozen=True)
class Requests:
    """Translations asked for with one attribute as the target.

    Attributes:
        target: the attribute's position.
        positions: int64 [M], places in the test set.
        values: int8 [M], the values asked for, ascending.
    """

    target: int
    positions: Tensor
    values: Tensor

    def by_value(self) -> list[tuple[Group, slice]]:
        """Rows of each value asked for."""
        values, counts = torch.unique_consecutive(self.values, return_counts=True)
        ends = counts.cumsum(0).tolist()
        return [
            (Group(self.target, int(v)), slice(end - int(n), end))
            for v, n, end in zip(values, counts, ends, strict=True)
        ]


def make_requests(labels: Tensor, attributes: Sequence[Attribute]) -> tuple[Requests, ...]:
    """The requests of each attribute, for test labels int8 [N, J]; images with a label < 0 are not asked for."""
    requests = []
    for j, attribute in enumerate(attributes):
        column = labels[:, j]
        rows = [((column >= 0) & (column != v)).nonzero().flatten() for v in range(len(attribute.values))]
        values = torch.cat([torch.full((len(r),), v, dtype=torch.int8) for v, r in enumerate(rows)])
        requests.append(Requests(j, torch.cat(rows), values))
    return tuple(requests)
