"""Systems as entries of a report: where each is kept, and what it is called there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sgbench.records import COPY, NO_SEED, ORACLE, REAL
from sgbench.report.layout import Layout, row_labels
from sgbench.study import Study

CONTROL_TITLES = {REAL: "Real images", COPY: "Copy of the source", ORACLE: "Oracle (counterfactual)"}


@dataclass(frozen=True)
class Entry:
    """A system in a report: its folder, its method in the records, and the method's name as shown."""

    folder: Path
    method: str
    shown: str


def study_entries(study: Study) -> list[Entry]:
    """The systems that a study trained."""
    return [
        Entry(study.system_folder(system), system.entry.name, system.entry.cls.display_name)
        for system in study.plan.systems
    ]


def system_labels(frame: pd.DataFrame, layout: Layout, entries: Sequence[Entry]) -> list[str]:
    """Each entry's name as its row in tables has it, with its seed where there are several."""
    rows = row_labels(frame, layout)
    own = frame.drop_duplicates("system").set_index("system")
    several = len(set(own.loc[[e.folder.name for e in entries], "seed"]) - {NO_SEED}) > 1
    labels = []
    for entry in entries:
        row = own.loc[entry.folder.name]
        seed = f", seed {row['seed']}" if several and row["seed"] != NO_SEED else ""
        labels.append(rows[row["method"], row["variant"], row["level"]] + seed)
    return labels
