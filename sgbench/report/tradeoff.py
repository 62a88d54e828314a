"""What systems gain and what they leave alone: target accuracy against what is preserved, and the front of systems."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.averages import averaged, mean
from sgbench.report.layout import SYSTEM, Column, Layout, Table, row_labels
from sgbench.report.table_cells import make_cells, make_table
from sgbench.results.records import ALL, COPY, ORACLE, REAL, Record, from_frame, to_frame

GAINED = Column("Target accuracy, scaled", "target_accuracy_scaled", "targets")
KEPT = Column("Unrelated accuracy, scaled", "unrelated_accuracy_scaled", "others")
BACKGROUND = Column("Background", "background_ms_ssim", "background")
PRESERVED = (KEPT, BACKGROUND)
ON_FRONT = "on the front: no other system has more of this or of target accuracy without less of the other"
INCOMPLETE = "without some of the translations asked for, which were not given"
LEAST_GAP = 0.05
"""A target whose controls are nearer to each other says nothing of a method."""
_ACCURACY = "jury_accuracy"
_Figures = Mapping[tuple[str, str, str], Record]
"""Target, metric and what is measured -> record, of a system at one seed or of a control."""


@dataclass(frozen=True)
class _Scale:
    """Controls that figures are scaled between.

    Attributes:
        copy: figures of the copy.
        best: of the oracle, or of real images.
        targets: the attributes whose controls are far enough from each other.
        others: target -> the other attributes that the jury has verdicts on.
    """

    copy: _Figures
    best: _Figures
    targets: Sequence[str]
    others: Mapping[str, Sequence[str]]

    @classmethod
    def between(cls, copy: _Figures, best: _Figures, attributes: Sequence[str]) -> "_Scale":
        """The scale of a report's attributes."""
        targets = [a for a in attributes if _value(best, a, a) - _value(copy, a, a) >= LEAST_GAP]
        others = {t: [a for a in attributes if a != t and _value(copy, t, a) > 0] for t in targets}
        return cls(copy, best, targets, others)

    def points(self, own: _Figures) -> list[Record]:
        """What a system gains and keeps, each the mean over targets."""
        about = {"target": "", "direction": ALL}
        weights = [1 / len(self.targets) / (_value(self.best, t, t) - _value(self.copy, t, t)) for t in self.targets]
        gained = averaged(
            [_get(own, t, _ACCURACY, t) for t in self.targets],
            weights,
            -sum(weight * _value(self.copy, t, t) for weight, t in zip(weights, self.targets, strict=True)),
            **about | {"metric": GAINED.metric, "measured_on": GAINED.measured_on, "unit": "score"},
        )
        pairs = [(t, a) for t in self.targets for a in self.others[t]]
        kept = averaged(
            [_get(own, t, _ACCURACY, a) for t, a in pairs],
            [1 / len(pairs) / _value(self.copy, t, a) for t, a in pairs],
            **about | {"metric": KEPT.metric, "measured_on": KEPT.measured_on, "unit": "score"},
        )
        background = mean([_get(own, t, BACKGROUND.metric, BACKGROUND.measured_on) for t in self.targets], **about)
        return [record for record in (gained, kept, background) if record]


@dataclass(frozen=True)
class Points:
    """What systems and controls gain and keep.

    Attributes:
        cells: a row for each figure, as a table has them; those of systems that did not give every result have a note.
        incomplete: rows of these systems.
        best: the control that has a target accuracy of 1.
        left_out: names shown of attributes whose controls are not told apart.
    """

    cells: pd.DataFrame
    incomplete: frozenset[str]
    best: str
    left_out: tuple[str, ...]


def tradeoff_points(frame: pd.DataFrame, layout: Layout) -> Points:
    """What each system and control gains and keeps; without cells where no target's controls are told apart.

    Args:
        frame: measured records of one data set, image size and definition per metric.
    """
    systems: dict[str, dict] = {}
    wanted = frame["metric"].isin([_ACCURACY, BACKGROUND.metric]) & (frame["direction"] == ALL)
    for record in from_frame(frame[wanted]):
        systems.setdefault(record.system, {})[record.target, record.metric, record.measured_on] = record
    controls = {next(iter(own.values())).method: own for own in systems.values()}
    best = ORACLE if ORACLE in controls else REAL
    scale = _Scale.between(controls.get(COPY, {}), controls.get(best, {}), list(layout.attributes))
    shown = [own for own in systems.values() if best == REAL or next(iter(own.values())).method != REAL]
    records = [record for own in shown for record in scale.points(own)] if scale.targets else []
    cells = make_cells(to_frame(records), layout, {"": [("", column) for column in (GAINED, *PRESERVED)]})
    incomplete = _incomplete(frame, layout)
    cells.loc[cells["value"].notna() & cells["row"].isin(incomplete), "note"] = INCOMPLETE
    left_out = [shown for attribute, shown in layout.attributes.items() if attribute not in scale.targets]
    return Points(cells, incomplete, best, tuple(left_out))


def tradeoff_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """A row per system and control; figures of systems on the front have a note. Empty for fewer than two systems.

    Args:
        frame: measured records of one data set, image size and definition per metric.
    """
    points = tradeoff_points(frame, layout)
    several = points.cells.loc[points.cells["origin"] == "measured", "row"].nunique() > 1
    cells = with_front(points.cells, points.incomplete) if several else points.cells[:0]
    caption = tradeoff_caption(points.best, points.left_out)
    alone = "Systems that did not give every result are compared with none." if points.incomplete else ""
    return make_table("tradeoff", "Trade-off", caption, cells, alone, ranked=False)


def points_of(cells: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Rows that have both target accuracy and what a column preserves, from the best preserved to the least.

    Returns:
        row, method, origin, note, and value, low and high of target accuracy (``value_x``) and, scaled as it is shown,
        of what is preserved (``value_y``).
    """
    keys = ["row", "method", "origin"]
    gained, kept = (
        cells[(cells["metric"] == metric) & cells["value"].notna()][[*keys, "value", "low", "high", "note"]]
        for metric in (GAINED.metric, column.metric)
    )
    ends = ["value", "low", "high"]
    kept = kept.assign(**{end: spec_of(column.metric).scale * kept[end] for end in ends}).drop(columns=keys[1:])
    both = gained.drop(columns="note").merge(kept, on="row", suffixes=("_x", "_y"))
    return both.sort_values(["value_y", "value_x"], ascending=False, ignore_index=True)


def front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each point is on the front: no other one is better in one coordinate without being worse in the other."""
    return [
        not any(x >= own_x and y >= own_y and (x, y) != (own_x, own_y) for x, y in points) for own_x, own_y in points
    ]


def with_front(cells: pd.DataFrame, incomplete: Collection[str]) -> pd.DataFrame:
    """Cells with a note where a system that gave every result is on the front of this figure and target accuracy.

    Args:
        incomplete: rows of systems that did not.
    """
    competing = cells[(cells["origin"] == "measured") & cells["value"].notna() & ~cells["row"].isin(incomplete)]
    gained = competing[competing["metric"] == GAINED.metric].set_index("row")["value"]
    notes = cells["note"].copy()
    for column in PRESERVED:
        kept = competing[(competing["metric"] == column.metric) & competing["row"].isin(gained.index)]
        on_front = front(list(zip(gained[kept["row"]], kept["value"], strict=True)))
        notes[kept.index[on_front]] = ON_FRONT
    return cells.assign(note=notes)


def _incomplete(frame: pd.DataFrame, layout: Layout) -> frozenset[str]:
    """Rows of systems that did not give every result."""
    lacking = frame[(frame["metric"] == "left_out") & (frame["value"] > 0)]
    labels = row_labels(frame, layout)
    return frozenset(labels[key] for key in lacking[SYSTEM].itertuples(index=False, name=None))


def tradeoff_caption(best: str, left_out: Sequence[str]) -> str:
    """What the figures are.

    Args:
        best: the control that has a target accuracy of 1.
        left_out: names shown of attributes that are in none of them.
    """
    what = "the exact counterfactual" if best == ORACLE else "real images"
    text = (
        "What systems gain and what they leave alone, means over targets. Target accuracy is scaled so that a copy of "
    )
    text += (
        f"the source has 0 and {what} 1, unrelated accuracy so that a copy has 1 and 0 is no label kept; both by the "
    )
    text += "jury. Background: MS-SSIM x 100, 100 for a copy. A copy keeps everything and gains nothing: only systems "
    text += "that no other beats in one without losing in the other are on the front, and no single number ranks them. "
    text += "Intervals are as if the errors of all attributes went together, so rather too wide."
    why = "the controls do not tell it apart, or it is not scored"
    return text + (f" Without {', '.join(left_out)}: {why}." if left_out else "")


def _get(own: _Figures, target: str, metric: str, measured_on: str) -> Record | None:
    """A figure; those of real images have no target."""
    return own.get((target, metric, measured_on)) or own.get(("", metric, measured_on))


def _value(own: _Figures, target: str, attribute: str) -> float:
    """Accuracy of an attribute; NaN if it was not scored."""
    record = _get(own, target, _ACCURACY, attribute)
    return record.value if record else math.nan
