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


def jury_target_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy of the target attribute alone by the jury, a column per target.

    Args:
        frame: records of one data set, image size and definition per metric.
    """
    columns = [(a, Column(shown, "jury_accuracy", a)) for a, shown in layout.attributes.items()]
    caption = (
        "Share of results (%) that the judges of a jury see with the value asked for, mean over judges and results."
    )
    return make_table("jury_target_accuracy", "Target accuracy", caption, make_cells(frame, layout, {"": columns}))


def jury_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """For each target, the accuracy of every attribute by the jury, its agreement on the target, and the background.

    Args:
        frame: records of one data set, image size and definition per metric.
    """
    caption = "Share of results (%) that the judges of a jury see with the value asked for (target) or with their own "
    caption += "value kept (the others), mean over judges and results. Agreement: share that every judge sees with the "
    caption += "value asked for. Background: MS-SSIM x 100."
    blocks = _blocks(layout, "jury_accuracy", agreement=True)
    cells = make_cells(frame, layout, blocks)
    caption += _correlated(cells, layout)
    return make_table("jury_accuracy", "Accuracy and background", caption, cells)


def accuracy_table(frame: pd.DataFrame, layout: Layout, paper: pd.DataFrame | None = None) -> Table:
    """The paper's table 2, by its ResNet-18: for each target, the accuracy of every attribute and the background, x100.

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: published records; those of table 2 stand below the measured rows.
    """
    caption = (
        "By the paper's protocol: share of results (%) that one ResNet-18 sees with the value asked for (target) or "
    )
    caption += "with their own value kept (the others); background MS-SSIM x 100."
    cells, closing = _with_paper(frame, layout, _blocks(layout, "accuracy"), paper, 2)
    caption += _correlated(cells, layout)
    return make_table("table2_accuracy", "Accuracy and background, ResNet-18", caption, cells, closing)


def target_table(frame: pd.DataFrame, layout: Layout, paper: pd.DataFrame | None = None) -> Table:
    """The paper's table 3, by its ResNet-18: accuracy of the target attribute alone, a column per target.

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: published records; rows of table 3, else of table 2 where it measures the target, stand below the
            measured ones.
    """
    columns = [(a, Column(shown, "accuracy", a)) for a, shown in layout.attributes.items()]
    caption = "By the paper's protocol: share of results (%) that one ResNet-18 sees with the value asked for."
    cells, closing = _with_paper(frame, layout, {"": columns}, paper, 3, 2)
    return make_table("table3_target_accuracy", "Target accuracy, ResNet-18", caption, cells, closing)


def direction_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy of the target by the value asked for, by the jury."""
    blocks = {}
    for target, shown in layout.attributes.items():
        of_target = (
            (frame["target"] == target) & (frame["metric"] == "jury_accuracy") & (frame["measured_on"] == target)
        )
        values = [d for d in frame[of_target]["direction"].unique() if d != ALL]
        blocks[f"Target: {shown}"] = [(target, Column(f"to {v}", "jury_accuracy", target, v)) for v in values]
    caption = "Share of results (%) that the judges of the jury see with the value asked for, by that value."
    return make_table("directions", "Accuracy by direction", caption, make_cells(frame, layout, blocks))


def _blocks(layout: Layout, metric: str, agreement: bool = False) -> Blocks:
    """For each target, a column for each attribute and one for the background."""
    blocks = {}
    for target in layout.attributes:
        columns = [(target, Column(attribute_heading(target, a, layout), metric, a)) for a in layout.attributes]
        if agreement:
            columns.append((target, Column("Agreement", "jury_agreement", target)))
        columns.append((target, Column("Background", "background_ms_ssim", "background")))
        blocks[f"Target: {layout.attributes[target]}"] = columns
    return blocks


def _correlated(cells: pd.DataFrame, layout: Layout) -> str:
    """What the dagger means, where there is one."""
    if not cells["column"].str.endswith(DAGGER).any():
        return ""
    return (
        f" {DAGGER}: correlated with the target in this data set (|φ| > {layout.correlated_above:g}), so that a part "
        "of the change is expected."
    )


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
