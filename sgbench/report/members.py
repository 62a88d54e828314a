"""The systems and controls of a report: their folders and the names that are shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sgbench.report.layout import Layout, row_labels
from sgbench.results.records import NO_SEED, Record
from sgbench.results.samples import Samples
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import UserError

FEW = 12
"""Up to so many systems a report tests all pairs, and its figures show each of them."""


@dataclass(frozen=True)
class Member:
    """A system or control of a report.

    Attributes:
        method: the method's name in the records.
        shown: the method's name in the report.
        label: the system's name in figures and comparisons.
        row: the name of its row in tables, which takes seeds together.
        variant: as in the records.
        level: as in the records.
        seed: as in the records.
    """

    folder: SystemFolder
    method: str
    shown: str
    label: str = ""
    row: str = ""
    variant: str = ""
    level: str = ""
    seed: int = NO_SEED


def labelled(frame: pd.DataFrame, layout: Layout, systems: Sequence[Member]) -> list[Member]:
    """Systems with what their records say of them, and with labels, which have the seed if there are several."""
    rows = row_labels(frame, layout)
    first = frame.drop_duplicates("system").set_index("system").to_dict("index")
    several = len({first[member.folder.name]["seed"] for member in systems} - {NO_SEED}) > 1
    with_labels = []
    for member in systems:
        record = first[member.folder.name]
        about = {key: record[key] for key in ("variant", "level", "seed")}
        row = rows[record["method"], record["variant"], record["level"]]
        seed = f", seed {record['seed']}" if several and record["seed"] != NO_SEED else ""
        with_labels.append(replace(member, row=row, label=row + seed, **about))
    return with_labels


def check_different(systems: Sequence[Record]) -> None:
    """Refuse two systems that a table could not tell apart.

    Args:
        systems: one record of each system.

    Raises:
        UserError: there are two such systems; the message names them.
    """
    rows = [(r.method, r.variant, r.level, r.seed) for r in systems]
    times = Counter(rows)
    for row, system in zip(rows, systems, strict=True):
        if times[row] > 1:
            raise UserError(
                f"{system.system}: another system is {' '.join(map(str, filter(None, row[:3])))}, seed {row[3]}, too; "
                "compare with one of them"
            )


def without_variants(systems: Sequence[Member]) -> list[Member]:
    """The systems whose method is not a variant, in their order."""
    return [member for member in systems if not member.variant]


def beside_variants(systems: Sequence[Member]) -> list[Member]:
    """For each method and level with variants: the variants by name, then the method itself; empty without variants."""
    varied = dict.fromkeys((member.method, member.level) for member in systems if member.variant)
    places = {level: place for place, level in enumerate(varied)}
    chosen = [member for member in systems if (member.method, member.level) in places]
    return sorted(chosen, key=lambda m: (places[m.method, m.level], not m.variant, m.variant))


def people(members: Sequence[Member], number: int) -> list[list[tuple[str, Sequence[np.ndarray | None]]]]:
    """For each of so many people that figures of faces show a row per system: its label and its results."""
    rows: list[tuple[str, Samples]] = [(member.label, member.folder.read_samples()) for member in members]
    return [[(label, samples[person]) for label, samples in rows] for person in range(number)]
