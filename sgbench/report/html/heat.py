"""The matrix of targets and measured attributes as coloured cells."""

import math
from dataclasses import dataclass

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.layout import MISSING, Layout
from sgbench.report.members import FEW
from sgbench.report.text import scaled_text


@dataclass(frozen=True)
class HeatCell:
    """A cell of a matrix: its text, its share in per cent (None without a figure), whether it is of the target."""

    text: str
    share: float | None
    is_target: bool
    told: str


@dataclass(frozen=True)
class HeatMap:
    """The matrix of a system: a row for each target, a cell for each measured attribute."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell, ...]], ...]


def heat_maps(cells: pd.DataFrame, layout: Layout) -> list[HeatMap]:
    """The matrix of each system and control, of many the first.

    Args:
        cells: of ``matrix_table``.
    """
    scale = spec_of("jury_accuracy").scale
    measured = [a for a in layout.attributes if (cells["measured_on"] == a).any()]
    maps = []
    for name in list(dict.fromkeys(cells["block"]))[: FEW + 2]:
        own = cells[cells["block"] == name]
        found = {(c["target"], c["measured_on"]): c for c in own.to_dict("records")}
        rows = []
        for target in [a for a in layout.attributes if (own["target"] == a).any()]:
            row = []
            for a in measured:
                cell = found.get((target, a))
                value = math.nan if cell is None else cell["value"]
                scored = not math.isnan(value)
                text = scaled_text("jury_accuracy", value) if scored else "n/s" if cell and cell["origin"] else MISSING
                what = "with the value asked for" if a == target else "kept"
                told = f"{layout.attributes[a]} {what}" + (
                    f": {text} %" if scored else f", not scored: {cell['note']}" if cell and cell["note"] else ""
                )
                row.append(HeatCell(text, round(scale * value, 1) if scored else None, a == target, told))
            rows.append((layout.attributes[target], tuple(row)))
        maps.append(HeatMap(str(name), tuple(layout.attributes[a] for a in measured), tuple(rows)))
    return maps
