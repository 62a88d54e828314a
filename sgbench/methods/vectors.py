"""Label vectors, which a network is given or gives in the place of labels."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sgbench.data.labels import HIDDEN, NONE, Attribute, Group


class VectorCodec:
    """Label vectors. An entry stands for a group and is 1 if the image is in it.

    An exhaustive attribute with two values takes a single entry, for its value 1. Any other attribute takes an entry
    for each value; an image with none of the values has zeros there, and its vector counts as known.
    """

    def __init__(self, attributes: Sequence[Attribute]):
        self.attributes = tuple(attributes)
        self.entries = tuple(
            Group(j, v)
            for j, attribute in enumerate(attributes)
            for v in ([1] if attribute.exhaustive and len(attribute.values) == 2 else range(len(attribute.values)))
        )

    def encode(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Labels int8 [N, J] -> vectors float [N, c], 0 if unknown, and which entries are known, bool [N, c]."""
        vectors = torch.stack([labels[:, j] == v for j, v in self.entries], 1).float()
        known = torch.stack([labels[:, j] != HIDDEN for j, _ in self.entries], 1)
        return vectors, known

    def classify(self, logits: Tensor) -> Tensor:
        """Logits [N, c] -> the likeliest valid vectors, float [N, c].

        A single entry is 1 if its logit is positive. If an attribute has several entries, the largest becomes 1; none
        does if no logit is positive and the attribute is not exhaustive.
        """
        vectors = (logits > 0).float()
        for j, attribute in enumerate(self.attributes):
            own = self._place(j)
            if (width := own.stop - own.start) > 1:
                scores = logits[:, own]
                best = torch.arange(width, device=scores.device) == scores.argmax(1, keepdim=True)
                vectors[:, own] = (best if attribute.exhaustive else best & (scores > 0)).float()
        return vectors

    def decode(self, vectors: Tensor) -> Tensor:
        """Valid vectors [N, c] -> labels int8 [N, J]."""
        labels = []
        for j in range(len(self.attributes)):
            own = vectors[:, self._place(j)]
            likeliest = own[:, 0] if own.shape[1] == 1 else torch.where(own.sum(1) > 0, own.argmax(1), NONE)
            labels.append(likeliest.to(torch.int8))
        return torch.stack(labels, 1)

    def assign(self, vectors: Tensor, group: Group) -> Tensor:
        """Vectors [N, c] with the entries of the group's attribute set to the group; others are unchanged."""
        vectors = vectors.clone()
        for k, entry in enumerate(self.entries):
            if entry.attribute == group.attribute:
                vectors[:, k] = float(entry.value == group.value)
        return vectors

    def place_of(self, group: Group) -> int:
        """Which entry says whether an image is in a group: the group's own, or the only one of its attribute."""
        own = self._place(group.attribute)
        return own.start + (group.value if own.stop - own.start > 1 else 0)

    def _place(self, attribute: int) -> slice:
        """Where an attribute's entries are, side by side: a slice, as a list of places would be read on the host."""
        own = [k for k, entry in enumerate(self.entries) if entry.attribute == attribute]
        return slice(own[0], own[-1] + 1)
