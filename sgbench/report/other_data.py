"""Whether systems have the same order on other data: Kendall's tau between two studies of the same methods.

What is cheap to make, such as drawn faces, is worth the more the better it predicts the order on photographs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sgbench.report.layout import MISSING, SYSTEM, Column, Key
from sgbench.report.rank_agreement import uncertain
from sgbench.report.table_cells import Places, by_place, cell_of
from sgbench.results.records import Record, read_records, to_frame
from sgbench.results.study_folder import StudyFolder
from sgbench.statistics.ranks import Ranked, kendalls_tau, tau_interval

ORDER_CAPTION = (
    "Kendall's tau-b between the orders in which two studies of different data put the same systems: 1 for the same "
    "order, -1 for the reverse, 0 for no relation; over the pairs of systems within each figure. In brackets: 95 % "
    "interval of what the uncertainty of both studies' figures allows. Accuracies are by each study's jury."
)
_MEASURED = "measured"
_TARGET, _UNRELATED, _BACKGROUND, _ALL = "Target accuracy", "Unrelated accuracy", "Background", "All figures"


@dataclass(frozen=True)
class Ordered:
    """A study, as orders are taken from it.

    Attributes:
        dataset: the data that it was measured on.
        systems: (method, variant, level of the paper) -> the key in the records.
        attributes: their names in the records.
        places: the records.
    """

    dataset: str
    systems: Mapping[Key, Key]
    attributes: tuple[str, ...]
    places: Places


@dataclass(frozen=True)
class Agreement:
    """How far two studies put the same systems in the same order.

    Attributes:
        systems: how many systems both have.
        table: a row for each kind of figure and one for all of them, as they are shown.
        verdict: whether one order predicts the other, by all figures together.
    """

    systems: int
    table: pd.DataFrame
    verdict: str


def open_ordered(study: StudyFolder) -> Ordered | None:
    """The measured systems of a study, from the records of its report; None if it has none.

    Raises:
        BrokenFile: a file of the study cannot be read; names it.
    """
    description = study.read_description()
    records = read_records(study.report.records_file)
    return ordered(records, description.attributes, description.paper_levels)


def ordered(
    records: Sequence[Record], attributes: Mapping[str, str], paper_levels: Mapping[str, str]
) -> Ordered | None:
    """The measured systems among records; None if there are none.

    Args:
        attributes: name in the records -> name shown.
        paper_levels: level in the records -> the level of the paper that it stands for, where they differ.
    """
    frame = to_frame(record for record in records if record.origin == _MEASURED)
    if frame.empty:
        return None
    keys = frame[SYSTEM].drop_duplicates().itertuples(index=False, name=None)
    systems = {(m, variant, paper_levels.get(level, level)): (m, variant, level) for m, variant, level in keys}
    return Ordered(frame["dataset"].iloc[0], systems, tuple(attributes), by_place(frame))


def order_on(first: Ordered, second: Ordered) -> Agreement | None:
    """The agreement of two studies of different data; None if fewer than two systems, or no attribute, are in both.

    Attributes are the same if they have the same name, systems if they are of the same method, variant and level of
    the paper. Pairs of systems are compared within a figure: that of one target, or of one attribute under a target.
    """
    systems = [key for key in first.systems if key in second.systems]
    attributes = [name for name in first.attributes if name in second.attributes]
    if first.dataset == second.dataset or len(systems) < 2 or not attributes:
        return None
    columns = {heading: [] for heading in (_TARGET, _UNRELATED, _BACKGROUND)}
    for target in attributes:
        for attribute in attributes:
            heading = _TARGET if attribute == target else _UNRELATED
            columns[heading].append((target, Column(heading, "jury_accuracy", attribute)))
        columns[_BACKGROUND].append((target, Column(_BACKGROUND, "background_ms_ssim", "background")))
    ranked = {heading: _ranked(first, second, systems, asked) for heading, asked in columns.items()}
    everything = [column for of_one in ranked.values() for column in of_one]
    rows = [_row(heading, of_one) for heading, of_one in [*ranked.items(), (_ALL, everything)]]
    return Agreement(len(systems), pd.DataFrame(rows), _verdict(*_tau(everything)))


def _ranked(
    first: Ordered, second: Ordered, systems: Sequence[Key], asked: Sequence[tuple[str, Column]]
) -> list[Ranked]:
    """The figures that both have, of each column with at least two systems."""
    found = []
    for target, column in asked:
        sides = [[cell_of(s.places, s.systems[key], target, column) for key in systems] for s in (first, second)]
        both = [pair for pair in zip(*sides, strict=True) if all(c and not math.isnan(c["value"]) for c in pair)]
        if len(both) > 1:
            ours, theirs = zip(*both, strict=True)
            found.append(Ranked(uncertain(ours), uncertain(theirs)))
    return found


def _tau(columns: Sequence[Ranked]) -> tuple[float, float, float]:
    """Tau and its interval; NaN where nothing can be compared."""
    tau = kendalls_tau(columns) if columns else math.nan
    return (tau, *(tau_interval(columns) if not math.isnan(tau) else (math.nan, math.nan)))


def _row(heading: str, columns: Sequence[Ranked]) -> dict[str, str]:
    tau, low, high = _tau(columns)
    told = MISSING if math.isnan(tau) else f"{tau:.2f} [{low:.2f}, {high:.2f}]"
    return {"Figures": heading, "Pairs of systems": str(sum(c.num_pairs for c in columns)), "Kendall's tau": told}


def _verdict(tau: float, low: float, high: float) -> str:
    if math.isnan(tau):
        return "no figure can be compared"
    if low > 0:
        return "one order predicts the other better than chance"
    return "the orders are opposed" if high < 0 else "whether one order predicts the other is open"
