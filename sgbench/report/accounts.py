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
