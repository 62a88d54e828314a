"""``sgbench verify``: makes a finished report again from per-image scores and says whether it is the same."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path

EXIT_DIFFERS = 1


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench verify",
        description="Make the records, tables and page of a report again from per-image scores and compare them.",
        closing="Exit status: 0 if the report is the same, 1 if it differs, 2 if it cannot be read.",
        examples=("sgbench verify runs/quick-500", "sgbench verify runs/AttGAN"),
    )
    p.add_argument("run", type=path, metavar="RUN", help="folder of a study or an evaluation, such as runs/quick-500")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Verify; returns 0, 1 if something differs, 2 if there is no report."""
    return execute(parser(), _verify, argv)


def _verify(arguments: argparse.Namespace) -> int:
    from sgbench.report.verification import verify
    from sgbench.support.errors import one_line

    done = verify(arguments.run)
    for problem in done.problems:
        print(one_line(problem))
    verdict = f"{len(done.problems)} differ" if done.problems else "all the same"
    where = one_line(arguments.run)
    print(
        f"{where}: {done.num_records:,} records of {done.num_systems} systems and {done.num_files} files made "
        "again from per-image scores, all others and trained models at hand compared with their checksums: "
        f"{verdict}. Pictures and translations were not made again."
    )
    return EXIT_DIFFERS if done.problems else 0
