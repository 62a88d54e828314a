"""``sgbench verify``: makes a finished report again from per-image scores and says whether it is the same.

Of a report without its systems, such as one that was committed, it makes again what comes of records; of a reference
the records.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
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
        examples=("sgbench verify runs/quick-500", "sgbench verify reports/quick-500 --json"),
    )
    p.add_argument(
        "run",
        type=path,
        metavar="RUN",
        help="folder of a study or an evaluation, such as runs/quick-500, of a committed report, or of a reference",
    )
    p.add_argument("--json", action="store_true", help="print for programs: an object")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Verify; returns 0, 1 if something differs, 2 if there is no report."""
    return execute(parser(), _verify, argv)


def _verify(arguments: argparse.Namespace) -> int:
    from sgbench.results.reference_folder import ReferenceFolder
    from sgbench.results.study_folder import StudyFolder
    from sgbench.support.strict import json_text

    study = StudyFolder.named(arguments.run)
    if (reference := ReferenceFolder(arguments.run)).is_reference():
        problems, about = _of_reference(reference)
    elif study.is_study() and (report := study.kept_report()):
        problems, about = _of_kept(study, report)
    else:
        problems, about = _of_run(arguments.run)
    if arguments.json:
        print(json_text({"same": not problems, "problems": list(problems), "about": about}))
    else:
        print("\n".join(one_line(line) for line in (*problems, about)))
    return EXIT_DIFFERS if problems else 0


def _of_run(run: Path) -> tuple[Sequence[str], str]:
    """What differs in a report whose systems are there, and what was checked."""
    from sgbench.report.verification import verify

    done = verify(run)
    return done.problems, (
        f"{one_line(run)}: {done.num_records:,} records of {done.num_systems} systems and {done.num_files} "
        "files made again from per-image scores, all others and trained models at hand compared with their checksums: "
        f"{_verdict(done.problems)}. Pictures and translations were not made again."
    )


def _of_kept(study: "StudyFolder", report: "ReportFolder") -> tuple[Sequence[str], str]:
    """The same of a report without its systems; says what cannot be checked."""
    from sgbench.report.kept import verify_kept

    done = verify_kept(study, report)
    others = f" ({one_line(', '.join(done.unchecked))})" if done.unchecked else ""
    return done.problems, (
        f"{one_line(study.path)}: {done.num_files} files made again from {done.num_records:,} records: "
        f"{_verdict(done.problems)}. Not checked, for the per-image scores of its systems are not at hand: the records "
        f"themselves, tables made of scores{others}, pictures, the page in HTML."
    )


def _of_reference(reference: "ReferenceFolder") -> tuple[Sequence[str], str]:
    """The same of what was packed from a study; says what is not there to be checked."""
    from sgbench.report.packed import verify_reference

    done = verify_reference(reference)
    return done.problems, (
        f"{one_line(reference.path)}: {done.num_records:,} records of {done.num_systems} systems made again from "
        f"per-image scores: {_verdict(done.problems)}. A reference has no tables and no page that could be checked."
    )


def _verdict(problems: Sequence[str]) -> str:
    return f"{len(problems)} differ" if problems else "all the same"
