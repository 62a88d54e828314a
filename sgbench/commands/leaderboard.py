"""``sgbench leaderboard``: one table of the systems of many reports."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path
from sgbench.support.errors import UserError, one_line

EXIT_LEFT_OUT = 1


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench leaderboard",
        description="Put the systems of any reports that were scored by the same protocol into one table, as Markdown, "
        "CSV and a page in HTML. Each report is checked first, as sgbench verify does; one that does not stand the "
        "check is left out.",
        closing="Exit status: 0 if every report is in it, 1 if one was left out, 2 if none can be read.",
        examples=(
            "sgbench leaderboard reports/ runs/",
            "sgbench leaderboard reports/ runs/quick-mine -o board/",
        ),
    )
    p.add_argument(
        "reports", type=path, nargs="+", metavar="DIR", help="folder of a study, an evaluation, a report, or of several"
    )
    p.add_argument(
        "-o", "--out", type=path, default=Path("leaderboard"), metavar="DIR", help="where to (default: leaderboard)"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Check, join and write; returns the exit status."""
    return execute(parser(), _leaderboard, argv)


def _leaderboard(arguments: argparse.Namespace) -> int:
    from sgbench.leaderboard.boards import make_boards
    from sgbench.leaderboard.entrants import find_reports, problems_of, read_entrant
    from sgbench.leaderboard.pages import write_pages
    from sgbench.leaderboard.reported import reported_tables
    from sgbench.support.screen import Screen

    screen, entrants, left_out = Screen(), [], 0
    for name, study in find_reports(arguments.reports):
        try:
            problems = problems_of(study)
            entrants += [] if problems else [read_entrant(name, study)]
        except UserError as error:
            problems = (str(error),)
        if problems:
            left_out += 1
            screen.say(
                f"left out: {name}: {problems[0]}" + (f" (and {len(problems) - 1} more)" if problems[1:] else "")
            )
    if not entrants:
        raise UserError("no report stood its check, so there is nothing to compare")
    boards = make_boards(entrants)
    page = write_pages(arguments.out, boards, reported_tables())
    rows = sum(len(board.rows) for board in boards)
    print(
        one_line(
            f"{page}: {_some(rows, 'system')} of {_some(len(entrants), 'report')}, by {_some(len(boards), 'protocol')}"
        )
    )
    return EXIT_LEFT_OUT if left_out else 0


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
