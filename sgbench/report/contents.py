"""What all forms of a report say, Markdown, HTML, CSV and LaTeX: tables with their cells as shown, and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sgbench.report.beyond import (
    beyond_table,
    chain_table,
    comparisons_table,
    distribution_table,
    likeness_table,
    matrix_table,
    subgroups_table,
)
from sgbench.report.budget import BUDGET, budget_table
from sgbench.report.claims import ClaimTables
from sgbench.report.html.exhibition import Exhibition
from sgbench.report.layout import Layout, Table
from sgbench.report.published import measured_and_published
from sgbench.report.rank_agreement import rank_agreement_table
from sgbench.report.side_by_side import side_by_side_tables
from sgbench.report.tables import (
    accuracy_table,
    direction_table,
    jury_table,
    jury_target_table,
    score_table,
    target_table,
)
from sgbench.report.text import Told, shown
from sgbench.report.tradeoff import tradeoff_table

Ready = tuple[Table, Told]
"""A table, and its cells as they are shown."""


@dataclass(frozen=True)
class Page:
    """What a page says besides its records; all names of methods come from here.

    Attributes:
        title: heading of the page.
        layout: names shown, order, correlated pairs.
        facts: facts about the study: data, levels, seeds, iterations, cost.
        notes: sentences that explain how to read the numbers.
        figures: caption, picture relative to the page and, of a figure to be printed, its PDF; in order.
        manifests: name of a set of sparse labels -> its manifest (``SparseLabels.manifest``).
        subgroups: accuracy by the sources' other attributes (``beyond.subgroups_table``); None if there are too few.
        comparisons: paired tests between systems (``beyond.comparisons_table``).
        tested_against: a sentence that names the reference system of these tests; empty if they are of all pairs.
        cost: what systems cost: the first column has their labels, each further column one figure, with its unit in the
            heading; text is shown as it is.
        judges: how well each judge sees each attribute, as ``cost`` is given.
        claims: verdicts on the paper's claims, where systems allow any.
        provenance: what made the records: commit, versions, hardware, settings.
        losses: title of a job, which begins with its method -> its losses (``JobFolder.losses``).
        gallery: results of a few people; None where nobody may be shown, or nothing was kept.
    """

    title: str
    layout: Layout
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    figures: Sequence[tuple[str, ...]] = ()
    manifests: Mapping[str, Mapping] = field(default_factory=dict)
    subgroups: pd.DataFrame | None = None
    comparisons: pd.DataFrame | None = None
    tested_against: str = ""
    cost: pd.DataFrame | None = None
    judges: pd.DataFrame | None = None
    claims: ClaimTables | None = None
    provenance: Mapping[str, object] = field(default_factory=dict)
    losses: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    gallery: Exhibition | None = None


@dataclass(frozen=True)
class Contents:
    """A report before it is written in any form.

    Attributes:
        measured: the records of this study, with controls.
        tables: of what was measured.
        published: the paper's tables one by one.
        page: what it says besides.
    """

    measured: pd.DataFrame
    tables: Sequence[Ready]
    published: Sequence[Ready]
    page: Page


def contents_of(frame: pd.DataFrame, page: Page) -> Contents:
    """The tables of a report, those without a cell left out.

    Args:
        frame: records of one data set, image size and definition per metric (``records.to_frame``).

    Raises:
        ValueError: two records belong to the same cell.
    """
    measured, paper = measured_and_published(frame)
    tables = [table for table in _tables(measured, paper, page) if len(table.cells)]
    ready, published = ([(table, shown(table)) for table in some] for some in (tables, _published(paper, page.layout)))
    return Contents(measured, ready, published, page)


def _tables(frame: pd.DataFrame, paper: pd.DataFrame, page: Page) -> list[Table]:
    layout = page.layout
    same_weights = layout.inception_name == Layout.inception_name
    side_by_side = side_by_side_tables(frame, layout)
    tables = [
        *side_by_side,
        *([rank_agreement_table(side_by_side)] if side_by_side else []),
        *([budget_table(frame, layout)] if BUDGET in layout.items else []),
        jury_target_table(frame, layout),
        jury_table(frame, layout),
        tradeoff_table(frame, layout),
        target_table(frame, layout, paper),
        accuracy_table(frame, layout, paper),
        score_table(frame, layout, "inception_score", layout.inception_name, paper if same_weights else None),
        score_table(frame, layout),
        direction_table(frame, layout),
        beyond_table(frame, layout),
        likeness_table(frame, layout),
        chain_table(frame, layout),
        distribution_table(frame, layout),
        matrix_table(frame, layout),
    ]
    tables += [subgroups_table(page.subgroups, layout)] if page.subgroups is not None else []
    if page.comparisons is not None:
        tables.append(comparisons_table(page.comparisons, layout, page.tested_against))
    return tables


def _published(paper: pd.DataFrame, layout: Layout) -> list[Table]:
    """The paper's tables one by one, because they disagree on a number."""
    tables = []
    for definition, records in paper.groupby("definition"):
        builders = [lambda f, a: score_table(f, a, "inception_score", "Inception Score"), accuracy_table]
        if (records["metric"] == "accuracy").all():
            builders = [target_table]
        for table in (build(records, layout) for build in builders):
            if len(table.cells):
                title = f"{str(definition).capitalize()}: {table.title.partition(',')[0].lower()}"
                tables.append(Table(f"published_{table.name}", title, table.caption, table.cells))
    return tables
