"""``sgbench verify``: makes a finished report again from per-image scores and says whether it is the same.

Of a report without its systems, such as one that was committed, it makes again what comes of records; of a reference
the records.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path
from sgbench.support.errors import one_line

if TYPE_CHECKING:
    from sgbench.results.reference_folder import ReferenceFolder
    from sgbench.results.report_folder import ReportFolder
    from sgbench.results.study_folder import StudyFolder

EXIT_DIFFERS = 1


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench verify",
        description="Make the records, tables and page of a report again from per-image scores and compare them.",
        closing="Exit status: 0 if the report is the same, 1 if it differs, 2 if it cannot be read.",
        examples=("sgbench verify runs/quick-500", "sgbench verify reports/quick-500"),
    )
    p.add_argument(
        "run",
        type=path,
        metavar="RUN",
        help="folder of a study or an evaluation, such as runs/quick-500, of a committed report, or of a reference",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Verify; returns 0, 1 if something differs, 2 if there is no report."""
    return execute(parser(), _verify, argv)


def _verify(arguments: argparse.Namespace) -> int:
    from sgbench.report.verification import verify
    from sgbench.results.reference_folder import ReferenceFolder
    from sgbench.results.study_folder import StudyFolder

    if (reference := ReferenceFolder(arguments.run)).is_reference():
        return _verify_reference(reference)
    study = StudyFolder.named(arguments.run)
    if study.is_study() and (report := study.kept_report()):
        return _verify_kept(study, report)
    done = verify(arguments.run)
    verdict = _told(done.problems)
    print(
        f"{one_line(arguments.run)}: {done.num_records:,} records of {done.num_systems} systems and {done.num_files} "
        "files made again from per-image scores, all others and trained models at hand compared with their checksums: "
        f"{verdict}. Pictures and translations were not made again."
    )
    return EXIT_DIFFERS if done.problems else 0


def _verify_kept(study: "StudyFolder", report: "ReportFolder") -> int:
    """Check a report without its systems, and say what cannot be checked."""
    from sgbench.report.kept import verify_kept

    done = verify_kept(study, report)
    verdict = _told(done.problems)
    others = f" ({one_line(', '.join(done.unchecked))})" if done.unchecked else ""
    print(
        f"{one_line(study.path)}: {done.num_files} files made again from {done.num_records:,} records: {verdict}. Not "
        f"checked, for the per-image scores of its systems are not at hand: the records themselves, tables made of "
        f"scores{others}, pictures, the page in HTML."
    )
    return EXIT_DIFFERS if done.problems else 0


def _verify_reference(reference: "ReferenceFolder") -> int:
    """Check what was packed from a study, and say what is not there to be checked."""
    from sgbench.report.packed import verify_reference

    done = verify_reference(reference)
    print(
        f"{one_line(reference.path)}: {done.num_records:,} records of {done.num_systems} systems made again from "
        f"per-image scores: {_told(done.problems)}. A reference has no tables and no page that could be checked."
    )
    return EXIT_DIFFERS if done.problems else 0


def _told(problems: Sequence[str]) -> str:
    """Print the problems; returns the verdict."""
    for problem in problems:
        print(one_line(problem))
    return f"{len(problems)} differ" if problems else "all the same"
