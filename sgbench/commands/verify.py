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
    from sgbench.report.kept import KeptVerification
    from sgbench.report.verification import Verification

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
    p.add_argument("--json", action="store_true", help="print for programs: an object")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Verify; returns 0, 1 if something differs, 2 if there is no report."""
    return execute(parser(), _verify, argv)


def _verify(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from sgbench.support.strict import json_text

    done, told = _verified(arguments.run)
    if arguments.json:
        print(json_text({"run": str(arguments.run), "same": not done.problems, "about": told, **asdict(done)}))
        return EXIT_DIFFERS if done.problems else 0
    for problem in done.problems:
        print(one_line(problem))
    print(told)
    return EXIT_DIFFERS if done.problems else 0


def _verified(run: Path) -> "tuple[Verification | KeptVerification, str]":
    """What was made again, and a sentence with the verdict that also says what was not."""
    from sgbench.report.kept import verify_kept
    from sgbench.report.packed import verify_reference
    from sgbench.report.verification import verify
    from sgbench.results.reference_folder import ReferenceFolder
    from sgbench.results.study_folder import StudyFolder

    named = one_line(run)
    if (reference := ReferenceFolder(run)).is_reference():
        packed = verify_reference(reference)
        return packed, (
            f"{named}: {packed.num_records:,} records of {packed.num_systems} systems made again from per-image "
            f"scores: {_verdict(packed.problems)}. A reference has no tables and no page that could be checked."
        )
    study = StudyFolder.named(run)
    if study.is_study() and (report := study.kept_report()):
        kept = verify_kept(study, report)
        others = f" ({one_line(', '.join(kept.unchecked))})" if kept.unchecked else ""
        return kept, (
            f"{named}: {kept.num_files} files made again from {kept.num_records:,} records: {_verdict(kept.problems)}. "
            "Not checked, for the per-image scores of its systems are not at hand: the records themselves, tables made "
            f"of scores{others}, pictures, the page in HTML."
        )
    done = verify(run)
    return done, (
        f"{named}: {done.num_records:,} records of {done.num_systems} systems and {done.num_files} files made again "
        "from per-image scores, all others and trained models at hand compared with their checksums: "
        f"{_verdict(done.problems)}. Pictures and translations were not made again."
    )


def _verdict(problems: Sequence[str]) -> str:
    return f"{len(problems)} differ" if problems else "all the same"
