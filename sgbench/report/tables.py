"""The paper's tables: scores, accuracy and background, target accuracy; published rows are below measured ones.

Every table is a ``Table`` with one row per cell, in the units and with the full precision of the records. Only ``text``
scales and rounds.
"""

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.layout import DAGGER, Column, Layout, Table
from sgbench.report.published import partners, published_sentence
from sgbench.report.table_cells import Blocks, make_cells, make_table
from sgbench.results.records import ALL


def score_table(
    frame: pd.DataFrame,
    layout: Layout,
    metric: str = "judge_score",
    name: str = "",
    paper: pd.DataFrame | None = None,
) -> Table:
    """The paper's table 1: a score of the results of each target, mean ± deviation over the ten splits.

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: published records; those of ``metric`` in table 1 are shown below the measured rows.
    """
    name = name or spec_of(metric).title
    columns = [(a, Column(shown, metric, "image", spread=f"{metric}_std")) for a, shown in layout.attributes.items()]
    cells, closing = _with_paper(frame, layout, {"": columns}, paper, 1)
    caption = f"{name} of the results for each target attribute, mean ± deviation over the splits."
    return make_table(f"table1_{metric}", name, caption, cells, closing)


def accuracy_table(frame: pd.DataFrame, layout: Layout, paper: pd.DataFrame | None = None) -> Table:
    """The paper's table 2: for each target, the accuracy of every attribute and the background, x100.

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: published records; those of table 2 are shown below the measured rows.
    """
    blocks = {}
    for target in layout.attributes:
        columns = [(target, Column(attribute_heading(target, a, layout), "accuracy", a)) for a in layout.attributes]
        columns.append((target, Column(spec_of("background_ms_ssim").heading(), "background_ms_ssim", "background")))
        blocks[f"Target: {layout.attributes[target]}"] = columns
    caption = "Share of results (%) that the judge sees with the value asked for (target) or with their own value kept "
    caption += "(the others); background MS-SSIM x 100."
    cells, closing = _with_paper(frame, layout, blocks, paper, 2)
    if cells["column"].str.endswith(DAGGER).any():
        caption += f" {DAGGER}: correlated with the target in this data set (|φ| > {layout.correlated_above:g}), so "
        caption += "that a part of the change is expected."
    return make_table("table2_accuracy", "Accuracy and background", caption, cells, closing)


def target_table(frame: pd.DataFrame, layout: Layout, paper: pd.DataFrame | None = None) -> Table:
    """The paper's table 3: accuracy of the target attribute alone, a column per target.

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: published records; rows of table 3, or of table 2 where it measures the target, are shown below the
            measured rows.
    """
    columns = [(a, Column(shown, "accuracy", a)) for a, shown in layout.attributes.items()]
    caption = "Share of results (%) that the judge sees with the value asked for."
    cells, closing = _with_paper(frame, layout, {"": columns}, paper, 3, 2)
    return make_table("table3_target_accuracy", "Target accuracy", caption, cells, closing)


def direction_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy of the target by the value asked for."""
    blocks = {}
    for target, shown in layout.attributes.items():
        on_target = (frame["metric"] == "accuracy") & (frame["target"] == target) & (frame["measured_on"] == target)
        values = [d for d in frame[on_target]["direction"].unique() if d != ALL]
        blocks[f"Target: {shown}"] = [(target, Column(f"to {v}", "accuracy", target, v)) for v in values]
    caption = "Share of results (%) that the judge sees with the value asked for, by that value."
    return make_table("directions", "Accuracy by direction", caption, make_cells(frame, layout, blocks))


def attribute_heading(target: str, attribute: str, layout: Layout) -> str:
    """Name of a measured attribute, marked if it is the target or correlated with it."""
    mark = " (target)" if attribute == target else f" {DAGGER}" if (target, attribute) in layout.correlated else ""
    return layout.attributes.get(attribute, attribute) + mark


def _with_paper(
    frame: pd.DataFrame, layout: Layout, blocks: Blocks, paper: pd.DataFrame | None, *tables: int
) -> tuple[pd.DataFrame, str]:
    """Cells with the paper's rows below the measured ones, and a sentence on them for the caption."""
    if paper is None:
        return make_cells(frame, layout, blocks), ""
    cells = make_cells(frame, layout, blocks, partners(paper, *tables))
    return cells, published_sentence(cells, frame, layout)
