"""The paper's tables with published and measured figures side by side, a row for each of the paper's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from sgbench.report.layout import Column, Key, Layout, Table
from sgbench.report.published import PUBLISHED
from sgbench.report.table_cells import Places, by_place, cell_of, framed, make_table, marked, placed, remarks_of
from sgbench.results.published import ATTRIBUTES, TABLES, method_names, published
from sgbench.results.records import to_frame

MEASURED = "measured"
_TITLES = {1: "Inception Score", 2: "Accuracy and background, ResNet-18", 3: "Residual and refined residual, ResNet-18"}
_CAPTIONS = {
    1: "Inception Score of the results for each target attribute, mean ± deviation over the splits",
    2: "Share of results (%) that a ResNet-18 sees with the value asked for (target) or with their own value kept (the "
    "others); background MS-SSIM x 100",
    3: "Share of results (%) that a ResNet-18 sees with the value asked for",
}
_PAPERS_DATA, _PAPERS_SIZE = "celeba", 128
_REFINED = "refined"
"""The variant that starts as the other residuals do; the method itself where a config has none."""
_OTHER_WEIGHTS = "scored by weights that are not the published ones, so not comparable"


def side_by_side_tables(frame: pd.DataFrame, layout: Layout) -> list[Table]:
    """Those of the paper's tables that are among the items of a report.

    Args:
        frame: measured records, of any data set.
    """
    return [_table(number, frame, layout) for number in TABLES if f"table{number}" in layout.items]


def _table(number: int, frame: pd.DataFrame, layout: Layout) -> Table:
    paper = to_frame(published(number))
    places = {PUBLISHED: by_place(paper), MEASURED: by_place(frame)}
    keys = {place[:3]: None for place in places[PUBLISHED]}
    remarks = remarks_of(frame)
    cells = []
    for block, columns in _blocks(number, layout).items():
        for key in keys:
            own = _own(key, number, places[MEASURED], layout)
            row = _label(key, own, layout)
            for target, column in columns:
                theirs = cell_of(places[PUBLISHED], key, target, column)
                ours = marked(cell_of(places[MEASURED], own, target, column), remarks.get((*own, target), []))
                for side, of, found in ((PUBLISHED, key, theirs), (MEASURED, own, _comparable(ours, column, layout))):
                    headed = replace(column, heading=f"{column.heading}, {side}")
                    cells.append(placed(block, row, of, target, headed, found))
    name, caption = f"side_by_side_table{number}", f"{_CAPTIONS[number]}: as published, and as measured here"
    stand_ins = layout.stand_ins(layout.level_here(level) for _, _, level in keys)
    closing = " ".join(filter(None, (stand_ins, _data(frame, layout))))
    title = f"Table {number} of the paper: {_TITLES[number]}, published and measured"
    return make_table(name, title, f"{caption}.", framed(cells), closing)


def _blocks(number: int, layout: Layout) -> Mapping[str, Sequence[tuple[str, Column]]]:
    """Heading of a block -> its columns, each with its target, as the paper has them."""
    shown = {a: layout.attributes.get(a, a) for a in ATTRIBUTES}
    if number == 1:
        score = "inception_score"
        return {"": [(a, Column(shown[a], score, "image", spread=f"{score}_std")) for a in ATTRIBUTES]}
    if number == 3:
        return {"": [(a, Column(shown[a], "accuracy", a)) for a in ATTRIBUTES[:3]]}
    blocks = {}
    for target in ("gender", "hair_color"):
        columns = [Column(shown[a] + " (target)" * (a == target), "accuracy", a) for a in ATTRIBUTES[:3]]
        columns.append(Column("Background", "background_ms_ssim", "background"))
        blocks[f"Target: {shown[target]}"] = [(target, column) for column in columns]
    return blocks


def _own(key: Key, number: int, places: Places, layout: Layout) -> Key:
    """The system here that stands for one of the paper."""
    method, variant, level = key
    here = layout.level_here(level)
    refined = (method, _REFINED, here)
    return refined if number == 3 and not variant and any(p[:3] == refined for p in places) else (method, variant, here)


def _label(key: Key, own: Key, layout: Layout) -> str:
    """The paper's row: method, level and, where it is another one, the level here."""
    method, variant, level = key
    here = f"{level}; here {own[2]}" if own[2] != level else level
    inside = ", ".join(filter(None, (here, variant)))
    name = layout.methods.get(method) or method_names()[method]
    return name + (f" ({inside})" if inside else "")


def _comparable(found: dict, column: Column, layout: Layout) -> dict:
    """A measured cell, without its figure if that is of another score than the published one."""
    other = column.metric == "inception_score" and layout.inception_name != Layout.inception_name
    if not other or not found or math.isnan(found["value"]):
        return found
    return found | dict.fromkeys(("value", "low", "high", "spread"), math.nan) | {"note": _OTHER_WEIGHTS}


def _data(frame: pd.DataFrame, layout: Layout) -> str:
    """Whether both sides are of the same data."""
    papers = f"CelebA at {_PAPERS_SIZE}x{_PAPERS_SIZE}, with the paper's own judge"
    names = " and ".join(sorted(set(frame["dataset"])))
    sizes = " or ".join(f"{size}x{size}" for size in sorted(set(frame["image_size"])))
    if set(frame["dataset"]) == {_PAPERS_DATA} and set(frame["image_size"]) == {_PAPERS_SIZE}:
        return f"Published: {papers} and without intervals. {layout.comparability}".strip()
    return (
        f"The two columns are of different data: published on {papers} and without intervals; measured on {names} at "
        f"{sizes}. Their order can be compared, their figures cannot."
    )
