"""Says in words whether higher or lower values of metrics are better."""

import pandas as pd

from sgbench.metrics.catalogue import spec_of


def in_a_sentence(title: str) -> str:
    """A title as it is written within a sentence: only abbreviations keep their capitals."""
    return title if title[1:2].isupper() or "-" in title[:4] else title[:1].lower() + title[1:]


def directions(cells: pd.DataFrame) -> str:
    """Sentences that say which columns of a table are better higher, which lower, and which are neither."""
    columns: dict[str, list[str]] = {"higher": [], "lower": [], "": []}
    for metric, heading in cells[["metric", "column"]].drop_duplicates().itertuples(index=False):
        columns[spec_of(metric).direction].append(heading)
    words = {"higher": "Higher is better", "lower": "Lower is better", "": "Neither good nor bad"}
    return " ".join(f"{words[way]}: {', '.join(headings)}." for way, headings in columns.items() if headings)
