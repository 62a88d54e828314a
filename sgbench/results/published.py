"""The paper's published numbers as records, from ``paper/*.csv``, digit by digit.

``methods.csv`` there says which method, variant and level of ours a name of the paper stands for. The paper's row of
real images becomes the control ``real``; like every record of real images it has no target, so it stands there once.
"""

import csv
from decimal import Decimal
from importlib.resources import files
from math import nan

from sgbench.metrics.catalogue import spec_of
from sgbench.results.records import ALL, Record

TABLES = {1: "table1_inception_score", 2: "table2_classification_accuracy", 3: "table3_refined_residual"}
ATTRIBUTES = ("gender", "smile", "hair_color", "lipstick")


def published(table: int) -> list[Record]:
    """One of the paper's tables as records with origin "published", on CelebA at 128 pixels.

    Percentages become shares, the background (x 100 in the paper) a score; each is the double nearest to the paper's
    decimal. ``num_images`` is 0, for the paper does not give it, and there are no intervals. Tables 2 and 3 disagree
    on one number (93.36, 93.26): ``definition`` tells them apart.

    Raises:
        KeyError: there is no such table.
    """
    read = {1: _scores, 2: _accuracies, 3: _target_accuracies}[table]
    methods = {row["name"]: row for row in _rows("methods")}
    records = {}
    for row in _rows(TABLES[table]):
        method = {k: methods[row["method"]][k] for k in ("method", "variant", "level")}
        for record in (_record(table, method, *cell) for cell in read(row)):
            records[record.system, record.variant, record.target, record.measured_on, record.metric] = record
    return list(records.values())


def method_names() -> dict[str, str]:
    """Method, as records have it -> its first name in the paper, without the level."""
    return {row["method"]: row["name"].partition("(")[0] for row in reversed(_rows("methods"))}


def reported_elsewhere() -> list[dict[str, str]]:
    """Figures of other papers as texts: method, figure, value, source."""
    return _rows("elsewhere")


def _scores(row: dict) -> list[tuple]:
    cells = []
    for a in ATTRIBUTES:
        cells.append((a, "image", "inception_score", Decimal(row[a])))
        cells.append((a, "image", "inception_score_std", Decimal(row[f"{a}_std"])))
    return cells


def _accuracies(row: dict) -> list[tuple]:
    target = row["target"]
    cells = [(target, a, "accuracy", Decimal(row[a])) for a in ATTRIBUTES if a in row]
    return [*cells, (target, "background", "background_ms_ssim", Decimal(row["background"]))]


def _target_accuracies(row: dict) -> list[tuple]:
    return [(a, a, "accuracy", Decimal(row[a])) for a in ATTRIBUTES if a in row]


def _record(table: int, method: dict, target: str, measured_on: str, metric: str, value: Decimal) -> Record:
    spec = spec_of(metric)
    return Record(
        system=method["method"] + (f"-{method['level']}" if method["level"] else ""),
        **method,
        seed=0,
        dataset="celeba",
        image_size=128,
        target="" if method["method"] == "real" else target,
        direction=ALL,
        measured_on=measured_on,
        metric=metric,
        definition=f"table {table} of the paper",
        value=float(value / spec.scale),
        low=nan,
        high=nan,
        num_images=0,
        unit=spec.unit,
        origin="published",
    )


def _rows(name: str) -> list[dict]:
    text = files("sgbench.results").joinpath("paper", f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
