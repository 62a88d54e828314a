"""Figures that both sides have by different definitions: one change for all rows whose definition differs alike.

A row that only the reference has and a row that only the new side has are the same figure by another definition if they
agree in all else that identifies a figure. Where several rows do, such as the first losses of several iterations, they
are taken in the order of their definitions.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sgbench.regression.differences import Difference, Key, key_of
from sgbench.results.records import KEY, Record

_FIGURE = tuple(place for place, name in enumerate(KEY) if name not in ("definition", "unit"))
_SHORT = 80
"""Characters of a definition that is shown in full."""
_PARTS = re.compile(r"[^,;()]+|[,;()]")


@dataclass(frozen=True)
class Redefinition:
    """A change of what a metric's figures are: those of the two sides cannot be compared.

    Attributes:
        metric: the metric's name in records.
        quantity: what changed: ``definition``, ``unit``, or both.
        reference: the definition of all these figures in the reference; where it is long, or they have several, the
            part that changed.
        new: the same of the new side.
        rows: the reference's records.
        new_rows: the new records, in the same order.
    """

    metric: str
    quantity: str
    reference: str
    new: str
    rows: tuple[Record, ...]
    new_rows: tuple[Record, ...]

    @property
    def systems(self) -> int:
        """Number of systems that have such figures."""
        return len({row.system for row in self.rows})

    @property
    def change(self) -> str:
        """What changed, without the metric."""
        return f"{self.quantity} changed: '{self.reference}' -> '{self.new}'"

    @property
    def extent(self) -> str:
        """How many rows of how many systems have the change."""
        rows, systems = len(self.rows), self.systems
        return f"{rows} row{'s' * (rows > 1)} of {systems} system{'s' * (systems > 1)}"


def redefinitions(differences: Iterable[Difference]) -> tuple[list[Redefinition], list[Difference]]:
    """The changed definitions among rows that one side lacks, in the reference's order, and all other differences."""
    differences = list(differences)
    lacking: dict[Key, tuple[list[Record], list[Record]]] = defaultdict(lambda: ([], []))
    for difference in differences:
        if difference.verdict in ("missing", "added"):
            sides = lacking[tuple(key_of(difference.row)[place] for place in _FIGURE)]
            sides[difference.verdict == "added"].append(difference.row)
    changes: dict[tuple[str, str, tuple[str, str]], list[tuple[Record, Record]]] = defaultdict(list)
    for old, new in lacking.values():
        for pair in zip(sorted(old, key=_defined), sorted(new, key=_defined), strict=False):
            quantity, *texts = _what_differs(*pair)
            changes[pair[0].metric, quantity, _differing_parts(*texts)].append(pair)
    paired = {key_of(row) for pairs in changes.values() for pair in pairs for row in pair}
    left = [d for d in differences if d.verdict not in ("missing", "added") or key_of(d.row) not in paired]
    return [_redefinition(*change, pairs) for change, pairs in changes.items()], left


def _defined(row: Record) -> tuple[str, str]:
    return row.definition, row.unit


def _what_differs(old: Record, new: Record) -> tuple[str, str, str]:
    """Which of definition and unit differs, and what it is on both sides."""
    if old.definition == new.definition:
        return "unit", old.unit, new.unit
    if old.unit == new.unit:
        return "definition", old.definition, new.definition
    return "definition and unit", f"{old.definition}, {old.unit}", f"{new.definition}, {new.unit}"


def _differing_parts(old: str, new: str) -> tuple[str, str]:
    """Two texts without the parts, which punctuation ends, that they begin and end with alike."""
    parts, new_parts = _PARTS.findall(old), _PARTS.findall(new)
    shorter = min(len(parts), len(new_parts))
    start = next((k for k in range(shorter) if parts[k] != new_parts[k]), shorter)
    end = next((k for k in range(shorter - start) if parts[-1 - k] != new_parts[-1 - k]), shorter - start)
    return "".join(parts[start : len(parts) - end]).strip(), "".join(new_parts[start : len(new_parts) - end]).strip()


def _redefinition(
    metric: str, quantity: str, parts: tuple[str, str], pairs: list[tuple[Record, Record]]
) -> Redefinition:
    """The change of some pairs of rows: in full if all have the same short definitions, else the parts that differ."""
    whole = {_what_differs(*pair)[1:] for pair in pairs}
    in_full = len(whole) == 1 and all(len(text) <= _SHORT for text in next(iter(whole)))
    old, new = whole.pop() if in_full else parts
    rows, new_rows = (tuple(side) for side in zip(*pairs, strict=True))
    return Redefinition(metric, quantity, old, new, rows, new_rows)
