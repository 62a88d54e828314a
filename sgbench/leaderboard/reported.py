"""Figures that papers report of themselves, as texts: kept apart from everything that was measured here."""

from collections.abc import Iterator

import pandas as pd

from sgbench.report.layout import MISSING, SYSTEM
from sgbench.report.text import number_text
from sgbench.results.published import ATTRIBUTES, method_names, published, reported_elsewhere
from sgbench.results.records import REAL, Record

_SOURCE = "Zhang et al., ACM MM 2018, table {}: CelebA at 128x128, by the paper's own judge."
_TABLES = {2: "Accuracy and background", 3: "Target accuracy of residuals and refined residuals"}


def reported_tables() -> list[tuple[str, str, pd.DataFrame]]:
    """Title, source and texts of each table."""
    tables = [(title, _SOURCE.format(number), _of_paper(published(number))) for number, title in _TABLES.items()]
    others = pd.DataFrame(reported_elsewhere())
    others.columns = [name.capitalize() for name in others.columns]
    return [*tables, ("Of other papers", "Each with its source.", others)]


def _of_paper(records: list[Record]) -> pd.DataFrame:
    """A row for each system of the paper: accuracy of the target, and background, for each target."""
    keys = dict.fromkeys((r.method, r.variant, r.level) for r in records if r.method != REAL)
    return pd.DataFrame([{"System": _shown(*key)} | dict(_cells(records, key)) for key in keys])


def _cells(records: list[Record], key: tuple[str, str, str]) -> Iterator[tuple[str, str]]:
    own = {(r.target, r.metric, r.measured_on): r for r in records if tuple(getattr(r, k) for k in SYSTEM) == key}
    for target in ATTRIBUTES:
        for metric, place, heading in (
            ("accuracy", target, "accuracy (%)"),
            ("background_ms_ssim", "background", "background (x100)"),
        ):
            if any((r.target, r.metric, r.measured_on) == (target, metric, place) for r in records):
                record = own.get((target, metric, place))
                yield f"{target.replace('_', ' ').capitalize()}, {heading}", _text(record)


def _text(record: Record | None) -> str:
    """A figure with the paper's decimals."""
    return number_text(vars(record)) if record else MISSING


def _shown(method: str, variant: str, level: str) -> str:
    inside = ", ".join(filter(None, (level, variant)))
    return method_names().get(method, method) + (f" ({inside})" if inside else "")
