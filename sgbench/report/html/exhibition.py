"""What the gallery shows: results of a few people beside sources and counterfactuals, what the jury says."""

from collections.abc import Mapping
from dataclasses import dataclass

from sgbench.report.html.sprites import Sprite, is_lossless


@dataclass(frozen=True)
class Tile:
    """A result.

    Attributes:
        person: its place among the people.
        value: the value asked for.
        confidence: the jury's mean probability of that value; None where the jury does not see the attribute.
        inside: mean distance to the counterfactual where that differs from the source, in levels; None if not known.
        outside: the same where it does not differ.
    """

    person: int
    value: int
    confidence: float | None
    inside: float | None
    outside: float | None


@dataclass(frozen=True)
class Exhibit:
    """All results of a system for one target; tile k is picture k of the sprite."""

    system: int
    target: int
    sprite: Sprite
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Exhibition:
    """What the gallery shows.

    Attributes:
        side: of a picture, in pixels.
        attributes: name shown, and the values as shown.
        people: name of the test image, and its values in words.
        sources: picture k is of person k.
        systems: labels, and the places of their methods' colours.
        exhibits: of systems.
        counterfactuals: for each target, the pictures of (person, value), where they are known.
        without: labels of systems of which no results were kept.
        fewer: label -> of how many of the people all results were kept, of systems of which some were not.
        number: systems of the report, of which the first few are shown.
    """

    side: int
    attributes: tuple[tuple[str, tuple[str, ...]], ...]
    people: tuple[tuple[str, str], ...]
    sources: Sprite
    systems: tuple[tuple[str, str], ...]
    exhibits: tuple[Exhibit, ...]
    counterfactuals: Mapping[int, tuple[Sprite, tuple[tuple[int, int], ...]]]
    without: tuple[str, ...]
    fewer: Mapping[str, int]
    number: int

    @property
    def is_lossless(self) -> bool:
        """Whether pictures are shown pixel for pixel."""
        return is_lossless(self.side)
