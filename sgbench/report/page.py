"""Writes the report as pages, in Markdown and in HTML, with its tables as CSV and LaTeX, from records alone."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sgbench.report.accounts import AS_PUBLISHED, BOLD, accounts_of
from sgbench.report.claims import CLAIMS, VERDICTS, claims_section, evidence_latex, verdicts_latex
from sgbench.report.contents import Contents, Page, contents_of
from sgbench.report.html.rendering import to_html
from sgbench.report.latex import frame_to_latex, to_latex
from sgbench.report.layout import Table, to_csv
from sgbench.report.markdown import markdown, to_markdown
from sgbench.report.text import Told, readable
from sgbench.results.csv_text import csv_text
from sgbench.results.report_folder import ReportFolder
from sgbench.support.atomic import write_text
from sgbench.support.markdown import in_a_cell, in_a_line


def write_report(folder: ReportFolder, frame: pd.DataFrame, page: Page) -> Path:
    """Write the pages, and a CSV and a LaTeX file per table; returns the Markdown page's path.

    Published records of the data set that was measured are shown below the measured rows that they match, and all of
    them again in a separate section; those of other data sets are left out. Every file is written completely or not at
    all, and the Markdown page last, so that it never exists without its tables.

    Args:
        frame: records of one data set, image size and definition per metric (``records.to_frame``).

    Raises:
        ValueError: two records belong to the same cell; then nothing is written.
    """
    contents = contents_of(frame, page)
    text, html = _text(contents, folder), to_html(contents, folder)
    for name, texts in _files(contents).items():
        for path, content in zip(folder.table_files(name), texts, strict=True):
            write_text(path, content)
    write_text(folder.index, html)
    write_text(folder.page, text)
    return folder.page


def _files(contents: Contents) -> dict[str, tuple[str, str]]:
    """Name of a table -> it as CSV and as LaTeX."""
    page = contents.page
    ready = (*contents.tables, *contents.published)
    files = {table.name: (to_csv(table), to_latex(table, told)) for table, told in ready}
    for account in accounts_of(contents):
        if account.name:
            files[account.name] = (
                csv_text(account.frame),
                frame_to_latex(account.name, account.caption, account.frame),
            )
    if page.claims:
        files[VERDICTS] = (csv_text(page.claims.verdicts), verdicts_latex(page.claims))
        files[CLAIMS] = (csv_text(page.claims.evidence), evidence_latex(page.claims))
    return files


def _text(contents: Contents, folder: ReportFolder) -> str:
    page, measured = contents.page, contents.tables
    parts = [f"# {in_a_line(page.title)}"]
    parts += [_facts(page.facts)] * bool(page.facts)
    if page.notes:
        parts += ["## How to read this", "\n".join(f"- {in_a_line(note)}" for note in page.notes)]
    parts += ["## Results"]
    parts += [_figure(in_a_line(caption), *files) for caption, *files in page.figures]
    parts += [BOLD] * any(table.ranked for table, _ in measured)
    parts += [_section(*table, folder) for table in measured] or ["Nothing was measured."]
    if page.claims:
        files = [_links(name, folder) for name in (VERDICTS, CLAIMS)]
        parts += claims_section(page.claims, [table for table, _ in measured], *files)
    for account in accounts_of(contents):
        parts += [f"## {account.title}"] * bool(account.title)
        parts += [account.caption] * bool(account.caption)
        parts.append(markdown(account.frame.map(readable), account.align, code=account.code))
        parts += [_links(account.name, folder)] * bool(account.name)
    if contents.published:
        parts += ["## The paper's numbers", AS_PUBLISHED]
        parts += [_section(*table, folder) for table in contents.published]
    parts += ["## Provenance", _facts(page.provenance)] * bool(page.provenance)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _section(table: Table, told: Told, folder: ReportFolder) -> str:
    return f"### {in_a_line(table.title)}\n\n{to_markdown(table, told)}\n{_links(table.name, folder)}"


def _figure(caption: str, picture: str, *printed: str) -> str:
    return "\n\n".join([f"![{caption}]({picture})", f"*{caption}*", *(f"[{name}]({name})" for name in printed)])


def _links(name: str, folder: ReportFolder) -> str:
    return ", ".join(f"[{path.name}]({path.name})" for path in folder.table_files(name))


def _facts(facts: Mapping[str, object]) -> str:
    rows = "\n".join(f"| **{in_a_cell(k)}** | {in_a_cell(v)} |" for k, v in facts.items())
    return f"| | |\n|:--|:--|\n{rows}"
