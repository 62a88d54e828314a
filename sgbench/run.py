"""``python -m sgbench.run``: train, score and report the methods of a study with one command."""

import argparse
import sys
import time
from collections.abc import Sequence

from sgbench.command import (
    Parser,
    add_data_options,
    add_scoring_options,
    data_overrides,
    execute,
    given,
    levels,
    names,
    numbers,
    scoring_overrides,
)


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="python -m sgbench.run",
        description="Train, score and report methods of facial attribute manipulation when labels are scarce.",
        epilog="What is not given is the config's. The same command again resumes what was interrupted and repeats "
        "nothing that is done.",
    )
    p.add_argument(
        "--methods",
        type=_methods,
        metavar="A,B",
        help="methods of the config, or package.module:Class; none for the judge and the controls alone",
    )
    p.add_argument("--sparse", type=levels, metavar="K,..", help="labels per value: numbers, or all")
    p.add_argument("--study", metavar="NAME", help="name of the report's folder (default: the config's)")
    p.add_argument("--seeds", type=numbers, metavar="0,1", help="seeds of sparse labels and training")
    add_data_options(p)
    add_scoring_options(p)
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to train (default: auto)")
    p.add_argument(
        "--workers", type=int, metavar="N", help="jobs trained at once on a CPU, each with its share of cores"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns 0, 2 on bad input (one line says what and how to mend it), 130 when interrupted."""
    return execute(parser(), _run, argv)


def _run(arguments: argparse.Namespace) -> int:
    scoring = scoring_overrides(arguments)

    from sgbench.config_files import find_config
    from sgbench.entries import study_entries
    from sgbench.launch import train_all
    from sgbench.plan import Folders
    from sgbench.reporting import make_report, write_runtime
    from sgbench.screen import Screen
    from sgbench.settings import read_settings
    from sgbench.study import Study, check_networks, describe
    from sgbench.systems import score_all

    settings = read_settings(
        find_config(arguments.config), _overrides(arguments) | {"scoring": scoring}, data_overrides(arguments)
    )
    study = Study(settings, Folders(arguments.out), Screen())
    check_networks(study)
    describe(study)
    start = time.monotonic()
    num_trained = train_all(study)
    trained = time.monotonic()
    score_all(study)
    scored = time.monotonic()
    page, records = make_report(study, study_entries(study))
    seconds = {"training": trained - start, "scoring": scored - trained, "report": time.monotonic() - scored}
    write_runtime(study, records, seconds if num_trained else {})
    study.screen.say(f"report: {page}")
    return 0


def _methods(text: str) -> list[str]:
    return [] if text == "none" else names(text)


def _overrides(arguments: argparse.Namespace) -> dict:
    """What the command line sets at the top level."""
    return given(
        {
            "study": arguments.study,
            "methods": arguments.methods,
            "levels": arguments.sparse,
            "seeds": arguments.seeds,
            "device": arguments.device,
            "workers": arguments.workers,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
