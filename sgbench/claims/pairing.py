"""Which systems of a report a contrast is about, and which of them are held against each other: those of one seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """The systems of a contrast, by their seeds."""

    contrast: Contrast
    left: Mapping[int, Scored]
    right: Mapping[int, Scored]

    @property
    def seedless(self) -> bool:
        """Whether a trained system has no seed, so that nothing shows how far other trainings would be from it."""
        contrast = self.contrast
        both = ((contrast.left, self.left), (contrast.right, self.right))
        return any(NO_SEED in own and not contender.is_control for contender, own in both)

    @property
    def absent(self) -> str:
        """Which systems are missing; empty if there is a pair."""
        contrast = self.contrast
        both = ((contrast.left, self.left), (contrast.right, self.right))
        if missing := [f"no {contender.shown}" for contender, own in both if not own]:
            return "; ".join(missing)
        return "" if any(self.pairs()) else f"no seed that {contrast.left.shown} and {contrast.right.shown} both have"

    def pairs(self) -> Iterator[tuple[int, Scored, Scored]]:
        """Seed, left and right system of each pair; a system without a seed is in the pairs of every seed."""
        for seed in sorted({*self.left, *self.right}):
            left, right = (own.get(seed) or own.get(NO_SEED) for own in (self.left, self.right))
            if left and right:
                yield seed, left, right


def opponents(contrast: Contrast, systems: Sequence[Scored]) -> Opponents:
    """The systems of a report that a contrast is about."""
    return Opponents(contrast, _named(contrast.left, systems), _named(contrast.right, systems))


def _named(contender: Contender, systems: Sequence[Scored]) -> dict[int, Scored]:
    for variant in contender.variants:
        place = (contender.method, contender.level, variant)
        if found := {s.seed: s for s in systems if (s.method, s.level, s.variant) == place}:
            return found
    return {}
