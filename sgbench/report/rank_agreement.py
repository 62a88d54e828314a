"""How far measured figures put systems in the order of the published ones: Kendall's tau, with an interval."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from sgbench.report.layout import SYSTEM, Column, Table
from sgbench.report.published import PUBLISHED
from sgbench.report.side_by_side import MEASURED
from sgbench.report.table_cells import PARTS, framed, placed
from sgbench.results.records import ALL, REAL
from sgbench.statistics.ranks import Figures, Ranked, kendalls_tau, tau_interval

_CAPTION = (
    "Kendall's tau-b between the published and the measured order of the systems: 1 for the same order, -1 for the "
    "reverse, 0 for no relation. Of all columns together: over the pairs of systems within each column. In brackets: "
    "95 % interval of what the uncertainty of the measured figures allows (over seeds where there are several, else "
    "over test images); published figures have none and are taken as they are. Real images are no system. Accuracies "
    "are by the ResNet-18 of the paper's protocol."
)
_TAU = Column("Kendall's tau", "kendalls_tau", "order")
_TOO_FEW = "fewer than two systems of the paper have a figure here"


def rank_agreement_table(tables: Sequence[Table]) -> Table:
    """Agreement in each column of ``side_by_side_tables``, and in all columns of each table together."""
    cells: list[dict] = []
    for table in tables:
        columns = _columns(table.cells)
        block = table.title.partition(":")[0]
        for heading, column in columns.items():
            cells.append(_cell(block, heading, [column]))
        pairs = sum(column.num_pairs for column in columns.values())
        cells.append(_cell(block, f"All columns ({pairs} pairs)", list(columns.values()), _reason(table.cells)))
    return Table("rank_agreement", "Rank agreement with the paper", _CAPTION, framed(cells), ranked=False)


def _columns(cells: pd.DataFrame) -> dict[str, Ranked]:
    """Heading -> the figures of the systems that have both; columns with fewer than two of them are left out."""
    columns = {}
    systems = cells[cells["method"] != REAL]
    for (block, _, _), of_column in systems.groupby(["block", "target", "measured_on"], sort=False):
        sides = {side: of_column[of_column["column"].str.endswith(f", {side}")] for side in (PUBLISHED, MEASURED)}
        known = dict(zip(sides[PUBLISHED]["row"], sides[PUBLISHED]["value"], strict=True))
        both = [c for c in sides[MEASURED].to_dict("records") if not math.isnan(c["value"] + known[c["row"]])]
        if len(both) > 1:
            heading = of_column["column"].iloc[0].removesuffix(f", {PUBLISHED}").removesuffix(" (target)")
            about = f"{block.replace('Target', 'target')}; {len(both)} systems" if block else f"{len(both)} systems"
            columns[f"{heading} ({about})"] = Ranked(Figures([known[cell["row"]] for cell in both]), uncertain(both))
    return columns


def uncertain(cells: Sequence[Mapping]) -> Figures:
    """The figures of cells, as uncertain as their intervals say."""
    errors = [_error(cell) for cell in cells]
    return Figures([c["value"] for c in cells], [deviation for deviation, _ in errors], [f for _, f in errors])


def _error(cell: Mapping) -> tuple[float, float]:
    """Standard deviation of a measured figure and its degrees of freedom, as its interval has them."""
    half = max(cell["high"] - cell["value"], cell["value"] - cell["low"])
    if math.isnan(half):
        return 0.0, math.inf
    if cell["num_seeds"] < 2:
        return half / norm.ppf(0.975), math.inf
    variance = sum(cell.get(part, math.nan) for part in PARTS)
    if variance > 0:  # by the jury: its interval has the degrees of freedom of the sum of its parts
        deviation = math.sqrt(variance)
        return deviation, _freedom(half / deviation)
    freedom = cell["num_seeds"] - 1
    return half / student.ppf(0.975, freedom), freedom


def _freedom(quantile: float) -> float:
    """Degrees of freedom at which Student's t has this 97.5 % quantile; infinite if the normal one is no smaller."""
    few, many = 0.5, 1e6
    if quantile <= student.ppf(0.975, many):
        return math.inf
    if quantile >= student.ppf(0.975, few):
        return few
    return brentq(lambda freedom: student.ppf(0.975, freedom) - quantile, few, many)


def _reason(cells: pd.DataFrame) -> str:
    """Why nothing can be compared: that figures are not scored, or too few."""
    reasons = cells.loc[cells["column"].str.endswith(f", {MEASURED}") & cells["value"].isna(), "note"]
    return "; ".join(dict.fromkeys(filter(None, reasons))) or _TOO_FEW


def _cell(block: str, row: str, columns: Sequence[Ranked], reason: str = "") -> dict:
    tau = kendalls_tau(columns) if columns else math.nan
    low, high = (math.nan, math.nan) if math.isnan(tau) else tau_interval(columns)
    found = {"direction": ALL, "definition": "tau-b", "unit": "score", "origin": MEASURED, "value": tau, "low": low}
    found |= {"high": high, "spread": math.nan, "note": "" if columns else reason}
    return placed(block, row, ("",) * len(SYSTEM), "", _TAU, found)
