"""The test images, the requests, and the known answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.data.store.references import References


@dataclass(frozen=True)
class EvaluationSet:
    """Source images, their requests and all that is known about them.

    Attributes:
        images: uint8 [N, 3, S, S].
        labels: int8 [N, J], true labels.
        requests: the requests to score, one entry for each target.
        references: the known answers to all requests that the images allow.
        rows: for each target, int64 [M], the positions of its requests in ``references``.
    """

    images: Tensor
    labels: Tensor
    requests: tuple[Requests, ...]
    references: References
    rows: tuple[Tensor, ...]

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.images.shape[-1]

    def counterfactual(self, positions: Tensor, group: Group) -> Tensor | None:
        """The known answers, uint8 [n, 3, S, S], of requests of one group; None where there are none.

        Args:
            positions: int64 [n], of source images.

        Raises:
            ValueError: the set has no such request of one of them.
        """
        if self.references.counterfactuals is None:
            return None
        target, request = group.attribute, self.requests[group.attribute]
        asked = dict(request.by_value())[group]
        own = request.positions[asked]  # ascending
        places = torch.searchsorted(own, positions).clamp(max=len(own) - 1)
        if not torch.equal(own[places], positions):
            raise ValueError(f"group {tuple(group)} is not asked for of each of {positions.tolist()}")
        return self.references.counterfactuals[target][self.rows[target][asked][places]]

    def only(self, kept: Sequence[Tensor]) -> "EvaluationSet":
        """The same set with fewer requests: ``kept`` has, for each target, bool [M], which requests stay."""
        requests = [Requests(r.target, r.positions[k], r.values[k]) for r, k in zip(self.requests, kept, strict=True)]
        rows = tuple(rows[k] for rows, k in zip(self.rows, kept, strict=True))
        return replace(self, requests=tuple(requests), rows=rows)


def everything_asked(
    images: Tensor, labels: Tensor, requests: Sequence[Requests], references: References
) -> EvaluationSet:
    """A set with all requests that the images allow."""
    rows = tuple(torch.arange(len(request.positions)) for request in requests)
    return EvaluationSet(images, labels, tuple(requests), references, rows)
