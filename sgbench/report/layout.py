"""What tables are made of: names and order, columns, cells in long form; tables as CSV."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from sgbench.results.csv_text import csv_text
from sgbench.results.records import ALL, NO_SEED
from sgbench.results.row_names import row_name

DAGGER = "†"
MISSING = "–"
NOT_SCORED = "not scored"
SYSTEM = ["method", "variant", "level"]
Key = tuple[str, str, str]
"""Method, variant and level, which a row of a table is about."""


@dataclass(frozen=True)
class Layout:
    """What a report needs besides the records.

    Attributes:
        methods: method in the records -> name shown, also for controls; its order is the order of the rows.
        attributes: attribute in the records -> name shown; its order is the order of columns and targets.
        correlated: (target, measured_on) pairs with ``|phi| > correlated_above`` in the data set, marked with a dagger.
        inception_name: name shown of ``inception_score``; not the default if the weights are not the published ones,
            and then no published number is shown beside it.
        comparability: a sentence on how the study differs from the paper's, shown in tables with published rows.
        items: tables and figures of the paper that the study makes.
        paper_levels: level in the records -> the level of the paper that it stands for, where they differ.
    """

    methods: Mapping[str, str]
    attributes: Mapping[str, str]
    correlated: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    correlated_above: float = 0.3
    inception_name: str = "Inception Score"
    comparability: str = ""
    items: tuple[str, ...] = ()
    paper_levels: Mapping[str, str] = field(default_factory=dict)

    def level_here(self, level: str) -> str:
        """The level that stands for one of the paper."""
        return next((own for own, papers in self.paper_levels.items() if papers == level), level)

    def stand_ins(self, levels: Iterable[str]) -> str:
        """A sentence on which of some levels stand for others of the paper; empty if none does."""
        told = [f"{own} for its {self.paper_levels[own]}" for own in dict.fromkeys(levels) if own in self.paper_levels]
        return f"Labels per value here stand for others of the paper: {', '.join(told)}." if told else ""


@dataclass(frozen=True)
class Column:
    """Which records of a target fill a column; ``spread`` is a second metric, shown behind ``±``."""

    heading: str
    metric: str
    measured_on: str
    direction: str = ALL
    spread: str = ""


@dataclass(frozen=True)
class Table:
    """A table in long form.

    Attributes:
        name: the name of its files, without the ending.
        title: a few words.
        caption: what the cells hold, and what their intervals are taken over.
        cells: one row per cell: block (heading of a part of the table, or empty), row, column, target, method, variant,
            level, measured_on, direction, metric, definition, unit, origin, value, low, high, spread, num_images,
            num_seeds, note, variance_images, variance_judges, variance_seeds (parts of the variance of a figure by a
            jury). The origin is empty if the cell has no record.
        ranked: whether the rows are systems, so that the best in each column is shown bold.
        ties: whether systems are bold too whose interval meets that of the best one.
    """

    name: str
    title: str
    caption: str
    cells: pd.DataFrame
    ranked: bool = True
    ties: bool = False


def apart(own: str, data: Iterable[str]) -> str:
    """A name of the suite's own, in parentheses where the data have one that reads the same."""
    names = {name.casefold() for name in data}
    while own.casefold() in names:
        own = f"({own})"
    return own


def row_labels(frame: pd.DataFrame, layout: Layout) -> dict[Key, str]:
    """(method, variant, level) -> name shown, in the order of ``layout.methods``, then from all labels to fewest.

    The level is shown if it is a number or if a method has several levels. A method without a name to show keeps its
    name in the records.
    """
    systems = list(frame[SYSTEM].drop_duplicates().itertuples(index=False, name=None))
    order = {m: place for place, m in enumerate(dict.fromkeys([*layout.methods, *(m for m, _, _ in systems)]))}
    systems.sort(key=lambda s: (order[s[0]], -float(s[2].replace(ALL, "") or "inf"), s[1]))
    levels: dict[str, set[str]] = {}
    for method, _, level in systems:
        levels.setdefault(method, set()).add(level)
    labels = {}
    for method, variant, level in systems:
        shown = level if level not in {"", ALL} or len(levels[method]) > 1 else ""
        labels[method, variant, level] = row_name(layout.methods.get(method, method), shown, variant)
    return labels


def trainings(systems: pd.DataFrame) -> dict[Key, int]:
    """(method, variant, level) -> how many trainings of it there are; 0 where no seed is known.

    Args:
        systems: records of what was trained or handed in.
    """
    seeds = systems["seed"].where(systems["seed"] != NO_SEED)
    return seeds.groupby([systems[part] for part in SYSTEM]).nunique().to_dict()


def to_csv(table: Table) -> str:
    """The cells as CSV, in the records' units."""
    return csv_text(table.cells)
