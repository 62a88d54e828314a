"""``sgbench status``: how far the studies and models of a run folder are."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench status",
        description="List the studies and models of a run folder: what is done, running and by which process, or was "
        "interrupted; progress and time left; accuracy, reports, grids of samples, disk. Nothing is changed, and "
        "nothing is waited for. The progress of a model in training is that of its last checkpoint, a minute old at "
        "most.",
        examples=("sgbench status", "sgbench status /shared/runs --json"),
    )
    p.add_argument("runs", nargs="?", type=path, default=Path("runs"), help="the run folder (default: runs)")
    p.add_argument("--json", action="store_true", help="print for programs: an object")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """List; returns 0, 2 if there is no such folder."""
    return execute(parser(), _status, argv)


def _status(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from sgbench.results.run_folder import RunFolder
    from sgbench.studies.watching import look
    from sgbench.studies.watching_lines import lines_of
    from sgbench.support.screen import Screen
    from sgbench.support.strict import json_text

    screen, found = Screen(), look(RunFolder(arguments.runs))
    if arguments.json:
        print(json_text(asdict(found)))
        return 0
    for line in lines_of(found):
        screen.result(line)
    return 0
