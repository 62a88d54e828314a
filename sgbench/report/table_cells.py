"""Makes the cells of tables from records: chooses each cell's records, combines seeds, adds the paper's rows.

Rows and columns of a block without any record are left out. Nothing is scaled or rounded here.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.layout import NOT_SCORED, SYSTEM, Column, Key, Layout, Table, row_labels
from sgbench.report.published import PUBLISHED
from sgbench.statistics.crossed import CrossedMean, over_seeds

Blocks = Mapping[str, Sequence[tuple[str, Column]]]
"""Heading of a block -> its columns, each with the target of its records."""
Places = dict[tuple[str, ...], list[dict]]
"""(method, variant, level, metric, measured_on, direction, target) -> records, one per seed."""

_WHERE = ["target", *SYSTEM, "measured_on", "direction", "metric", "definition", "unit", "origin"]
_SEEDS = "variance_seeds"
PARTS = {"variance_images": "images", "variance_judges": "judges", _SEEDS: "seeds"}
"""Columns of a cell that have the parts of its variance, and what each comes of."""
_NUMBERS = ["value", "low", "high", "spread", "num_images", "num_seeds", "note", *PARTS]
_PLACE = [*SYSTEM, "metric", "measured_on", "direction", "target"]


def make_cells(
    frame: pd.DataFrame, layout: Layout, blocks: Blocks, paper: Mapping[Key, pd.DataFrame] | None = None
) -> pd.DataFrame:
    """The cells of a table (``Table.cells``).

    Args:
        frame: records of one data set, image size and definition per metric.
        paper: row -> the published records shown below it; they fill only rows and columns that have a measured cell.

    Raises:
        ValueError: two records belong to the same cell.
    """
    wanted = frame[frame["metric"].isin({m for cs in blocks.values() for _, c in cs for m in (c.metric, c.spread)})]
    measured, targets = by_place(wanted), set(wanted["target"])
    systems = {place[: len(SYSTEM)] for place in measured}
    labels = {key: label for key, label in row_labels(frame, layout).items() if key in systems}
    paper = paper or {}
    published = by_place(pd.concat(paper.values())) if paper else {}
    remarks = remarks_of(frame)
    cells = []
    for block, asked in blocks.items():
        columns = [(target, column) for target, column in asked if target in targets]
        cells_of = {k: [cell_of(measured, k, *column) for column in columns] for k in labels}
        kept = [i for i in range(len(columns)) if any(row[i] for row in cells_of.values())]
        for k, label in labels.items():
            rows = {label: [marked(cells_of[k][i], remarks.get((*k, columns[i][0]), [])) for i in kept]}
            if k in paper and any(cells_of[k]):
                rows[f"{label}, {PUBLISHED}"] = [cell_of(published, k, *columns[i]) for i in kept]
            for row, filled in rows.items():
                of_row = zip(kept, filled, strict=True) if any(filled) else ()
                cells += [placed(block, row, k, *columns[i], cell) for i, cell in of_row]
    return framed(cells)


def framed(cells: Sequence[dict]) -> pd.DataFrame:
    """Cells that ``placed`` gives as ``Table.cells``."""
    table = pd.DataFrame(cells, columns=["block", "row", "column", *_WHERE, *_NUMBERS])
    return table.fillna({"definition": "", "unit": "", "origin": "", "note": ""})


def make_table(
    name: str, title: str, caption: str, cells: pd.DataFrame, closing: str = "", ranked: bool = True, ties: bool = False
) -> Table:
    """A table whose caption also says what its intervals are taken over, and then ``closing``."""
    by_jury = cells["variance_judges"].notna()
    parts = [_over_judges(cells[by_jury])] if by_jury.any() else []
    others = cells[~by_jury & (cells["metric"] != "jury_accuracy")]
    if not others["low"].isna().all():
        parts.append(_over_images(others, "the other columns" if parts else ""))
    intervals = " ".join(parts) if parts or cells.empty else "Without intervals."
    return Table(name, title, " ".join(filter(None, (caption, intervals, closing))), cells, ranked, ties)


def _seeds(cells: pd.DataFrame) -> str:
    """Over how many seeds the systems' figures are taken, empty for one."""
    seeds = set(cells.loc[cells["value"].notna() & (cells["origin"] == "measured"), "num_seeds"])
    return " or ".join(str(n) for n in sorted(seeds - {1}))


def _over_images(cells: pd.DataFrame, where: str) -> str:
    """What an interval without judges is taken over."""
    of = f" of {where}" if where else ""
    if counts := _seeds(cells):
        start = f"Mean over {counts} seeds; in brackets" if not where else f"In brackets of {where}"
        text = f"{start}: 95 % t interval over seeds, cut where the measure ends"
        return f"{text} (rows with one seed and controls: over test images)."
    return f"In brackets{of}: 95 % interval over test images (one seed, so image noise only)."


def _over_judges(cells: pd.DataFrame) -> str:
    """What an interval over images and judges holds, and how the parts share its variance."""
    counts = _seeds(cells)
    parts = cells.loc[cells["origin"] == "measured", [part for part in PARTS if counts or part != _SEEDS]].dropna()
    parts = parts[parts.sum(axis=1) > 0]
    shares = 100 * parts.div(parts.sum(axis=1), axis=0).mean()
    told = " + ".join(f"{PARTS[part]} {share:.0f} %" for part, share in shares.items())
    shared = f"; its variance is, on average over the cells, {told}" if len(parts) else ""
    if counts:
        start = f"Mean over {counts} seeds; in brackets: 95 % interval of what other training seeds, another jury and "
        return f"{start}other test images would give (rows with one seed and controls: without other seeds){shared}."
    start = "In brackets: 95 % interval of what another jury and other test images would give"
    return f"{start} (one seed: nothing is known of another training){shared}."


def remarks_of(frame: pd.DataFrame) -> dict[tuple[str, ...], list[str]]:
    """Method, variant, level and target -> what must be known of its results: that some are missing, or all alike."""
    given = frame[(frame["metric"] == "left_out") & ((frame["value"] > 0) | (frame["note"] != ""))]
    remarks = {}
    for key, records in given.groupby([*SYSTEM, "target"]):
        number = int(records["value"].sum())
        missing = f"without {number:,} of the translations asked for, which were not given"
        remarks[key] = [*([missing] if number else []), *filter(None, dict.fromkeys(records["note"]))]
    return remarks


def marked(cell: dict, remarks: Sequence[str]) -> dict:
    """Add what must be known of the results to the note of a cell that has a figure."""
    if not cell or math.isnan(cell["value"]):
        return cell
    return cell | {"note": "; ".join(filter(None, (cell["note"], *remarks)))}


def placed(block: str, row: str, key: Key, target: str, column: Column, found: dict) -> dict:
    """A cell with its place in a table; it is empty if nothing was found for it."""
    empty = {"target": target, **dict(zip(SYSTEM, key, strict=True)), "metric": column.metric}
    empty |= {"measured_on": column.measured_on, "direction": column.direction, "num_images": 0, "num_seeds": 0}
    return {"block": block, "row": row, "column": column.heading} | empty | found


def by_place(frame: pd.DataFrame) -> Places:
    """Records by what they are of."""
    places: Places = {}
    for record in frame.to_dict("records"):
        places.setdefault(tuple(record[c] for c in _PLACE), []).append(record)
    return places


def cell_of(places: Places, key: Key, target: str, column: Column) -> dict:
    """The cell of a system in a column; empty if it has no records for it."""
    chosen = _chosen(places, key, target, column, column.metric)
    if not chosen:
        return {}
    spreads = [r["value"] for r in _chosen(places, key, target, column, column.spread) if not math.isnan(r["value"])]
    spread = float(np.mean(spreads)) if spreads else math.nan
    return {k: chosen[0][k] for k in _WHERE} | {"target": target, "spread": spread} | _over_seeds(chosen)


def _chosen(places: Places, key: Key, target: str, column: Column, metric: str) -> list[dict]:
    """Records of a cell; records without a target (real images) are used for every target that has no records."""
    place = (metric, column.measured_on, column.direction)
    return places.get((*key, *place, target)) or places.get((*key, *place, ""), [])


def _over_seeds(rows: list[dict]) -> dict:
    """Combine the records of one number: unchanged for one seed, otherwise the mean and a t interval over seeds."""
    first = rows[0]
    if first["origin"] == "control":  # equal records of a control count once
        rows = list({tuple(repr(r[k]) for k in ("value", "low", "high")): r for r in rows}.values())
    if len({r["seed"] for r in rows}) < len(rows):
        raise ValueError(
            f"several records for {first['method']} at level '{first['level']}', seed {first['seed']}, target "
            f"'{first['target']}', {first['metric']} on {first['measured_on']}: report one data set and definition at "
            "a time"
        )
    scored = [r for r in rows if not math.isnan(r["value"])]
    reasons = dict.fromkeys(r["note"].removeprefix(f"{NOT_SCORED}:").strip() for r in rows if r["note"])
    note = "; ".join(reasons)
    if note and scored:
        note = f"{len(rows) - len(scored)} of {len(rows)} seeds {NOT_SCORED}: {note}"
    cell = {"num_images": sum(r["num_images"] for r in rows), "num_seeds": len(scored), "note": note}
    if len(scored) < 2:
        one = scored[0] if scored else first
        return cell | {k: float(one[k]) for k in ("value", "low", "high", "variance_images", "variance_judges")}
    mean = over_seeds([_crossed(r) for r in scored])
    low, high = mean.interval() if mean.variance else (min(r["low"] for r in scored), max(r["high"] for r in scored))
    floor, ceiling = spec_of(first["metric"]).bounds
    parts = {"variance_images": mean.images, "variance_judges": mean.judges, _SEEDS: mean.seeds}
    if all(math.isnan(r["variance_judges"]) for r in scored):
        parts = {}
    return cell | {"value": mean.mean, "low": max(floor, low), "high": min(ceiling, high)} | parts


def _crossed(record: dict) -> CrossedMean:
    """A record's value with the parts of its variance, none where it was not taken apart."""
    if math.isnan(record["variance_judges"]):
        return CrossedMean(record["value"], 0.0, 0.0, math.inf)
    return CrossedMean(record["value"], record["variance_images"], record["variance_judges"], record["freedom"])
