"""The reference system, which each of many systems is tested against; of a few systems all pairs are tested.

All pairs of a hundred systems would be thousands of tests of each figure: more than anyone reads, and their correction
would hide differences that are there. Tests against one system grow as the systems do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sgbench.report.members import FEW, Member
from sgbench.results.records import NO_SEED


@dataclass(frozen=True)
class Reference:
    """A row of the tables that all other systems are tested against.

    Attributes:
        systems: its systems, one for each seed.
        others: all other systems of the report, in their order.
        why: why it is this one.
    """

    systems: tuple[Member, ...]
    others: tuple[Member, ...]
    why: str

    @property
    def told(self) -> str:
        """What a reader must know: who is tested against whom, and why."""
        number, row = len(self.systems) + len(self.others), self.systems[0].row
        text = f"With more than {FEW} systems not all pairs are tested: each of the others is tested against one "
        text += f"reference system, {row}, {self.why} ({number} systems here)."
        seeds = {member.seed for member in self.systems}
        if len(seeds) > 1:
            text += " Systems of one seed are tested against its model of that seed."
        alone = [] if NO_SEED in seeds else [m for m in self.others if m.seed not in {NO_SEED, *seeds}]
        if alone:
            text += f" Not tested, because it has no model of their seed: {len(alone)}."
        return text


def choose_reference(systems: Sequence[Member], named: str) -> Reference | None:
    """The reference of a report of many systems; None for a few, of which all pairs are tested.

    Args:
        named: the folder of a system that the settings name; empty for the first system.
    """
    if len(systems) <= FEW:
        return None
    chosen = next((member for member in systems if member.folder.name == named), None)
    place = _place(chosen or systems[0])
    own = tuple(member for member in systems if _place(member) == place)
    others = tuple(member for member in systems if _place(member) != place)
    return Reference(own, others, "which the settings name" if chosen else "the first of this report")


def _place(member: Member) -> tuple[str, str, str]:
    """What the systems of a row have in common."""
    return member.method, member.variant, member.level
