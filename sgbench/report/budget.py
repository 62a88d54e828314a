"""Figures against labels per value: what each method makes of few labels, for each target and on average."""

from collections.abc import Mapping

import pandas as pd

from sgbench.data.levels import NONE_NAME
from sgbench.report.averages import mean
from sgbench.report.layout import Column, Layout, Table
from sgbench.report.table_cells import make_cells, make_table
from sgbench.results.records import ALL, Record, from_frame, to_frame

BUDGET = "budget"
"""Name of the item and of its files."""
MEAN = "Mean over targets"
_TARGET, _OTHERS = "target", "others"
MEASURES = (
    Column("Target accuracy", "jury_accuracy", _TARGET),
    Column("Unrelated accuracy", "jury_accuracy", _OTHERS),
    Column("Background", "background_ms_ssim", "background"),
    Column("Counterfactual inside", "counterfactual_error", "inside"),
    Column("Counterfactual outside", "counterfactual_error", "outside"),
)
_CAPTION = (
    "Figures by labels per value. Target accuracy: share of results (%) that the jury sees with the value asked for; "
    "unrelated accuracy: mean share (%) that it sees with their own value of each other attribute; background: MS-SSIM "
    "x 100; counterfactual: mean absolute distance, in levels of 255, to the same face with only the target changed, "
    "inside and outside the region that this touches. Intervals of means over attributes are as if all errors went "
    "together, so rather too wide."
)


def budget_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """A block for the mean over targets and one for each target; a row per method and level.

    Args:
        frame: measured records of one data set, image size and definition per metric.
    """
    metrics = {column.metric for column in MEASURES}
    wanted = frame[frame["metric"].isin(metrics) & (frame["direction"] == ALL) & (frame["target"] != "")]
    systems: dict[str, dict] = {}
    for record in from_frame(wanted):
        systems.setdefault(record.system, {})[record.target, record.metric, record.measured_on] = record
    records = [r for own in systems.values() for r in _by_measure(own, layout).values()]
    blocks = {MEAN: [("", column) for column in MEASURES]}
    blocks |= {f"Target: {shown}": [(a, column) for column in MEASURES] for a, shown in layout.attributes.items()}
    given = frame[frame["metric"] == "left_out"]  # what is missing of a target is missing of the mean too
    cells = make_cells(pd.concat([to_frame(records), given, given.assign(target="")]), layout, blocks)
    return make_table(BUDGET, "Label budget", _CAPTION, cells)


def labels_at_all(manifests: Mapping[str, Mapping], layout: Layout) -> float | None:
    """How many labels each value has on average where none is hidden; None where that is not known.

    Args:
        manifests: of sets of labels, as a description has them.
    """
    counts = [
        number
        for manifest in manifests.values()
        if manifest["level"] == ALL
        for attribute in layout.attributes
        for value, number in manifest["counts"].get(attribute, {}).items()
        if value != NONE_NAME
    ]
    return sum(counts) / len(counts) if counts else None


def _by_measure(own: Mapping[tuple[str, str, str], Record], layout: Layout) -> dict[tuple[str, Column], Record]:
    """A system's figure of each measure for each target, and the mean over targets under an empty name."""
    targets = [target for target in layout.attributes if any(place[0] == target for place in own)]
    found: dict[tuple[str, Column], Record] = {}
    for column in MEASURES:
        about = {"measured_on": column.measured_on}
        for target in targets:
            places = {_TARGET: [target], _OTHERS: [a for a in layout.attributes if a != target]}
            records = [
                own.get((target, column.metric, place))
                for place in places.get(column.measured_on, [column.measured_on])
            ]
            if record := mean(records, **about):
                found[target, column] = record
        if any((target, column) in found for target in targets):
            average = mean([found.get((target, column)) for target in targets], target="", **about)
            assert average
            found["", column] = average
    return found
