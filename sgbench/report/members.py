"""The systems and controls of a report: their folders and the names that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from sgbench.report.layout import Layout, row_labels
from sgbench.results.records import COPY, NO_SEED, ORACLE, REAL, Record
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import UserError

CONTROL_TITLES = {REAL: "Real images", COPY: "Copy of the source", ORACLE: "Oracle (counterfactual)"}


@dataclass(frozen=True)
class Member:
    """A system or control of a report.

    Attributes:
        method: the method's name in the records.
        shown: the method's name in the report.
        label: the system's name in the rows of tables.
    """

    folder: SystemFolder
    method: str
    shown: str
    label: str = ""


def labelled(frame: pd.DataFrame, layout: Layout, systems: Sequence[Member]) -> list[Member]:
    """Systems with their labels; a label has the seed if there are several seeds."""
    rows = row_labels(frame, layout)
    first = frame.drop_duplicates("system").set_index("system")
    several = len(set(first.loc[[m.folder.name for m in systems], "seed"]) - {NO_SEED}) > 1
    with_labels = []
    for member in systems:
        row = first.loc[member.folder.name]
        seed = f", seed {row['seed']}" if several and row["seed"] != NO_SEED else ""
        with_labels.append(replace(member, label=rows[row["method"], row["variant"], row["level"]] + seed))
    return with_labels


def check_different(systems: Sequence[Record]) -> None:
    """Refuse two systems that a table could not tell apart.

    Args:
        systems: one record of each system.

    Raises:
        UserError: there are two such systems; the message names them.
    """
    rows = [(r.method, r.variant, r.level, r.seed) for r in systems]
    for row, system in zip(rows, systems, strict=True):
        if rows.count(row) > 1:
            raise UserError(
                f"{system.system}: another system is {' '.join(map(str, filter(None, row[:3])))}, seed {row[3]}, too; "
                "compare with one of them"
            )


def without_variants(frame: pd.DataFrame, systems: Sequence[Member]) -> list[Member]:
    """The systems whose method is not a variant, in their order."""
    return [member for member in systems if not _place(frame, member)[2]]


def beside_variants(frame: pd.DataFrame, systems: Sequence[Member]) -> list[Member]:
    """For each method and level with variants: the variants by name, then the method itself; empty without variants."""
    places = {member: _place(frame, member) for member in systems}
    levels = list(dict.fromkeys((method, level) for method, level, variant in places.values() if variant))
    chosen = [member for member, (method, level, _) in places.items() if (method, level) in levels]
    return sorted(chosen, key=lambda m: (levels.index(places[m][:2]), not places[m][2], places[m][2]))


def _place(frame: pd.DataFrame, member: Member) -> tuple[str, str, str]:
    """A system's method, level and variant."""
    row = frame[frame["system"] == member.folder.name].iloc[0]
    return row["method"], row["level"], row["variant"]
