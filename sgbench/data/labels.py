"""Attributes, groups and sparse labels: what is known about each image. Every method gets the same labels.

Labels are ``int8 [N, J]``: ``>= 0`` is a value, ``HIDDEN`` means hidden or unknown, and ``NONE`` means that the image
has none of the attribute's values (brown hair, if the values are black and blond). Masks are computed from labels.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sgbench.data.levels import NONE_NAME, Level
from sgbench.support.text import printable

HIDDEN = -1
NONE = -2

_NAME = re.compile(r"\w[\w .-]*")


@dataclass(frozen=True)
class Attribute:
    """A property of a face and its values.

    Args:
        name: the attribute's name in settings and records (``hair_color``).
        values: at least two names; a label ``v >= 0`` stands for ``values[v]``.
        exhaustive: whether every image has one of the values, so that ``NONE`` cannot occur. The data set declares it.
    """

    name: str
    values: tuple[str, ...]
    exhaustive: bool = True

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                "an attribute's name has only letters, digits, spaces and ._-, and begins with a letter or digit, "
                f"not {self.name!r}"
            )
        for value in self.values:
            if value != printable(value).strip() or not value or "\n" in value or "\t" in value:
                raise ValueError(
                    f"{self.name}: the value {value!r} is empty, begins or ends with a space, or has characters that "
                    "are not shown; rename it"
                )
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"{self.name}: two values have one name: {', '.join(self.values)}; rename one")
        if len(self.values) < 2:
            raise ValueError(f"attribute '{self.name}' needs at least two values, has {self.values}")

    @property
    def title(self) -> str:
        """The name in tables and figures."""
        return self.name.replace("_", " ").capitalize()

    def shown(self, value: int) -> str:
        """A value in figures: with spaces for underscores, if all values stay different."""
        spaced = [name.replace("_", " ") for name in self.values]
        return spaced[value] if len(set(spaced)) == len(spaced) else self.values[value]


class Group(NamedTuple):
    """An attribute and one of its values, both given by position: ``Group(0, 1)`` is value 1 of attribute 0."""

    attribute: int
    value: int


class Batch(NamedTuple):
    """Images float [B, 3, S, S] in [-1, 1] and their revealed labels int8 [B, J]."""

    images: Tensor
    labels: Tensor


def all_groups(attributes: Sequence[Attribute]) -> tuple[Group, ...]:
    """Every group, attribute by attribute. SG-GAN's branches are in this order."""
    return tuple(Group(j, v) for j, attribute in enumerate(attributes) for v in range(len(attribute.values)))


def group_separator(attributes: Sequence[Attribute]) -> re.Pattern[str]:
    """What stands between groups that are applied together, ``gender=male+age=60+``: a plus before an attribute."""
    return re.compile(rf"\+(?=\s*(?:{'|'.join(re.escape(a.name) for a in attributes)})=)")


@dataclass(frozen=True)
class SparseLabels:
    """The training labels that a level reveals.

    Attributes:
        labels: int8 [N, J], hidden labels are ``HIDDEN``.
        pool: int64 [P], images with at least one revealed label >= 0, ascending.
        complete: bool [N], images with no hidden label.
        manifest: revealed labels per value and revealed ``NONE``; images walked, in the pool and complete; a SHA-256.
    """

    labels: Tensor
    pool: Tensor
    complete: Tensor
    manifest: dict


def sparsify(
    labels: Tensor,
    attributes: Sequence[Attribute],
    level: Level,
    seed: int,
    balanced: Collection[str] = (),
) -> SparseLabels:
    """Hide labels so that every value keeps exactly ``level`` of them.

    The images are walked in one seeded random order. While any value of attribute j has fewer than ``level`` labels,
    each image reveals its label of j if that value still needs labels, or if the label is ``NONE``. So the labels of a
    smaller level are a subset of those of a larger level.

    Args:
        labels: int8 [N, J], all known labels.
        level: labels per value, or "all" to hide nothing.
        balanced: names of attributes which, at "all", keep as many labels of each value as the rarest value has.

    Raises:
        ValueError: a value has fewer images than ``level``, or none at all.
    """
    truth = labels.numpy()
    check_counts(truth, attributes, level)
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(truth))
    shown = np.full_like(truth, HIDDEN)
    walked = 0
    for j, attribute in enumerate(attributes):
        column = truth[order, j]
        counts = np.array([(column == v).sum() for v in range(len(attribute.values))])
        if level == "all":
            quota = int(counts.min()) if attribute.name in balanced else len(truth)
            end = len(truth)
        else:
            quota = level
            end = 1 + max(int(np.flatnonzero(column == v)[quota - 1]) for v in range(len(attribute.values)))
        walked = max(walked, end)
        for v in range(len(attribute.values)):
            shown[order[np.flatnonzero(column == v)[:quota]], j] = v
        shown[order[:end][column[:end] == NONE], j] = NONE
    result = torch.from_numpy(shown)
    pool = (result >= 0).any(1).nonzero().flatten()
    complete = (result != HIDDEN).all(1)
    manifest = {
        "level": level,
        "seed": seed,
        "balanced": sorted(balanced),
        "images": len(truth),
        "walked": walked,
        "pool": len(pool),
        "complete": int(complete.sum()),
        "counts": {
            a.name: {name: int((shown[:, j] == v).sum()) for v, name in enumerate(a.values)}
            | {NONE_NAME: int((shown[:, j] == NONE).sum())}
            for j, a in enumerate(attributes)
        },
        "sha256": hashlib.sha256(shown.tobytes()).hexdigest(),
    }
    return SparseLabels(result, pool, complete, manifest)


def check_counts(truth: np.ndarray, attributes: Sequence[Attribute], level: Level) -> None:
    """Refuse labels, int8 [N, J], of which a value has fewer images than the level needs, or none.

    Raises:
        ValueError: says which value, and what to do.
    """
    counts = {
        (a.name, v): int((truth[:, j] == k).sum()) for j, a in enumerate(attributes) for k, v in enumerate(a.values)
    }
    (name, value), rarest = min(counts.items(), key=lambda item: item[1])
    if rarest < (1 if level == "all" else level):
        if not rarest:
            raise ValueError(
                f"no training image has {name} = '{value}'; add images that have it, or choose other attributes with "
                "--attributes"
            )
        raise ValueError(
            f"--sparse {level}: only {rarest} training images have {name} = '{value}'; ask for at most {rarest} labels "
            "a value or use more images"
        )
