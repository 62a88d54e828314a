"""The requests: each source image is combined with every value that it does not have."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Group


@dataclass(frozen=True)
class Requests:
    """All requests with one target attribute.

    Attributes:
        target: position of the target attribute.
        positions: int64 [M], positions of the source images in the test set.
        values: int8 [M], the values asked for, in ascending order.
    """

    target: int
    positions: Tensor
    values: Tensor

    def by_value(self) -> list[tuple[Group, slice]]:
        """The group of each value asked for, and the rows of its requests."""
        values, counts = torch.unique_consecutive(self.values, return_counts=True)
        ends = counts.cumsum(0).tolist()
        return [
            (Group(self.target, int(v)), slice(end - int(n), end))
            for v, n, end in zip(values, counts, ends, strict=True)
        ]


def make_requests(labels: Tensor, attributes: Sequence[Attribute]) -> tuple[Requests, ...]:
    """The requests for each target attribute, given test labels int8 [N, J]; an image with a label < 0 gets none."""
    requests = []
    for j, attribute in enumerate(attributes):
        column = labels[:, j]
        rows = [((column >= 0) & (column != v)).nonzero().flatten() for v in range(len(attribute.values))]
        values = torch.cat([torch.full((len(r),), v, dtype=torch.int8) for v, r in enumerate(rows)])
        requests.append(Requests(j, torch.cat(rows), values))
    return tuple(requests)
