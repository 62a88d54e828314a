"""Tables of a report: records in, cells out; then Markdown to read and CSV to compute with.

Every table is a ``Table`` whose cells are one row each of a long frame, in the records' own units and at full
precision. Only ``to_text`` scales and rounds. Rows that have no record in a block, and columns likewise, are left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from scipy.stats import t as student
from tabulate import tabulate

from sgbench.records import ALL

DAGGER = "†"
MISSING = "–"
NOT_SCORED = "not scored"


@dataclass(frozen=True)
class Layout:
    """What a report needs to know that records do not hold.

    Attributes:
        methods: method in the records -> name shown, controls among them; its order is the order of the rows.
        attributes: attribute in the records -> name shown; its order is the order of columns and targets.
        correlated: (target, measured_on) pairs with ``|phi| > correlated_above`` in the data set, marked with a dagger.
    """

    methods: Mapping[str, str]
    attributes: Mapping[str, str]
    correlated: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    correlated_above: float = 0.3


@dataclass(frozen=True)
class Column:
    """Which records of a block's target fill a column; ``spread`` is a second metric shown behind ``±``."""

    heading: str
    metric: str
    measured_on: str
    direction: str = ALL
    spread: str = ""


@dataclass(frozen=True)
class Table:
    """A table in long form.

    Attributes:
        name: stem of its files.
        title: a few words.
        caption: what the cells hold and what their intervals are over.
        cells: a row per cell: block (heading of a part of the table, or empty), row, column, target, method, variant,
            level, measured_on, direction, metric, definition, unit, origin, value, low, high, spread, num_images,
            num_seeds, note. A cell without a record has no origin.
    """

    name: str
    title: str
    caption: str
    cells: pd.DataFrame


def row_labels(frame: pd.DataFrame, layout: Layout) -> dict[tuple[str, str, str], str]:
    """(method, variant, level) -> name shown, in the order of ``layout.methods``, then from all labels to fewest.

    The level is shown where it is a number, or where a method has several. A method without a name keeps its own.
    """
    systems = list(frame[["method", "variant", "level"]].drop_duplicates().itertuples(index=False, name=None))
    order = [*layout.methods, *(m for m, _, _ in systems if m not in layout.methods)]
    systems.sort(key=lambda s: (order.index(s[0]), -float(s[2].replace(ALL, "") or "inf"), s[1]))
    levels = {m: {s[2] for s in systems if s[0] == m} for m in order}
    labels = {}
    for method, variant, level in systems:
        shown = level if level not in {"", ALL} or len(levels[method]) > 1 else ""
        inside = ", ".join(filter(None, (shown, variant)))
        labels[method, variant, level] = layout.methods.get(method, method) + (f" ({inside})" if inside else "")
    return labels


def score_table(frame: pd.DataFrame, layout: Layout, metric: str = "judge_score", name: str = "Judge Score") -> Table:
    """The paper's table 1: a score of the results of each target, mean ± deviation over the ten splits."""
    columns = {a: Column(shown, metric, "image", spread=f"{metric}_std") for a, shown in layout.attributes.items()}
    caption = f"{name} of the results for each target attribute, mean ± deviation over the splits."
    return _table("table1_" + metric, name, caption, _cells(frame, layout, {"": list(columns.items())}))


def accuracy_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """The paper's table 2: for each target, the accuracy of every attribute and the background, x100."""
    blocks = {}
    for target in layout.attributes:
        columns = []
        for a, shown in layout.attributes.items():
            mark = " (target)" if a == target else f" {DAGGER}" if (target, a) in layout.correlated else ""
            columns.append((target, Column(shown + mark, "accuracy", a)))
        columns.append((target, Column("Background", "background_ms_ssim", "background")))
        blocks[f"Target: {layout.attributes[target]}"] = columns
    caption = "Share of results (%) that the judge sees with the value asked for (target) or with their own value kept "
    caption += "(the others); background MS-SSIM x 100."
    cells = _cells(frame, layout, blocks)
    if cells["column"].str.endswith(DAGGER).any():
        caption += f" {DAGGER}: correlated with the target in this data set (|φ| > {layout.correlated_above:g}), so "
        caption += "that a part of the change is expected."
    return _table("table2_accuracy", "Accuracy and background", caption, cells)


def target_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """The paper's table 3: accuracy of the target attribute alone, a column per target."""
    columns = [(a, Column(shown, "accuracy", a)) for a, shown in layout.attributes.items()]
    caption = "Share of results (%) that the judge sees with the value asked for."
    return _table("table3_target_accuracy", "Target accuracy", caption, _cells(frame, layout, {"": columns}))


def direction_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Accuracy of the target by the value asked for."""
    blocks = {}
    for target, shown in layout.attributes.items():
        own = frame[(frame["target"] == target) & (frame["metric"] == "accuracy") & (frame["measured_on"] == target)]
        values = [d for d in own["direction"].unique() if d != ALL]
        blocks[f"Target: {shown}"] = [(target, Column(f"to {v}", "accuracy", target, v)) for v in values]
    caption = "Share of results (%) that the judge sees with the value asked for, by that value."
    return _table("directions", "Accuracy by direction", caption, _cells(frame, layout, blocks))


def beyond_table(frame: pd.DataFrame, layout: Layout) -> Table:
    """Errors that the paper does not report, for each target, in levels of 255; PSNR in dB."""
    columns = [
        Column("Counterfactual inside", "counterfactual_error", "inside"),
        Column("Counterfactual outside", "counterfactual_error", "outside"),
        Column("True background error", "true_background_error", "background"),
        Column("Corner error", "background_mae", "background"),
        Column("Corner PSNR (dB)", "background_psnr", "background"),
        Column("Change", "change", "image"),
    ]
    blocks = {f"Target: {shown}": [(a, c) for c in columns] for a, shown in layout.attributes.items()}
    caption = "Mean absolute distances in levels of 255, lower is better. Counterfactual: to the same face with only "
    caption += "the target changed, inside and outside the region that this touches. Corner: the region of background "
    caption += "MS-SSIM; of its PSNR, higher is better. Change: the distance from the source, neither good nor bad."
    return _table("beyond", "Beyond the paper", caption, _cells(frame, layout, blocks))


def to_text(table: Table) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The cells as text, and why cells are not scored.

    Returns:
        block heading -> frame of strings (first column the row labels), and the reasons, numbered from 1 in the cells.
    """
    reasons: list[str] = []
    blocks = {}
    for block, cells in table.cells.groupby("block", sort=False):
        texts = cells.assign(text=[_cell_text(c, reasons) for c in cells.to_dict("records")])
        columns, rows = cells["column"].unique(), cells["row"].unique()
        wide = texts.pivot(index="row", columns="column", values="text").reindex(index=rows, columns=columns)
        blocks[str(block)] = wide.rename_axis(index="", columns=None).reset_index()
    return blocks, reasons


def to_markdown(table: Table) -> str:
    """The table as GitHub Markdown, with its caption and footnotes but no title."""
    blocks, reasons = to_text(table)
    parts = [table.caption] if blocks else [f"{table.caption} None of it was measured."]
    for block, frame in blocks.items():
        parts += [f"**{block}**"] * bool(block) + [markdown(frame)]
    parts += ["\n".join(f"<sup>{k}</sup> {one_line(reason)}  " for k, reason in enumerate(reasons, 1))] * bool(reasons)
    return "\n\n".join(parts) + "\n"


def to_csv(table: Table) -> str:
    """The cells as CSV in the records' units with 17 digits, so that reading gives back the same numbers."""
    return table.cells.to_csv(index=False, float_format="%.17g", lineterminator="\n")


def markdown(frame: pd.DataFrame, align: str = "right") -> str:
    """A frame as a GitHub table; the first column to the left, the others as told, numbers as they are written."""
    texts = frame.astype(str).map(one_line)
    sides = ("left", *[align] * (len(frame.columns) - 1))
    return tabulate(texts.to_numpy().tolist(), list(frame.columns), "pipe", disable_numparse=True, colalign=sides)


def one_line(text: object) -> str:
    """Text that may stand in a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def number_text(cell: Mapping) -> str:
    """``value±spread [low, high]`` of a cell or a record that was scored, scaled and rounded for reading."""
    scale, digits = _scale_and_digits(cell["metric"], cell["unit"], cell["origin"])
    value, spread, low, high = (scale * cell.get(k, math.nan) for k in ("value", "spread", "low", "high"))
    text = f"{value:.{digits}f}"
    if not math.isnan(spread):
        text += f"±{spread:.{digits + 1}f}"
    return text if math.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def _table(name: str, title: str, caption: str, cells: pd.DataFrame) -> Table:
    seeds = set(cells.loc[cells["value"].notna() & (cells["origin"] != "control"), "num_seeds"])
    counts = " or ".join(str(n) for n in sorted(seeds - {1}))
    if cells["low"].isna().all():
        intervals = "" if cells.empty else "Without intervals."
    elif not counts:
        intervals = "In brackets: 95 % interval over test images (one seed, so image noise only)."
    else:
        intervals = f"Mean over {counts} seeds; in brackets: 95 % t interval over seeds, cut where the measure ends"
        intervals += " (rows with one seed and controls: over test images)."
    return Table(name, title, f"{caption} {intervals}".strip(), cells)


_SYSTEM = ["method", "variant", "level"]
_WHERE = ["target", *_SYSTEM, "measured_on", "direction", "metric", "definition", "unit", "origin"]
_NUMBERS = ["value", "low", "high", "spread", "num_images", "num_seeds", "note"]


def _cells(frame: pd.DataFrame, layout: Layout, blocks: Mapping[str, Sequence[tuple[str, Column]]]) -> pd.DataFrame:
    wanted = frame[frame["metric"].isin({m for cs in blocks.values() for _, c in cs for m in (c.metric, c.spread)})]
    systems = dict(iter(wanted.groupby(_SYSTEM, sort=False)))
    labels = {key: label for key, label in row_labels(frame, layout).items() if key in systems}
    cells = []
    for block, asked in blocks.items():
        columns = [(target, column) for target, column in asked if (wanted["target"] == target).any()]
        found = {(k, i): _cell(systems[k], *column) for k in labels for i, column in enumerate(columns)}
        rows = [k for k in labels if any(found[k, i] for i in range(len(columns)))]
        kept = [i for i in range(len(columns)) if any(found[k, i] for k in rows)]
        for k in rows:
            for i in kept:
                (target, column), system = columns[i], dict(zip(_SYSTEM, k, strict=True))
                empty = {"target": target, **system, "metric": column.metric, "measured_on": column.measured_on}
                empty |= {"direction": column.direction, "num_images": 0, "num_seeds": 0}
                cells.append({"block": block, "row": labels[k], "column": column.heading} | empty | found[k, i])
    cells = pd.DataFrame(cells, columns=["block", "row", "column", *_WHERE, *_NUMBERS])
    return cells.fillna({"definition": "", "unit": "", "origin": "", "note": ""})


def _cell(rows: pd.DataFrame, target: str, column: Column) -> dict:
    chosen = _select(rows, target, column, column.metric)
    if chosen.empty:
        return {}
    spread = _select(rows, target, column, column.spread)["value"].mean()
    return {k: chosen[k].iloc[0] for k in _WHERE} | {"target": target, "spread": spread} | _over_seeds(chosen)


def _select(rows: pd.DataFrame, target: str, column: Column, metric: str) -> pd.DataFrame:
    """Records of a cell; those without a target (real images) hold for every target that has none of its own."""
    rows = rows[(rows["metric"] == metric) & (rows["measured_on"] == column.measured_on)]
    rows = rows[rows["direction"] == column.direction]
    own = rows[rows["target"] == target]
    return own if len(own) else rows[rows["target"] == ""]


def _over_seeds(rows: pd.DataFrame) -> dict:
    """The records of one number, one a seed: as given for one seed, else the mean and a t interval over seeds."""
    if rows["origin"].iloc[0] == "control":
        rows = rows.drop_duplicates(["value", "low", "high"])  # a control that no seed touches is one number
    if rows["seed"].duplicated().any():
        row = rows.iloc[0]
        raise ValueError(
            f"several records for {row['method']} at level '{row['level']}', seed {row['seed']}, target "
            f"'{row['target']}', {row['metric']} on {row['measured_on']}: report one data set and definition at a time"
        )
    scored = rows[rows["value"].notna()]
    note = "; ".join(n.removeprefix(f"{NOT_SCORED}:").strip() for n in rows["note"].unique() if n)
    if note and len(scored):
        note = f"{len(rows) - len(scored)} of {len(rows)} seeds {NOT_SCORED}: {note}"
    cell = {"num_images": int(rows["num_images"].sum()), "num_seeds": len(scored), "note": note}
    if len(scored) < 2:
        one = (scored if len(scored) else rows).iloc[0]
        return cell | {k: float(one[k]) for k in ("value", "low", "high")}
    mean, half = scored["value"].mean(), student.ppf(0.975, len(scored) - 1) * scored["value"].sem()
    floor, ceiling = _bounds(rows["metric"].iloc[0], rows["unit"].iloc[0])
    return cell | {"value": mean, "low": max(floor, mean - half), "high": min(ceiling, mean + half)}


def _bounds(metric: str, unit: str) -> tuple[float, float]:
    share = unit == "share" or (metric.startswith("background_ms_ssim") and unit == "score")
    return -math.inf if unit == "dB" else 0.0, 1.0 if share else math.inf


def _cell_text(cell: Mapping, reasons: list[str]) -> str:
    if not cell["origin"]:
        return MISSING
    mark = ""
    if cell["note"]:
        if cell["note"] not in reasons:
            reasons.append(cell["note"])
        mark = f" <sup>{reasons.index(cell['note']) + 1}</sup>"
    return (NOT_SCORED if math.isnan(cell["value"]) else number_text(cell)) + mark


def _scale_and_digits(metric: str, unit: str, origin: str) -> tuple[int, int]:
    """Factor and decimals with which a number is shown; published numbers keep the decimals of the paper."""
    if metric.startswith("background_ms_ssim") and unit == "score":
        return 100, 0 if origin == "published" else 1
    if unit == "share":
        return 100, 2 if origin == "published" else 1
    return 1, {"dB": 1, "count": 0}.get(unit, 2)
