"""Cells as they are shown: scaled and rounded, with the best of each column marked and reasons numbered."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.layout import MISSING, NOT_SCORED, Table
from sgbench.report.published import PUBLISHED


@dataclass(frozen=True)
class Shown:
    """A cell as it is shown, in parts to which Markdown or LaTeX adds its marks.

    Attributes:
        value: the number, or a word in its place.
        spread: the number behind ``±``, or empty.
        interval: ``[low, high]``, or empty; beside a p it is adjusted as that is.
        p: ``p = 0.012``, adjusted for the number of tests, or empty.
        best: whether it is the best of its column.
        reason: number of the reason why it is not scored, covers only some requests or is of results that are alike; 0
            for none.
    """

    value: str = MISSING
    spread: str = ""
    interval: str = ""
    p: str = ""
    best: bool = False
    reason: int = 0

    @property
    def plain(self) -> str:
        """The cell without marks."""
        number = f"{self.value}±{self.spread}" if self.spread else self.value
        return ", ".join(filter(None, (" ".join(filter(None, (number, self.interval))), self.p)))


Told = tuple[dict[str, pd.DataFrame], list[str]]
"""What ``shown`` gives."""


def shown(table: Table) -> Told:
    """The cells as they are shown, and the reasons why some are not scored.

    Returns:
        block heading -> frame of ``Shown`` (index: labels of rows; columns: headings), and the reasons, numbered from 1
        in the cells.
    """
    cells = table.cells.assign(best=_best(table.cells, table.ties) if table.ranked else False)
    reasons = {note: k for k, note in enumerate(dict.fromkeys(note for note in cells["note"] if note), 1)}
    blocks = {}
    for block, of_block in cells.groupby("block", sort=False):
        texts = of_block.assign(shown=[_shown(cell, reasons) for cell in of_block.to_dict("records")])
        wide = texts.pivot(index="row", columns="column", values="shown")
        wide = wide.reindex(index=texts["row"].unique(), columns=texts["column"].unique())
        blocks[str(block)] = wide.map(lambda cell: cell if isinstance(cell, Shown) else Shown())
    return blocks, list(reasons)


def number_text(cell: Mapping) -> str:
    """``value±spread [low, high]`` of a cell or a record that was scored, scaled and rounded for reading."""
    return _number(cell).plain


def scaled_text(metric: str, value: float) -> str:
    """A value of a metric, scaled and rounded for reading."""
    spec = spec_of(metric)
    return f"{spec.scale * value:.{spec.decimals}f}"


def readable(value: object) -> str:
    """A value of a ready-made frame: with commas between thousands, with four significant digits, or as it is."""
    if isinstance(value, bool | str):
        return str(value)
    if pd.isna(value):
        return MISSING
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _shown(cell: Mapping, reasons: Mapping[str, int]) -> Shown:
    if not cell["origin"]:
        return Shown()
    reason = reasons.get(cell["note"], 0)
    if math.isnan(cell["value"]):
        return Shown(NOT_SCORED, reason=reason)
    return _number(cell, cell["best"], reason)


def _number(cell: Mapping, best: bool = False, reason: int = 0) -> Shown:
    scale, decimals = _scale_and_decimals(cell["metric"], cell["origin"])
    p = cell.get("p_adjusted", math.nan)
    ends = ("low", "high") if math.isnan(p) else ("low_adjusted", "high_adjusted")  # both after the correction
    value, spread, low, high = (scale * cell.get(k, math.nan) for k in ("value", "spread", *ends))
    return Shown(
        value=f"{value:.{decimals}f}" if math.isnan(p) else f"{value:+.{decimals}f}",
        spread="" if math.isnan(spread) else f"{spread:.{decimals + 1}f}",
        interval="" if math.isnan(low) else f"[{low:.{decimals}f}, {high:.{decimals}f}]",
        p="" if math.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}",
        best=best,
        reason=reason,
    )


def _best(cells: pd.DataFrame, ties: bool) -> pd.Series:
    """Whether a cell is the best of its column as shown, among at least two measured cells without a note.

    Args:
        ties: whether those count as well whose interval meets the best one's.
    """
    best = pd.Series(False, index=cells.index)
    competing = cells[(cells["origin"] == "measured") & cells["value"].notna() & (cells["note"] == "")]
    for (_, _, metric), rivals in competing.groupby(["block", "column", "metric"], sort=False):
        direction = spec_of(metric).direction
        if len(rivals) > 1 and direction:
            numbers = pd.Series([float(_number(c).value) for c in rivals.to_dict("records")], rivals.index)
            best[rivals.index] = numbers == (numbers.max() if direction == "higher" else numbers.min())
            if ties:
                winners = rivals[best[rivals.index]]
                meets = (rivals["high"] >= winners["low"].min()) & (rivals["low"] <= winners["high"].max())
                best[rivals.index] |= meets
    return best


def _scale_and_decimals(metric: str, origin: str) -> tuple[int, int]:
    """The factor and decimals of a shown number; published numbers keep the decimals of the paper."""
    spec = spec_of(metric)
    as_published = origin == PUBLISHED and spec.published_decimals is not None
    return spec.scale, spec.published_decimals if as_published else spec.decimals
