"""``sgbench reference``: packs the records of a study that later runs are compared with."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import know_metrics, path
from sgbench.support.errors import UserError, one_line


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench reference",
        description="Pack what a repository needs to keep of a study so that sgbench regress compares later runs with "
        "it: records, per-image scores, settings, tolerances to review. An earlier reference there is replaced; its "
        "tolerances and notes stay.",
        examples=(
            "sgbench reference runs/quick-500 -o reference/",
            "sgbench reference runs/quick-500 -o reference/ --no-scores",
        ),
    )
    p.add_argument("run", type=path, metavar="RUN", help="folder of a study or an evaluation, such as runs/quick-500")
    p.add_argument(
        "-o", "--out", type=path, default=Path("reference"), metavar="DIR", help="where to (default: reference)"
    )
    p.add_argument(
        "--no-scores",
        action="store_true",
        help="without per-image scores: all is compared by tolerances, 30 times smaller",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Pack, and say how large it is; returns the exit status."""
    return execute(parser(), _pack, argv)


def _pack(arguments: argparse.Namespace) -> int:
    from sgbench.regression.packing import pack_reference

    run, to = arguments.run, arguments.out
    know_metrics(run)
    try:
        packed = pack_reference(run, to, not arguments.no_scores)
    except OSError as error:
        raise UserError(f"{to}: {error.strerror or error}; an earlier reference is as it was") from error
    scores = (
        f"per-image scores of {packed.num_scored} ({_size(packed.scores_bytes)})" if packed.num_scored else "no scores"
    )
    print(
        one_line(
            f"{to}: {packed.num_systems} systems and controls, {packed.num_records:,} records "
            f"({_size(packed.records_bytes)}), {scores}. Review {to / 'tolerances.yaml'}, and compare later runs by: "
            f"sgbench regress {to} {run}"
        )
    )
    return 0


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB"
