"""A page that joins the reports of the paper's parts: what each shows, the verdicts on all claims, the figures."""

import csv
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from sgbench.claims.paper import CLAIMS
from sgbench.claims.verdicts import NOT_TESTED
from sgbench.experiments.paper import PARTS, Item
from sgbench.report.claims import VERDICTS
from sgbench.report.layout import MISSING
from sgbench.report.markdown import markdown
from sgbench.report.other_data import ORDER_CAPTION, open_ordered, order_on
from sgbench.report.unlike_parts import unlike
from sgbench.results.study_folder import StudyFolder, studies_in
from sgbench.support.atomic import write_text
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.markdown import in_a_line
from sgbench.support.reading import open_lines, read_text

_ITEMS = {item.name: item for part in PARTS for item in part.items}
_ABOUT = (
    "Each part has a report with its tables, intervals, judges, costs and provenance; parts differ in the attributes "
    "that models are trained on, in methods, levels and seeds."
)
_ALIKE = "In all else that is kept of their settings, versions and definitions the parts are alike."
_HOW = (
    "Each claim is decided in the report of the part that has its systems, by comparisons and margins that were fixed "
    "before anything was measured; the evidence is there."
)
_NO_OTHER_DATA = (
    "No study of other data with two of these systems lies beside these reports, so whether their order is the same on "
    "other data, such as photographs, is open."
)
_COLUMNS = ("claim", "measured", "why", "published", "published_why")


def check_free(page: Path, title: str) -> None:
    """Refuse to write where something else lies; an earlier page of these experiments may be replaced."""
    if page.exists() and not (page.is_file() and read_text(page).startswith(f"{_heading(title)}\n")):
        raise UserError(f"{page}: is there already and is no page of these experiments; move it, or give another --out")


def join(config: str, parts: Sequence[str], now: Sequence[StudyFolder]) -> tuple[Path, str]:
    """Write the page that joins the reports of these studies, and of the parts that were carried out before.

    Args:
        config: its name.
        parts: names of the studies of all its parts.

    Returns:
        The page, and in what the parts are not alike, in words.
    """
    runs = now[0].runs
    all_parts = [StudyFolder(runs.study(name)) for name in parts]
    done = [folder for folder in all_parts if folder.is_study() and folder.report.page.exists()]
    studies = [*done, *(folder for folder in now if folder not in done)]
    return write_overview(runs.overview(config), config, studies), unlike(studies)


def write_overview(page: Path, title: str, studies: Sequence[StudyFolder]) -> Path:
    """Write the page; links lead to reports beside it.

    Args:
        studies: with a report each, of items of the paper.

    Raises:
        BrokenFile: a study's description or table of verdicts is broken; names the file.
    """
    parts = [
        _heading(title),
        _ABOUT,
        _parts(page, studies),
        unlike(studies) or _ALIKE,
        "## Claims of the paper",
        _HOW,
    ]
    parts.append(markdown(_verdicts(page, studies), "left", linked=("Report",)))
    parts += ["## The order on other data", *_orders(page, studies)]
    for study in studies:
        for item in _items(study):
            if (picture := study.report.figure(item.name)).is_file():
                place = picture.relative_to(page.parent).as_posix()
                parts += [f"## {_called(item)}", f"![{item.title}]({place})", f"In {_link(page, study)}."]
    write_text(page, "\n\n".join(parts) + "\n")
    return page


def _heading(title: str) -> str:
    return f"# {in_a_line(title)}: the paper's experiments"


def _parts(page: Path, studies: Sequence[StudyFolder]) -> str:
    rows = []
    for study in studies:
        description = study.read_description()
        rows.append(
            {
                "Part": _link(page, study),
                "Tables and figures": "; ".join(f"{_called(item)}: {item.title}" for item in _items(study)),
                "Data": str(description.facts.get("Data", MISSING)),
                "Attributes": ", ".join(description.attributes.values()),
                "Systems": str(len(description.systems)),
                "Seeds": str(description.num_seeds),
            }
        )
    return markdown(pd.DataFrame(rows), "left", linked=("Part",))


def _verdicts(page: Path, studies: Sequence[StudyFolder]) -> pd.DataFrame:
    """A row for each claim and report that tests it; a claim that none tests has a row that says so."""
    tables = [(study, _read(study)) for study in studies]
    rows = []
    for claim in CLAIMS:
        told = [(study, table[claim.name]) for study, table in tables if claim.name in table]
        tested = [(study, own) for study, own in told if own["measured"] != NOT_TESTED]
        rows += [_row(claim.sentence, own, _link(page, study)) for study, own in tested]
        if not tested:
            why = f"needs {' or '.join(claim.items)}"
            rows.append(_row(claim.sentence, {"claim": claim.name, "measured": NOT_TESTED, "why": why}, MISSING))
    return pd.DataFrame(rows)


def _orders(page: Path, studies: Sequence[StudyFolder]) -> list[str]:
    """Whether other data, such as photographs, put the same systems in the same order; of each study that has them."""
    own, now = {study.path.name for study in studies}, [(study, open_ordered(study)) for study in studies]
    beside = [s for s in studies_in(studies[0].runs) if s.path.name not in own and s.report.records_file.is_file()]
    others = [(study, open_ordered(study)) for study in beside] if any(ordered for _, ordered in now) else []
    parts = []
    for (study, first), (other, second) in product(now, others):
        agreement = first and second and order_on(first, second)
        if agreement:
            about = f"{_link(page, study)} ({in_a_line(first.dataset)}) and {_link(page, other)} "
            about += f"({in_a_line(second.dataset)}), {agreement.systems} systems in both: **{agreement.verdict}**."
            parts += [about, markdown(agreement.table)]
    return [ORDER_CAPTION, *parts] if parts else [_NO_OTHER_DATA]


def _row(sentence: str, own: Mapping[str, str], link: str) -> dict[str, str]:
    published = own.get("published", MISSING)
    if published == NOT_TESTED:
        published = own["published_why"]
    return {
        "Claim": f"{own['claim']}: {sentence}",
        "Measured here": own["measured"],
        "Because": own["why"],
        "The paper's numbers": published,
        "Report": link,
    }


def _read(study: StudyFolder) -> dict[str, Mapping[str, str]]:
    """Claim -> its row in a report's table of verdicts; empty where a report has no claims."""
    path, _ = study.report.table_files(VERDICTS)
    if not path.exists():
        return {}
    try:
        with open_lines(path) as lines:
            heading, *rows = csv.reader(lines)
        told = [dict(zip(heading, row, strict=True)) for row in rows]
        return {row["claim"]: {name: row[name] for name in _COLUMNS} for row in told}
    except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
        raise BrokenFile(f"{path}: is broken ({error}); run the study's command again") from error


def _items(study: StudyFolder) -> list[Item]:
    return [_ITEMS[name] for name in study.read_description().items if name in _ITEMS]


def _called(item: Item) -> str:
    """``table1`` as the paper calls it."""
    word = item.name.rstrip("0123456789")
    return f"{word.capitalize()} {item.name.removeprefix(word)}".strip()


def _link(page: Path, study: StudyFolder) -> str:
    place = study.report.page.relative_to(page.parent).as_posix()
    return f"[{in_a_line(study.path.name)}]({place})"
