"""Joins reports of one protocol to a board: a row for each system, whichever study it is of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pandas as pd

from sgbench.leaderboard.entrants import Entrant
from sgbench.metrics.catalogue import spec_of
from sgbench.report.averages import mean
from sgbench.report.layout import SYSTEM, Column, Key, Layout, Table
from sgbench.report.making import layout_of
from sgbench.report.table_cells import make_cells, make_table
from sgbench.report.tradeoff import (
    GAINED,
    INCOMPLETE,
    ON_FRONT,
    PRESERVED,
    Points,
    tradeoff_caption,
    tradeoff_points,
    with_front,
)
from sgbench.results.records import ALL, CONTROLS, from_frame, to_frame
from sgbench.support.errors import UserError

_ERRORS = (("counterfactual_error", "inside"), ("counterfactual_error", "outside"), ("background_tint", "background"))
"""Metric and place of the errors that a board has, each the mean over targets."""
_FIGURE = ["target", "direction", "measured_on", "metric", "value"]


@dataclass(frozen=True)
class Standing:
    """What a board says of a system besides its figures.

    Attributes:
        entrant: the report that it is of.
        key: method, variant and level in that report.
        systems: the trained systems that the figures are means of, each by its name and a hash of its own figures.
        source_labels: what it was given of test images; empty where that is not known.
        fronts: headings of what is preserved that it is on the front of.
    """

    entrant: Entrant
    key: Key
    systems: frozenset[tuple[str, int]]
    source_labels: str
    fronts: tuple[str, ...] = ()

    @property
    def seeds(self) -> int:
        """How many trainings the figures are means of."""
        return len(self.systems)


@dataclass(frozen=True)
class Leaderboard:
    """The systems of one protocol.

    Attributes:
        protocol: its hash.
        title: what was translated.
        about: sentences on the data, the judges and the reports.
        table: a row for each system, from the highest target accuracy to the lowest, then the controls.
        rows: name of a system's row -> what is said of it.
    """

    protocol: str
    title: str
    about: tuple[str, ...]
    table: Table
    rows: Mapping[str, Standing]


def make_boards(entrants: Sequence[Entrant]) -> list[Leaderboard]:
    """A board for each protocol, the one with most systems first."""
    protocols = dict.fromkeys(entrant.protocol for entrant in entrants)
    boards = [_board([e for e in entrants if e.protocol == protocol]) for protocol in protocols]
    return sorted(boards, key=lambda board: -len(board.rows))


def _board(entrants: Sequence[Entrant]) -> Leaderboard:
    first = max(entrants, key=lambda entrant: entrant.frame["system"].nunique())
    layout = layout_of(first.description)
    rows = _named(_rows(entrants))
    left_out = tradeoff_points(first.frame, layout).left_out
    parts = [
        _part(e, {row.key: name for name, row in rows.items() if row.entrant is e}, e is first, left_out)
        for e in entrants
    ]
    cells = _ordered(pd.concat([part.cells for part in parts], ignore_index=True))
    fronts = _fronts(cells, {name for part in parts for name in part.incomplete})
    points = parts[entrants.index(first)]
    return Leaderboard(
        first.protocol,
        f"{first.description.facts.get('Data', 'unknown data')}: {', '.join(layout.attributes.values())}",
        _about(entrants, rows.values()),
        make_table("leaderboard", "Leaderboard", _caption(points.best, points.left_out), cells, ties=True),
        {name: replace(rows[name], fronts=fronts.get(name, ())) for name in cells["row"].unique() if name in rows},
    )


def _part(entrant: Entrant, names: Mapping[Key, str], with_controls: bool, left_out: tuple[str, ...]) -> Points:
    """What a report gives to a board: cells and the systems that do not compete for the front, by the board's names.

    Args:
        left_out: the attributes that are in none of the board's means.
    """
    layout = layout_of(entrant.description)
    points = tradeoff_points(entrant.frame, layout)
    cells = pd.concat([points.cells, _others(entrant, layout)], ignore_index=True)
    keys = list(cells[SYSTEM].itertuples(index=False, name=None))
    kept = [key in names or (with_controls and key[0] in CONTROLS) for key in keys]
    named = [names.get(key, row) for key, row in zip(keys, cells["row"], strict=True)]
    incomplete = {name for name, row in zip(named, cells["row"], strict=True) if row in points.incomplete}
    cells = cells.assign(row=named)[kept]
    competing = cells["value"].notna() & (cells["origin"] == "measured")
    cells.loc[competing & cells["row"].isin(incomplete), "note"] = INCOMPLETE
    if points.left_out != left_out:  # its jury tells other targets apart, so that its means are of others
        fewer = competing & cells["metric"].isin([GAINED.metric, *(column.metric for column in PRESERVED)])
        cells.loc[fewer, "note"] = f"of other targets: without {', '.join(points.left_out) or 'none'}"
        incomplete |= set(cells["row"])
    return replace(points, cells=cells, incomplete=frozenset(incomplete))


def _rows(entrants: Sequence[Entrant]) -> list[Standing]:
    """A row for each method, variant and level of each report; what another report has with all its figures is one."""
    found: list[tuple[Standing, set]] = []
    for entrant in entrants:
        given = {system.folder: system.source_labels for system in entrant.description.systems}
        for key, own in entrant.frame.groupby(SYSTEM, sort=False):
            if key[0] not in CONTROLS:
                of_each = own[["system", *_FIGURE]].astype(str).groupby("system")
                parts = {name: frozenset(part.itertuples(index=False, name=None)) for name, part in of_each}
                figures, systems = set(chain(*parts.values())), frozenset((n, hash(part)) for n, part in parts.items())
                told = _given(given[own["system"].iloc[0]], key)
                found.append((Standing(entrant, key, systems, told), figures))
    rows = []
    for place, (row, figures) in enumerate(found):
        others = [(k, other) for k, (_, other) in enumerate(found) if k != place]
        if not any(figures < other or (figures == other and k < place) for k, other in others):
            rows.append(row)
    return rows


def _given(source_labels: str, key: Key) -> str:
    """What a system was given of test images; a variant's name says where that is not the method's usual."""
    told = [known for known in ("true", "guessed") if f"{known} labels" in key[1].split(", ")]
    return told[0] if told else source_labels


def _named(rows: Sequence[Standing]) -> dict[str, Standing]:
    """Rows by names that tell them apart: the report is named where method, variant and level do not suffice.

    Raises:
        UserError: two systems of one report have one name.
    """
    labels = [(_label(row), row) for row in rows]
    shown = [label for label, _ in labels]
    named = [label if shown.count(label) == 1 else f"{label}, {row.entrant.name}" for label, row in labels]
    if twice := [name for name in named if named.count(name) > 1]:
        raise UserError(f"{twice[0]}: two systems are called so in one report; give one of them another name")
    return dict(zip(named, rows, strict=True))


def _label(row: Standing) -> str:
    method, variant, level = row.key
    inside = ", ".join(filter(None, (level, variant)))
    return layout_of(row.entrant.description).methods.get(method, method) + (f" ({inside})" if inside else "")


def _others(entrant: Entrant, layout: Layout) -> pd.DataFrame:
    """Cells of a report's target accuracies, and of the means over targets of its errors."""
    overall = entrant.frame[entrant.frame["direction"] == ALL]
    averages = []
    for metric, place in _ERRORS:
        of_place = overall[(overall["metric"] == metric) & (overall["measured_on"] == place)]
        for _, own in of_place.groupby("system", sort=False):
            averages.append(mean(from_frame(own), target="", measured_on=place))
    columns = [(a, Column(shown, "jury_accuracy", a)) for a, shown in layout.attributes.items()]
    columns += [("", Column(spec_of(metric).heading(place), metric, place)) for metric, place in _ERRORS]
    accuracies = overall[overall["metric"] == "jury_accuracy"]
    return make_cells(pd.concat([accuracies, to_frame(averages)], ignore_index=True), layout, {"": columns})


def _ordered(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells by their rows' target accuracy, controls last; columns as they come."""
    gained = cells[cells["metric"] == GAINED.metric].set_index("row")["value"]
    order = pd.DataFrame({"control": cells["method"].isin(CONTROLS), "gained": -cells["row"].map(gained)})
    return cells.loc[order.sort_values(["control", "gained"], kind="stable").index].reset_index(drop=True)


def _fronts(cells: pd.DataFrame, incomplete: set[str]) -> dict[str, tuple[str, ...]]:
    """Name of a row -> headings of what is preserved that it is on the front of."""
    marked = with_front(cells, incomplete)
    found: dict[str, tuple[str, ...]] = {}
    for column in PRESERVED:
        for name in marked.loc[(marked["note"] == ON_FRONT) & (marked["metric"] == column.metric), "row"]:
            found[name] = (*found.get(name, ()), column.heading)
    return found


def _caption(best: str, left_out: Sequence[str]) -> str:
    text = tradeoff_caption(best, left_out)
    text += " Named columns: share of results (%) that the jury sees with the value asked for. Errors are means over "
    return text + "targets, in levels of 255."


def _about(entrants: Sequence[Entrant], rows: Collection[Standing]) -> tuple[str, ...]:
    systems = len({system for row in rows for system in row.systems})  # two reports may have the same one
    juries = len({entrant.judges for entrant in entrants if entrant.judges})
    told = [f"{len(rows)} rows of {systems} trained systems from {len(entrants)} report{'s' * (len(entrants) > 1)}."]
    if juries > 1:
        told.append(
            f"Their judges were trained by the same settings, but {juries} times: intervals allow for another jury."
        )
    return tuple(told)
