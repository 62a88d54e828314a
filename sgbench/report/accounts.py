"""What a page says besides tables of results: how well judges see, which labels were trained on, what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.contents import Contents
from sgbench.report.directions import in_a_sentence
from sgbench.report.layout import MISSING, SYSTEM, Layout, row_labels
from sgbench.report.text import number_text
from sgbench.results.records import ALL

BOLD = (
    "**Bold**: the best figure of the measured systems in a column, whatever its interval, and all that are shown as "
    "equal to it. Controls, published rows and systems that did not give every result are never bold."
)
AS_PUBLISHED = "As published, on its data and with its judge; not measured here."
_COST = "What each system costs."
_CEILING = (
    "On untouched test images: the ceiling of what a result can be expected to score. Agreement is the share that "
    "every judge of the jury sees; balanced accuracy and calibration (ECE) are those of the ResNet-18."
)
_JUDGES = (
    "Each judge: balanced accuracy on untouched test images; accuracy on exact counterfactuals, where the data set "
    "knows them, in the direction in which it is lowest; whether its verdicts on the attribute count."
)
_COUNTS = (
    "Translations asked for / scored by the jury on the target / negative terms of background MS-SSIM set to 0; over "
    "all seeds."
)


@dataclass(frozen=True)
class Account:
    """A table that is no table of results.

    Attributes:
        title: heading of its section; empty if it belongs to the one before.
        caption: what it holds; may be empty.
        frame: its first column has the names of rows.
        name: of its files; empty if it has none.
        align: of all columns but the first.
        code: columns that are set as code.
    """

    title: str
    caption: str
    frame: pd.DataFrame
    name: str = ""
    align: Literal["left", "right"] = "right"
    code: tuple[str, ...] = ()


def accounts_of(contents: Contents) -> list[Account]:
    """All that there are of a report, in their order."""
    page, frame, found = contents.page, contents.measured, []
    if len(seen := ceiling(frame, page.layout)):
        found.append(Account("The judges", _CEILING, seen))
    if page.judges is not None:
        found.append(Account("", _JUDGES, page.judges, "judges"))
    if page.manifests:
        labels = training_labels(page.manifests, page.layout)
        found.append(Account("Labels in training", "", labels, align="left", code=("SHA-256",)))
    if page.cost is not None:
        found.append(Account("Cost", _COST, page.cost, "cost"))
    if len(frame):
        found.append(Account("How much was measured", _COUNTS, counts(frame, page.layout)))
        about = definitions(frame)
        found.append(Account("What was measured", "", about, align="left", code=("Metric",)))
    return found


def ceiling(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Every figure of untouched images by attribute (accuracy, balanced accuracy, calibration, ...)."""
    real = frame[(frame["target"] == "") & frame["measured_on"].isin(layout.attributes) & (frame["direction"] == ALL)]
    rows = []
    for attribute, title in layout.attributes.items():
        numbers = {}
        for r in real[real["measured_on"] == attribute].drop_duplicates("metric").to_dict("records"):
            numbers[in_a_sentence(spec_of(r["metric"]).title)] = (
                (r["note"] or MISSING) if pd.isna(r["value"]) else number_text(r)
            )
        if numbers:
            rows.append({"Attribute": title} | numbers)
    return pd.DataFrame(rows).fillna(MISSING)


def training_labels(manifests: Mapping[str, Mapping], layout: Layout) -> pd.DataFrame:
    """Which labels were revealed: a row for each level and seed. An attribute may be called like another column."""
    attributes = list(dict.fromkeys(a for m in manifests.values() for a in m["counts"]))
    rows = []
    for name, m in manifests.items():
        revealed = {
            a: ", ".join(f"{value} {count:,}" for value, count in values.items() if count)
            for a, values in m["counts"].items()
        }
        told = [name, *(f"{m[part]:,}" for part in ("images", "pool", "complete"))]
        rows.append([*told, *(revealed.get(a, MISSING) for a in attributes), m["sha256"][:12]])
    titles = [layout.attributes.get(a, a) for a in attributes]
    return pd.DataFrame(rows, columns=["Labels", "Images", "With a label", "With all labels", *titles, "SHA-256"])


def counts(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Of each system and target, how many translations were asked for, scored, and compared with clipped terms."""
    whole = frame[frame["direction"] == ALL]
    key, metric, value = [*SYSTEM, "target"], whole["metric"], whole["value"]
    judged = (metric == "jury_accuracy") & (whole["measured_on"] == whole["target"]) & value.notna()
    asked = whole.groupby([*key, "seed"])["num_images"].max().groupby(level=key).sum()

    def added_up(chosen: pd.Series, column: str) -> pd.Series:
        return whole[chosen].groupby(key)[column].sum(min_count=1).reindex(asked.index)

    missing = added_up(metric == "left_out", "value").fillna(0).astype(int)
    scored = added_up(judged, "num_images").fillna(0).astype(int)
    clipped = added_up(metric == "background_ms_ssim_clipped", "value")
    figures = zip(asked.index, asked + missing, scored, clipped, strict=True)
    texts = {own: f"{a:,} / {s:,} / {MISSING if pd.isna(c) else f'{c:,.0f}'}" for own, a, s, c in figures}
    rows = []
    for system, label in row_labels(frame, layout).items():
        row = {shown: texts.get((*system, target), MISSING) for target, shown in layout.attributes.items()}
        if any(text != MISSING for text in row.values()):
            rows.append({"": label} | row)
    return pd.DataFrame(rows)


def definitions(frame: pd.DataFrame) -> pd.DataFrame:
    """Each metric with the definitions and units that its records state."""
    columns = {"metric": "Metric", "unit": "Unit", "definition": "Definition"}
    return frame[list(columns)].drop_duplicates().sort_values(list(columns)).rename(columns=columns)
