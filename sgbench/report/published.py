"""The paper's rows beside the measured ones: which stands where, and what the caption says of it.

The paper disagrees with itself on a number (93.36 in table 2, 93.26 in table 3), so a row is taken from one of its
tables as a whole, and the caption names that table.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from sgbench.report.layout import SYSTEM, Key, Layout
from sgbench.results.published import ATTRIBUTES
from sgbench.results.records import REAL

PUBLISHED = "published"


def measured_and_published(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records of this study, controls among them, and the published ones on the data sets that it measured."""
    published = frame["origin"] == PUBLISHED
    measured = frame[~published]
    return measured, frame[published & frame["dataset"].isin(measured["dataset"])]


def partners(paper: pd.DataFrame, *tables: int) -> dict[Key, pd.DataFrame]:
    """(method, variant, level) -> its published records, all from the first of the paper's tables that has it."""
    found: dict[Key, pd.DataFrame] = {}
    for number in tables:
        own = paper[paper["definition"] == f"table {number} of the paper"]
        for key, records in own.groupby(SYSTEM, sort=False):
            found.setdefault(key, records)
    return found


def published_sentence(cells: pd.DataFrame, frame: pd.DataFrame, layout: Layout) -> str:
    """Where the published rows of a table are from and why they are not on a par; empty where there is none."""
    own = cells[cells["origin"] == PUBLISHED]
    if own.empty:
        return ""
    sources: Mapping[str, list[str]] = own.groupby("definition")["row"].unique().map(list).to_dict()
    main, *others = sorted(sources, key=lambda definition: -len(sources[definition]))
    exceptions = "".join(
        f" ({'; '.join(row.removesuffix(f', {PUBLISHED}') for row in sources[other])}: {other}, "
        f"which does not agree with {main.removesuffix(' of the paper')} on every number)"
        for other in others
    )
    judge = " and the paper's own judge" if (own["metric"] == "accuracy").any() else ""
    text = f"Rows marked {PUBLISHED}: {main}{exceptions}, with 128x128 images of the full CelebA{judge}, "
    text += "without intervals." + (_models(layout) if (own["method"] != REAL).any() else "")
    sizes = " or ".join(f"{s}x{s}" for s in sorted(set(frame["image_size"])))
    return f"{text} {layout.comparability or f'The images here are {sizes}.'}"


def _models(layout: Layout) -> str:
    """What the published models were trained on, and whether the models here were."""
    text = f" The published models were trained on {_listed(ATTRIBUTES)}"
    if set(layout.attributes) == set(ATTRIBUTES):
        return f"{text}."
    return f"{text}, those here on {_listed(layout.attributes)}: they are not the same models."


def _listed(attributes: Iterable[str]) -> str:
    *others, last = (attribute.replace("_", " ") for attribute in attributes)
    return f"{', '.join(others)} and {last}" if others else last
