"""Which systems of a report a contrast is about, and which of them are held against each other: those of one seed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sgbench.claims.claim import Contender, Contrast
from sgbench.results.records import NO_SEED
from sgbench.results.scores import Scores


@dataclass(frozen=True)
class Scored:
    """A system or control of a report.

    Attributes:
        method: as in records.
        variant: as in records.
        level: the paper's.
        seed: as in records; ``NO_SEED`` for a control.
        read: reads its scores.
    """

    method: str
    variant: str
    level: str
    seed: int
    read: Callable[[], Scores]


@dataclass(frozen=True)
class Opponents:
    """The systems of a contrast.

    Attributes:
        left: by their seeds.
        right: by their seeds.
        missing: what the report has not; then there are no pairs.
    """

    contrast: Contrast
    left: Mapping[int, Scored]
    right: Mapping[int, Scored]
    missing: tuple[str, ...]

    @property
    def seedless(self) -> bool:
        """Whether a trained system has no seed, so that nothing shows how far other trainings would be from it."""
        both = ((self.contrast.left, self.left), (self.contrast.right, self.right))
        return any(NO_SEED in own and not contender.is_control for contender, own in both)

    def pairs(self) -> Iterator[tuple[int, Scored, Scored]]:
        """Seed, left and right system of each pair; a system without a seed is in the pairs of every seed."""
        if not self.missing:
            yield from _pairs(self.left, self.right)


def opponents(contrast: Contrast, systems: Sequence[Scored], attributes: Collection[str]) -> Opponents:
    """The systems of a report that a contrast is about.

    Args:
        attributes: of the report.
    """
    sides = (contrast.left, contrast.right)
    left, right = (_named(side, systems) for side in sides)
    missing = [side.shown for side, own in zip(sides, (left, right), strict=True) if not own]
    missing += [name.replace("_", " ") for name in contrast.of.attributes if name not in attributes]
    if not missing and not any(_pairs(left, right)):
        missing = [f"seed that {contrast.left.shown} and {contrast.right.shown} share"]
    return Opponents(contrast, left, right, tuple(missing))


def _named(contender: Contender, systems: Sequence[Scored]) -> dict[int, Scored]:
    for variant in contender.variants:
        place = (contender.method, contender.level, variant)
        if found := {s.seed: s for s in systems if (s.method, s.level, s.variant) == place}:
            return found
    return {}


def _pairs(left: Mapping[int, Scored], right: Mapping[int, Scored]) -> Iterator[tuple[int, Scored, Scored]]:
    for seed in sorted({*left, *right}):
        one, other = (own.get(seed) or own.get(NO_SEED) for own in (left, right))
        if one and other:
            yield seed, one, other
