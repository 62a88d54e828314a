"""Tables that the paper does not have: distances, likeness, targets x attributes, comparisons."""

import math
from collections.abc import Sequence

import pandas as pd

from sgbench.metrics.catalogue import columns_of, spec_of
from sgbench.metrics.spec import MetricSpec, Place
from sgbench.report.directions import directions
from sgbench.report.layout import Column, Layout, Table, apart
from sgbench.report.members import FEW
from sgbench.report.table_cells import make_cells, make_table
from sgbench.report.tables import attribute_heading
from sgbench.results.records import ALL

SUBGROUPS = "subgroups"
"""Name of the table of accuracy by the sources' other attributes."""
COMPARISONS = "comparisons"
"""Name of the table of paired tests."""


def beyond_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Errors that the paper does not report, for each target: in levels of 255, and PSNR in dB."""
    cells = _by_target(frame, layout, columns_of("beyond"))
    caption = "Mean absolute distances in levels of 255, unless the column says otherwise. Counterfactual: to the same "
    caption += (
        "face with only the target changed, inside and outside the region that this touches. Corner: the region of "
    )
    caption += f"background MS-SSIM. Change: the distance from the source. {directions(cells)}"
    return make_table("beyond", "Beyond the paper", caption, cells)


def likeness_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """How close whole results are to their source images, for each target."""
    cells = _by_target(frame, layout, columns_of("likeness"))
    caption = (
        f"Nearness to the source. {directions(cells)} A copy that changes nothing is perfect in all of them, so they "
    )
    caption += "are to be read beside target accuracy."
    return make_table("likeness", "Likeness to the source", caption, cells)


def chain_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """What is left of the source after edits to its own value, one and ten, and after an edit and the way back."""
    columns = [Column(spec.heading(place.name), spec.name, place.name) for spec, place in columns_of("chains")]
    heading = spec_of("reversal_accuracy").heading()
    blocks = {
        f"Target: {shown}": [(a, column) for column in (*columns, Column(heading, "reversal_accuracy", a))]
        for a, shown in layout.attributes.items()
    }
    cells = make_cells(frame, layout, blocks)
    caption = "Composition: an image is sent to the value that it already has, which an ideal editor leaves alone; the "
    caption += (
        "result is the next round's input. There and back: to another value, and back to its own, which the jury "
    )
    caption += (
        f"should see again. All against the source, for the same images of each target. {directions(cells)} A copy "
    )
    caption += "that changes nothing has the best figures that there are: read them beside target accuracy."
    return make_table("chains", "Composition and reversibility", caption, cells)


def distribution_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """FID and KID between each target's results and real images, by the value asked for."""
    blocks, columns = {}, columns_of("distributions")
    for target, shown in layout.attributes.items():
        of_target = frame[(frame["target"] == target) & frame["metric"].isin([spec.name for spec, _ in columns])]
        blocks[f"Target: {shown}"] = [
            (
                target,
                Column(spec.heading() + ("" if d == ALL else f" to {d}"), spec.name, "image", d, f"{spec.name}_std"),
            )
            for spec, _ in columns
            for d in of_target["direction"].unique()
        ]
    cells = make_cells(frame, layout, blocks)
    caption = f"Distance of the results from real images that have the value asked for. {directions(cells)} KID ± "
    caption += (
        "deviation over its subsets. Both depend on the number of images; FID is biased upwards by few, and of 2,048 "
    )
    caption += "or fewer its covariances lack full rank: compare only figures made from equally many images."
    return make_table("distributions", "FID and KID", caption, cells)


def matrix_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy by target and measured attribute for each system: the target itself on the diagonal, the others off it.

    Real images are left out, because they have no target.
    """
    blocks = {
        target: [(target, Column(shown, "jury_accuracy", a)) for a, shown in layout.attributes.items()]
        for target in layout.attributes
    }
    cells = make_cells(frame[frame["target"] != ""], layout, blocks)
    order = {label: k for k, label in enumerate(cells["row"].unique())}
    cells = cells.assign(block=cells["row"], row="Target: " + cells["target"].map(layout.attributes))
    cells = cells.sort_values("block", key=lambda blocks: blocks.map(order), kind="stable", ignore_index=True)
    caption = "A row per target, a column per measured attribute: share of results (%) that the jury sees with the "
    caption += "value asked for (the target's own column) or with their own value kept (the others)."
    return make_table("matrix", "Target x measured attribute", caption, cells, ranked=False)


def subgroups_table(subgroups: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy by the sources' other attributes, and how far apart their values are.

    Args:
        subgroups: a row for each figure, as ``subgroups.by_subgroups`` gives them.
    """
    words = {True: "target accuracy", False: "the others kept"}
    shown = subgroups.assign(
        block=[
            f"Target: {layout.attributes.get(t, t)}, {words[t == m]}"
            for t, m in zip(subgroups["target"], subgroups["measured_on"], strict=True)
        ],
        column=[
            f"{layout.attributes.get(a, a)}: {v}"
            for a, v in zip(subgroups["attribute"], subgroups["values"], strict=True)
        ],
        spread=math.nan,
    )
    number, least = int(subgroups["p_adjusted"].notna().sum()), int(subgroups["least"].max())
    caption = "Accuracy by the jury (%), by the source images' values of each other attribute: of the target, and, as "
    caption += "a mean over all other attributes that the jury scores, of what was kept. Values with fewer than "
    caption += (
        f"{least} source images are left out. Gap: the largest accuracy of an attribute's values less the smallest. "
    )
    caption += "In brackets: 95 % "
    caption += "interval of what another jury and other test images (and, of several seeds, other trainings) would "
    caption += "give; of more than two values it holds for all their gaps at once. p of a gap of 0 and the interval "
    caption += f"beside it are adjusted alike, by Holm's procedure for the {number} gaps of systems in this table: the "
    caption += "interval is at the level at which the gap is tested (the CSV has the 95 % interval too). An oracle's "
    caption += "gaps are those of the judges, and are not tested. Values of an attribute differ in other attributes "
    caption += f"too: a gap does not say what it comes of. Of more than {FEW} systems the first {FEW} are shown."
    first = ["block", "row", "column"]
    cells = shown.drop(columns="least")
    return Table(SUBGROUPS, "Subgroups", caption, cells[first + [c for c in cells if c not in first]], ranked=False)


def comparisons_table(comparisons: pd.DataFrame, layout: Layout, tested_against: str = "") -> Table:
    """Paired tests between systems.

    Args:
        comparisons: one row per test, with target, measured_on, metric, first and second (labels of systems),
            difference (first less second), low and high (its 95 % interval), p, the same three adjusted for the number
            of tests (p_adjusted, low_adjusted, high_adjusted), num_images, unit.
        tested_against: a sentence that names the reference system; empty if all pairs are tested.
    """
    shown = comparisons.assign(
        block=[f"Target: {layout.attributes.get(t, t)}" for t in comparisons["target"]],
        row=comparisons["first"] + " vs " + comparisons["second"],
        column=[_heading(*key, layout) for key in zip(*(comparisons[c] for c in _MEASURED), strict=True)],
        origin=comparisons["difference"].notna().map({True: "measured", False: ""}),
        spread=math.nan,
        note="",
    ).rename(columns={"difference": "value"})
    order = {a: k for k, a in enumerate(layout.attributes)}
    shown = shown.sort_values("target", key=lambda targets: targets.map(order), kind="stable", ignore_index=True)
    caption = "Difference (first less second) over the same test images, in the units of the tables above (points of "
    number = int(comparisons["p_adjusted"].notna().sum())
    caption += (
        f"shares), with its interval and the p of a paired test, adjusted alike for the {number} tests by Holm's "
    )
    caption += (
        "procedure: the interval is at the level at which the difference is tested (the CSV has the 95 % interval "
    )
    caption += "and the p of each test alone, too). Of accuracy, both hold what another jury would say too."
    caption += f" {tested_against}" if tested_against else ""
    first = ["block", "row", "column"]
    return Table(COMPARISONS, "Comparisons", caption, shown[first + [c for c in shown if c not in first]], ranked=False)


_MEASURED = ["metric", "measured_on", "target"]


def _heading(metric: str, measured_on: str, target: str, layout: Layout) -> str:
    if metric in ("accuracy", "jury_accuracy"):
        return attribute_heading(target, measured_on, layout)
    own = layout.inception_name if metric == "inception_score" else spec_of(metric).heading(measured_on)
    return apart(own, layout.attributes.values())


def _by_target(frame: pd.DataFrame, layout: Layout, columns: Sequence[tuple[MetricSpec, Place]]) -> pd.DataFrame:
    asked = [Column(spec.heading(place.name), spec.name, place.name) for spec, place in columns]
    blocks = {f"Target: {shown}": [(a, column) for column in asked] for a, shown in layout.attributes.items()}
    return make_cells(frame, layout, blocks)
