"""Keeps the results that a gallery shows while they are scored: they are the very ones that the figures are of."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.results.gallery import Gallery, Pictures
from sgbench.scoring.translator import Translate


class Keeper:
    """Keeps the results of some people that pass by.

    Args:
        people: positions of their images in the test set.
        num_targets: the number of attributes.
    """

    def __init__(self, people: Sequence[int], num_targets: int) -> None:
        self._people = torch.tensor(people, dtype=torch.int64)
        self._kept: list[list[tuple[Tensor, int, Tensor]]] = [[] for _ in range(num_targets)]

    def watching(self, translate: Translate) -> Translate:
        """The same function, whose results of single groups are kept."""

        def watched(positions: Tensor, groups: Sequence[Group]) -> Tensor:
            results = translate(positions, groups)
            shown = torch.isin(positions, self._people)
            if shown.any():
                (group,) = groups
                self._kept[group.attribute].append((positions[shown], group.value, results[shown].clone()))
            return results

        return watched

    def gallery(self) -> Gallery:
        """What was kept, for each target of which there is anything."""
        return tuple(_together(target, kept) for target, kept in enumerate(self._kept) if kept)


def _together(target: int, kept: Sequence[tuple[Tensor, int, Tensor]]) -> Pictures:
    """The results of one target, batch after batch."""
    values = [np.full(len(positions), value, np.int8) for positions, value, _ in kept]
    images = torch.cat([results for _, _, results in kept]).permute(0, 2, 3, 1).contiguous()
    positions = torch.cat([positions for positions, _, _ in kept])
    return Pictures(target, positions.numpy(), np.concatenate(values), images.numpy())
