"""What a comparison of new records with the reference's found, and whether it fails."""

from dataclasses import dataclass

from sgbench.regression.differences import Difference
from sgbench.regression.redefinitions import Redefinition
from sgbench.results.records import Record


@dataclass(frozen=True)
class Comparison:
    """The comparison of new records with reference records.

    Attributes:
        rows: every record of the reference, then those that only the new side has.
        num_new: number of records of the new side.
        differences: every figure that differs by more than rounding, but for those by another definition.
        num_paired: number of figures compared image by image.
        alpha: the chance of any false alarm in all paired tests together.
        without: whether no tolerances were stated, so that figures not compared image by image had to be equal.
        redefined: definitions that changed.
        num_rounded: number of figures that differ by rounding alone.
    """

    rows: tuple[Record, ...]
    num_new: int
    differences: tuple[Difference, ...]
    num_paired: int
    alpha: float
    without: bool = False
    redefined: tuple[Redefinition, ...] = ()
    num_rounded: int = 0

    @property
    def failures(self) -> tuple[Difference, ...]:
        """The differences that fail."""
        return tuple(d for d in self.differences if d.failed)

    @property
    def failed(self) -> bool:
        """Whether a figure fails, or a definition changed."""
        return bool(self.failures or self.redefined)

    @property
    def outcome(self) -> str:
        """The comparison in one line."""
        added = sum(d.verdict == "added" for d in self.differences) + sum(len(r.new_rows) for r in self.redefined)
        parts = [f"{len(self.rows) - added} rows against {self.num_new} new: "]
        if self.num_paired:
            parts += [f"{self.num_paired} compared image by image, "]
        parts += [f"{len(self.differences)} figures differ, {len(self.failures)} fail"]
        if self.num_rounded:
            parts += [f", {self.num_rounded} more differ by rounding alone"]
        if unjudged := sum(d.verdict == "unjudged" for d in self.differences):
            parts += [f", {unjudged} not judged (they only describe other figures)"]
        if self.redefined:
            number, rows = len(self.redefined), sum(len(r.rows) for r in self.redefined)
            parts += [f"; {number} definition{'s' * (number > 1)} changed ({rows} row{'s' * (rows > 1)}), which fails"]
        if bare := sum(d.verdict == "moved" and d.allowed == 0 and d.quantity == "value" for d in self.differences):
            parts += [f"; {bare} had to be equal, for no tolerance is stated"] * self.without
        return "".join(parts)
