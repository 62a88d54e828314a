"""Checks a report whose systems are not beside it, such as one that was committed.

What comes of records alone is made again from the records that were kept with it: most tables, and the paragraphs of
the page that show them. What needs per-image scores, such as paired tests, cannot be made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sgbench.metrics.own import use_metrics
from sgbench.report.contents import Page
from sgbench.report.making import layout_of, with_published
from sgbench.report.page import write_report
from sgbench.report.verification import differences
from sgbench.results.description import Description
from sgbench.results.records import Record, read_records, to_frame
from sgbench.results.report_folder import ReportFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import UserError
from sgbench.support.reading import read_text


@dataclass(frozen=True)
class KeptVerification:
    """What of a report was made again.

    Attributes:
        num_records: that the report keeps.
        num_files: tables made again from them, and the page.
        problems: a line for each difference.
        unchecked: tables that need more than records.
    """

    num_records: int
    num_files: int
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


def verify_kept(study: StudyFolder, report: ReportFolder) -> KeptVerification:
    """Make again what comes of a report's records, and compare it.

    Args:
        report: its page, records and tables (``StudyFolder.kept_report``).

    Raises:
        BrokenFile: the description is missing or broken; names the file.
        UserError: the records cannot be read, or are not those of a report.
    """
    description = study.read_description()
    use_metrics(study.own_metrics())
    try:
        records = read_records(report.records_file)
        problems = [*study.other_protocol(), *_other_systems(report, records, description)]
        with TemporaryDirectory() as name:
            made = ReportFolder(Path(name))
            if not problems:
                _make(made, records, description)
            tables = [path for path in made.texts() if path not in (made.page, made.index)]
            for path in tables:
                problems += differences(report.path / path.name, path)
            if tables:
                problems += _changed_page(report.page, made.page)
    except (OSError, ValueError) as error:
        raise UserError(f"{study.path}: not a report with its records ({error}); run its command again") from error
    told = {problem.partition(": ")[0] for problem in problems}
    problems += [line for line in study.changed_files(report) if line.partition(": ")[0] not in told]
    known = {path.name for path in (*tables, report.page, report.index, report.records_file)}
    others = dict.fromkeys(path.stem for path in report.texts() if path.name not in known)
    return KeptVerification(len(records), len(tables) + bool(tables), tuple(problems), tuple(others))


def _other_systems(report: ReportFolder, records: Sequence[Record], description: Description) -> list[str]:
    """A line if the records are not of the systems, or of the methods, that the description names."""
    methods = {record.system: record.method for record in records}
    named = {system.folder: system.method for system in description.systems}
    wrong = sorted(methods.keys() ^ {*description.controls, *named})
    wrong += [system for system, method in named.items() if methods.get(system, method) != method]
    told = f"{report.records_file}: is not of the systems that the report has, or of their methods"
    return [f"{told}; the first that differs is {name}" for name in wrong[:1]]


def _make(folder: ReportFolder, records: Sequence[Record], description: Description) -> None:
    """Write the tables that come of records, and a page of them."""
    page = Page(
        title=description.title,
        layout=layout_of(description),
        facts=description.facts,
        manifests=description.manifests,
        provenance=description.provenance,
    )
    write_report(folder, with_published(to_frame(records)), page)


def _changed_page(claimed: Path, made: Path) -> list[str]:
    """A line if a page lacks a paragraph, or a row of one, that was made again."""
    paragraphs = iter(read_text(claimed).split("\n\n"))
    for paragraph in read_text(made).strip("\n").split("\n\n"):
        if not any(paragraph == other.strip("\n") for other in paragraphs):
            lines = set(read_text(claimed).splitlines())
            first = next((line for line in paragraph.splitlines() if line not in lines), paragraph.splitlines()[0])
            return [f"{claimed}: is not what its records give, which is: {first[:160]}"]
    return []
