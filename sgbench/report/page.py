"""Writes the report as a Markdown page, with its tables as CSV and LaTeX, from records alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sgbench.report.accounts import ceiling, counts, definitions, training_labels
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
from sgbench.report.claims import CLAIMS, VERDICTS, ClaimTables, claims_section, evidence_latex, verdicts_latex
from sgbench.report.latex import frame_to_latex, to_latex
from sgbench.report.layout import Layout, Table, to_csv
from sgbench.report.markdown import markdown, to_markdown
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
from sgbench.report.text import Told, readable, shown
from sgbench.report.tradeoff import tradeoff_table
from sgbench.results.csv_text import csv_text
from sgbench.results.report_folder import ReportFolder
from sgbench.support.atomic import write_text
from sgbench.support.markdown import in_a_cell, in_a_line

_Ready = tuple[Table, Told]
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


def write_report(folder: ReportFolder, frame: pd.DataFrame, page: Page) -> Path:
    """Write the page, and a CSV and a LaTeX file per table; returns the page's path.

    Published records of the data set that was measured are shown below the measured rows that they match, and all of
    them again in a separate section; those of other data sets are left out. Every file is written completely or not at
    all, and the page last, so that a page never exists without its tables.

    Args:
        frame: records of one data set, image size and definition per metric (``records.to_frame``).

    Raises:
        ValueError: two records belong to the same cell; then nothing is written.
    """
    measured, paper = measured_and_published(frame)
    tables = [table for table in _tables(measured, paper, page) if len(table.cells)]
    published = _published(paper, page.layout)
    ready = [(table, shown(table)) for table in tables + published]
    contents = {table.name: (to_csv(table), to_latex(table, told)) for table, told in ready}
    for name, caption, plain in (("cost", _COST, page.cost), ("judges", _JUDGES, page.judges)):
        if plain is not None:
            contents[name] = (csv_text(plain), frame_to_latex(name, caption, plain))
    if page.claims:
        contents[VERDICTS] = (csv_text(page.claims.verdicts), verdicts_latex(page.claims))
        contents[CLAIMS] = (csv_text(page.claims.evidence), evidence_latex(page.claims))
    text = _text(measured, ready[: len(tables)], ready[len(tables) :], page, folder)
    for name, texts in contents.items():
        for path, content in zip(folder.table_files(name), texts, strict=True):
            write_text(path, content)
    write_text(folder.page, text)
    return folder.page


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


def _text(
    frame: pd.DataFrame, measured: Sequence[_Ready], paper: Sequence[_Ready], page: Page, folder: ReportFolder
) -> str:
    parts = [f"# {in_a_line(page.title)}"]
    parts += [_facts(page.facts)] * bool(page.facts)
    if page.notes:
        parts += ["## How to read this", "\n".join(f"- {in_a_line(note)}" for note in page.notes)]
    parts += ["## Results"]
    parts += [_figure(in_a_line(caption), *files) for caption, *files in page.figures]
    parts += [_BOLD] * any(table.ranked for table, _ in measured)
    parts += [_section(*table, folder) for table in measured] or ["Nothing was measured."]
    if page.claims:
        files = [_links(name, folder) for name in (VERDICTS, CLAIMS)]
        parts += claims_section(page.claims, [table for table, _ in measured], *files)
    if len(seen := ceiling(frame, page.layout)):
        parts += ["## The judges", _CEILING, markdown(seen)]
    if page.judges is not None:
        parts += [_JUDGES, markdown(page.judges.map(readable)), _links("judges", folder)]
    if page.manifests:
        parts += ["## Labels in training", training_labels(page.manifests, page.layout)]
    if page.cost is not None:
        parts += ["## Cost", _COST, markdown(page.cost.map(readable)), _links("cost", folder)]
    if len(frame):
        parts += ["## How much was measured", _COUNTS, markdown(counts(frame, page.layout))]
        parts += ["## What was measured", markdown(definitions(frame), "left", code=("Metric",))]
    if paper:
        parts += ["## The paper's numbers", "As published, on its data and with its judge; not measured here."]
        parts += [_section(*table, folder) for table in paper]
    parts += ["## Provenance", _facts(page.provenance)] * bool(page.provenance)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


_BOLD = (
    "**Bold**: the best figure of the measured systems in a column, whatever its interval, and all that are shown as "
    "equal to it. Controls, published rows and systems that did not give every result are never bold."
)
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


def _section(table: Table, told: Told, folder: ReportFolder) -> str:
    return f"### {in_a_line(table.title)}\n\n{to_markdown(table, told)}\n{_links(table.name, folder)}"


def _figure(caption: str, picture: str, *printed: str) -> str:
    return "\n\n".join([f"![{caption}]({picture})", f"*{caption}*", *(f"[{name}]({name})" for name in printed)])


def _links(name: str, folder: ReportFolder) -> str:
    return ", ".join(f"[{path.name}]({path.name})" for path in folder.table_files(name))


def _facts(facts: Mapping[str, object]) -> str:
    rows = "\n".join(f"| **{in_a_cell(k)}** | {in_a_cell(v)} |" for k, v in facts.items())
    return f"| | |\n|:--|:--|\n{rows}"
