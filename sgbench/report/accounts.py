"""What a page says besides tables of results: how well judges see, which labels were trained on, what was measured."""

from collections.abc import Mapping

import pandas as pd

from sgbench.metrics.catalogue import spec_of
from sgbench.report.directions import in_a_sentence
from sgbench.report.layout import MISSING, SYSTEM, Layout, row_labels
from sgbench.report.markdown import markdown
from sgbench.report.text import number_text
from sgbench.results.records import ALL


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


def training_labels(manifests: Mapping[str, Mapping], layout: Layout) -> str:
    rows = []
    for name, m in manifests.items():
        counts = {
            layout.attributes.get(a, a): ", ".join(f"{value} {count:,}" for value, count in values.items() if count)
            for a, values in m["counts"].items()
        }
        rows.append(
            {"Labels": name, "Images": f"{m['images']:,}", "With a label": f"{m['pool']:,}"}
            | {"With all labels": f"{m['complete']:,}"}
            | counts
            | {"SHA-256": m["sha256"][:12]}
        )
    return markdown(pd.DataFrame(rows).fillna(MISSING), "left", code=("SHA-256",))


def counts(frame: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    parts = dict(list(frame[frame["direction"] == ALL].groupby([*SYSTEM, "target"], sort=False)))
    rows = []
    for key, label in row_labels(frame, layout).items():
        texts = {
            shown: _asked_scored_clipped(parts[*key, target]) if (*key, target) in parts else MISSING
            for target, shown in layout.attributes.items()
        }
        if any(text != MISSING for text in texts.values()):
            rows.append({"": label} | texts)
    return pd.DataFrame(rows)


def _asked_scored_clipped(records: pd.DataFrame) -> str:
    missing = records[records["metric"] == "left_out"]["value"].sum()
    asked = records.groupby("seed")["num_images"].max().sum() + int(missing)
    judged = (records["metric"] == "jury_accuracy") & (records["measured_on"] == records["target"])
    scored = records[judged & records["value"].notna()]["num_images"].sum()
    clipped = records[records["metric"] == "background_ms_ssim_clipped"]["value"]
    return f"{asked:,} / {scored:,} / " + (f"{clipped.sum():,.0f}" if clipped.notna().any() else MISSING)


def definitions(frame: pd.DataFrame) -> pd.DataFrame:
    """Each metric with the definitions and units that its records state."""
    columns = {"metric": "Metric", "unit": "Unit", "definition": "Definition"}
    return frame[list(columns)].drop_duplicates().sort_values(list(columns)).rename(columns=columns)
