"""The paper's rows beside the measured ones: where each row is shown, and what the caption says about them.

Two tables of the paper disagree on a number (93.36 in table 2, 93.26 in table 3), so all of a row is taken from one of
its tables, and the caption names that table.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from sgbench.report.layout import SYSTEM, Key, Layout
from sgbench.results.published import ATTRIBUTES
from sgbench.results.records import REAL

PUBLISHED = "published"


def measured_and_published(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of this study, with controls, and the published records of the data sets that it measured."""
    published = frame["origin"] == PUBLISHED
    measured = frame[~published]
    return measured, frame[published & frame["dataset"].isin(measured["dataset"])]


def partners(paper: pd.DataFrame, *tables: int) -> dict[Key, pd.DataFrame]:
    """(method, variant, level) -> its published records, all from the first of the given tables that has it."""
    chosen: dict[Key, pd.DataFrame] = {}
    for number in tables:
        of_table = paper[paper["definition"] == f"table {number} of the paper"]
        for key, records in of_table.groupby(SYSTEM, sort=False):
            chosen.setdefault(key, records)
    return chosen


def published_sentence(cells: pd.DataFrame, frame: pd.DataFrame, layout: Layout) -> str:
    """Where the published rows of a table are from and why they are not directly comparable; may be empty."""
    published = cells[cells["origin"] == PUBLISHED]
    if published.empty:
        return ""
    sources: Mapping[str, list[str]] = published.groupby("definition")["row"].unique().map(list).to_dict()
    main, *others = sorted(sources, key=lambda definition: -len(sources[definition]))
    exceptions = "".join(
        f" ({'; '.join(row.removesuffix(f', {PUBLISHED}') for row in sources[other])}: {other}, "
        f"which does not agree with {main.removesuffix(' of the paper')} on every number)"
        for other in others
    )
    judge = " and the paper's own judge" if (published["metric"] == "accuracy").any() else ""
    text = f"Rows marked {PUBLISHED}: {main}{exceptions}, with 128x128 images of the full CelebA{judge}, "
    text += "without intervals." + (_models(layout) if (published["method"] != REAL).any() else "")
    sizes = " or ".join(f"{s}x{s}" for s in sorted(set(frame["image_size"])))
    return f"{text} {layout.comparability or f'The images here are {sizes}.'}"


def _models(layout: Layout) -> str:
    """Which attributes the published models were trained on, and whether the models here used the same."""
    text = f" The published models were trained on {_listed(ATTRIBUTES)}"
    if set(layout.attributes) == set(ATTRIBUTES):
        return f"{text}."
    return f"{text}, those here on {_listed(layout.attributes)}: they are not the same models."


def _listed(attributes: Iterable[str]) -> str:
    *others, last = (attribute.replace("_", " ") for attribute in attributes)
    return f"{', '.join(others)} and {last}" if others else last
