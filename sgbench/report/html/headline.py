"""What a report found, in a few sentences made from its records alone: compared, leading, on the front, not known."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sgbench.report.contents import Contents
from sgbench.report.directions import in_a_sentence
from sgbench.report.layout import Column, Layout, row_labels, trainings
from sgbench.report.text import number_text, scaled_text
from sgbench.report.tradeoff import GAINED, INCOMPLETE, ON_FRONT, PRESERVED
from sgbench.results.records import ALL, ORACLE, REAL

_ACCURACY = Column("Target accuracy", "jury_accuracy", "targets")
_NAMED = 4
"""So many systems are named in a sentence; of more, their number is told."""


@dataclass(frozen=True)
class Headline:
    """A report in a few sentences.

    Attributes:
        compared: what was compared, and on what.
        found: who leads in what, and who is on the front; empty if nothing can be said.
        unknown: what is not known.
    """

    compared: str
    found: tuple[str, ...]
    unknown: str


def headline(contents: Contents) -> Headline:
    """The sentences of a report."""
    cells = {table.name: table.cells for table, _ in contents.tables}
    frame, layout = contents.measured, contents.page.layout
    systems = frame[frame["origin"] == "measured"]
    accuracy = cells.get("jury_target_accuracy", pd.DataFrame(columns=["origin", "value", "row", "column", "note"]))
    accuracy = accuracy[accuracy["origin"] == "measured"]
    if systems.empty:
        found: list[str] = []
    elif "tradeoff" in cells:
        found = _leaders(cells["tradeoff"])
    else:
        found = _by_accuracy(accuracy)
    return Headline(_compared(frame, systems, layout), tuple(found), _unknown(frame, systems, accuracy, layout))


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _compared(frame: pd.DataFrame, systems: pd.DataFrame, layout: Layout) -> str:
    """What was compared, on which data, with how many labels, seeds and test images."""
    on = _data(frame)
    if systems.empty:
        return f"No system is in this report: it shows what judges make of untouched images and controls, {on}."
    methods = [layout.methods.get(m, m) for m in layout.methods if (systems["method"] == m).any()]
    methods += sorted(set(systems["method"]) - layout.methods.keys())
    rows = row_labels(systems, layout)
    who = (
        listed(methods) if len(methods) <= _NAMED else f"{', '.join(methods[:_NAMED])} and {len(methods) - _NAMED} more"
    )
    trained = ", ".join(filter(None, (_levels(systems), _seeds(systems))))
    attributes = listed([in_a_sentence(shown) for shown in layout.attributes.values()])
    is_one = "is" if len(methods) == 1 else "are"
    several = f", in {len(rows)} versions," if len(rows) > len(methods) else ""
    return f"{who}{several} {is_one} compared {on}{f' ({trained})' if trained else ''}: each changes {attributes}."


def _data(frame: pd.DataFrame) -> str:
    untouched = frame[frame["method"] == REAL]
    images = int((untouched if len(untouched) else frame)["num_images"].max()) if len(frame) else 0
    return f"on {images:,} test images of {_places(frame)}" if images else "on no test images"


def _places(frame: pd.DataFrame) -> str:
    names = listed(sorted(set(frame["dataset"])))
    return f"{names} at {listed([f'{size}x{size}' for size in sorted(set(frame['image_size']))])}"


def _levels(systems: pd.DataFrame) -> str:
    """With how many labels systems were trained, from most to fewest; empty where it is not known."""
    levels = sorted(set(systems["level"]) - {""}, key=lambda level: -float(level.replace(ALL, "inf")))
    if not levels:
        return ""
    return f"{listed(levels)} labels per value" if levels != [ALL] else "all labels"


def _seeds(systems: pd.DataFrame) -> str:
    """How many trainings the systems have, each of its own; empty where no seed is known."""
    numbers = sorted(set(trainings(systems).values()) - {0})
    told = " or ".join("one" if number == 1 else str(number) for number in numbers)
    return "" if not told else f"{told} seed" if numbers == [1] else f"{told} seeds"


def _leaders(cells: pd.DataFrame) -> list[str]:
    """Who leads in target accuracy, who in what is preserved, and who is on the front."""
    measured = cells[(cells["origin"] == "measured") & (cells["note"] != INCOMPLETE)]
    best = "the oracle" if (cells["method"] == ORACLE).any() else "real images"
    scale = f"from 0 for a copy of the source to 1 for {best}"
    gained = _leader(measured, GAINED)
    kept = [f"in {_name(column)}, {told}" for column in PRESERVED if (told := _leader(measured, column))]
    found = [f"In target accuracy, {scale}, {gained}."] if gained else ["Target accuracy is not scored."]
    found += [f"In what is preserved: {'; '.join(kept)}."] if kept else []
    fronts = {}
    for column in PRESERVED:
        on_front = measured[(measured["metric"] == column.metric) & (measured["note"] == ON_FRONT)]
        if len(on_front):
            fronts.setdefault(_several(list(on_front["row"])), []).append(_name(column))
    told = [f"{who} for {listed(names)}" for who, names in fronts.items()]
    return found + (
        [f"On the front, beaten by no other in both target accuracy and what is preserved: {'; '.join(told)}."]
        if told
        else []
    )


def _leader(measured: pd.DataFrame, column: Column) -> str:
    """Who leads in a column, or who are not told apart because their intervals overlap; empty if nobody is scored."""
    scored = measured[(measured["metric"] == column.metric) & measured["value"].notna()]
    if scored.empty:
        return ""
    first, *others = scored.sort_values("value", ascending=False, kind="stable").to_dict("records")
    figure = f"{first['row']} ({number_text(first)})"
    if not others:
        return f"only {figure} is scored in full"
    least = first["value"] if pd.isna(first["low"]) else first["low"]
    tied = [o for o in others if (o["value"] if pd.isna(o["high"]) else o["high"]) >= least]
    if not tied:
        return f"{figure} leads"
    near = _several([f"{o['row']} ({scaled_text(o['metric'], o['value'])})" for o in tied])
    return f"{figure} is first, but not told apart from {near}: their intervals overlap"


def _name(column: Column) -> str:
    return in_a_sentence(column.heading.removesuffix(", scaled"))


def _several(names: Sequence[str]) -> str:
    return listed(names) if len(names) <= _NAMED else f"{len(names)} systems, such as {listed(names[:2])}"


def _by_accuracy(accuracy: pd.DataFrame) -> list[str]:
    """The mean target accuracy of a single system, or the leader of several that cannot be set against controls.

    The interval of a mean is as if all attributes were off to the same side together, so rather too wide.
    """
    rows, attributes = accuracy["row"].unique(), accuracy["column"].nunique()
    scored = accuracy.dropna(subset="value")
    over = f"mean over {scored['column'].nunique()} of {attributes} attributes"
    if scored.empty:
        return [f"The accuracy of {_several(list(rows))} is not scored for any attribute."]
    means = scored.groupby("row", sort=False)[["value", "low", "high"]].mean(numeric_only=True)
    means = means[scored.groupby("row", sort=False).size() == scored["column"].nunique()].reset_index()
    means = means.assign(metric=_ACCURACY.metric, origin="measured")
    if len(rows) == 1:
        mean = scaled_text("jury_accuracy", means["value"].iloc[0])
        return [f"{rows[0]} has a target accuracy of {mean} % ({over})."]
    whole = means[~means["row"].isin(scored.loc[scored["note"] != "", "row"])]  # others did not give every result
    return [f"In target accuracy (%, {over}), {told}."] if (told := _leader(whole, _ACCURACY)) else []


def _unknown(frame: pd.DataFrame, systems: pd.DataFrame, accuracy: pd.DataFrame, layout: Layout) -> str:
    told = []
    numbers = trainings(systems)
    if once := [row for key, row in row_labels(systems, layout).items() if numbers[key] == 1]:
        whose = f" of {_several(once)}" if len(once) < len(numbers) else ""
        told.append(f"what another training{whose} would give (one seed)")
    if missing := int(accuracy["value"].isna().sum()):
        told.append(f"{missing} of {len(accuracy)} target accuracies, which are not scored, as the tables say")
    lacking = systems[(systems["metric"] == "left_out") & (systems["value"] > 0)]
    if len(lacking):
        names = row_labels(lacking, layout).values()
        told.append(f"the results that {_several(list(names))} did not give")
    told.append(f"how any of this carries over to other data than {_places(frame)}" if len(frame) else "anything else")
    return f"Not known: {'; '.join(told)}."
