"""Renders the page: one file with style, scripts and pictures inside, which asks no network for anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sgbench.report.accounts import AS_PUBLISHED, BOLD, accounts_of
from sgbench.report.claims import CLAIMS, EVIDENCE, HOW, VERDICTS, evidence_of, levels_told, verdicts_shown
from sgbench.report.contents import Contents
from sgbench.report.html.curves import CURVE_HIGH, CURVE_WIDE, curves
from sgbench.report.html.exhibition import Exhibition
from sgbench.report.html.headline import headline
from sgbench.report.html.heat import heat_maps
from sgbench.report.html.panels import HIGH, LABELS, WIDE, panels
from sgbench.report.html.tables import plain_table, table_of, table_of_account
from sgbench.report.style import COLOURS
from sgbench.results.report_folder import ReportFolder
from sgbench.support.text import printable

_SIZES = {"wide": WIDE, "high": HIGH, "labels": LABELS, "curve_wide": CURVE_WIDE, "curve_high": CURVE_HIGH}
"""Of drawings, in pixels before they are scaled."""


def to_html(contents: Contents, folder: ReportFolder) -> str:
    """The page of a report.

    Args:
        folder: of the report; files in it are linked by their names.
    """
    page = contents.page
    cells = {table.name: table.cells for table, _ in contents.tables}
    tables = [table_of(ready, folder) for ready in contents.tables]
    accounts = [table_of_account(account, folder) for account in accounts_of(contents)]
    return (
        environment()
        .get_template("page.html")
        .render(
            title=page.title,
            headline=headline(contents),
            facts=page.facts,
            notes=page.notes,
            bold=BOLD.replace("**", "") if any(table.ranked for table in tables) else "",
            tables=tables,
            accounts=accounts,
            published=[table_of(ready, folder) for ready in contents.published],
            as_published=AS_PUBLISHED,
            claims=_claims(contents, folder),
            panels=panels(cells["tradeoff"], page.layout) if "tradeoff" in cells else [],
            heat=heat_maps(cells["matrix"], page.layout) if "matrix" in cells else [],
            losses=curves(page.losses, page.layout),
            gallery=page.gallery,
            gallery_data=_data(page.gallery) if page.gallery else None,
            figures=page.figures,
            provenance=page.provenance,
            sizes=_SIZES,
            markdown_page=folder.page.name,
            records=folder.records_file.name,
        )
    )


def environment() -> Environment:
    """Templates of the package; every text from data is escaped, and hidden characters in it are written out."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals["palette"] = COLOURS
    return made


def _shown(value: Any) -> Any:
    """A text from data without hidden characters; markup of the templates as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _claims(contents: Contents, folder: ReportFolder) -> Mapping[str, Any] | None:
    """Verdicts and evidence, where there are any."""
    tables = contents.page.claims
    if tables is None:
        return None
    evidence = [
        plain_table(f"evidence-{k}", heading, "", frame) for k, (heading, frame) in enumerate(evidence_of(tables))
    ]
    return {
        "how": f"{HOW}{levels_told(tables.levels)}",
        "verdicts": verdicts_shown(tables).to_dict("records"),
        "about": EVIDENCE,
        "evidence": evidence,
        "files": [path.name for name in (VERDICTS, CLAIMS) for path in folder.table_files(name)],
    }


def _data(gallery: Exhibition) -> Mapping[str, Any]:
    """What the gallery's script needs; pictures are referred to by their place among the page's sprites."""
    sprites = [gallery.sources]
    exhibits, answers = [], []
    for own in gallery.exhibits:
        tiles = [[t.person, t.value, t.confidence, t.inside, t.outside] for t in own.tiles]
        exhibits.append({"system": own.system, "target": own.target, "sprite": len(sprites), "tiles": tiles})
        sprites.append(own.sprite)
    for target, (sprite, asked) in gallery.counterfactuals.items():
        answers.append({"target": target, "sprite": len(sprites), "asked": asked})
        sprites.append(sprite)
    return {
        "side": gallery.side,
        "attributes": [
            {"name": printable(name), "values": list(map(printable, values))} for name, values in gallery.attributes
        ],
        "people": [list(map(printable, person)) for person in gallery.people],
        "systems": [{"name": printable(label), "method": method} for label, method in gallery.systems],
        "exhibits": exhibits,
        "counterfactuals": answers,
        "sprites": [{"columns": sprite.columns, "uri": sprite.uri} for sprite in sprites],
    }
