"""``sgbench check``: try whether a method does all that the contract asks for."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute

EXIT_BROKEN = 1


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench check",
        description="Try whether a method does what the contract asks for: it is built, trained for a few iterations "
        "on embedded faces, stopped and resumed, and asked for results. A line for each check; status 1 if one failed.",
        examples=(
            "sgbench check my_package.mygan:MyGAN",
            "sgbench check mygan:MyGAN --config mygan.yaml",
        ),
    )
    p.add_argument("method", metavar="METHOD", help="package.module:Class, or the name of a method of the suite")
    p.add_argument(
        "--settings",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings of the method; by default small ones, since nothing is learned",
    )
    p.add_argument("--config", metavar="FILE", help="a config that has the method: its settings are taken")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Check; returns 0, 1 if the contract is broken, 2 on bad input."""
    return execute(parser(), _check, argv)


def _check(arguments: argparse.Namespace) -> int:
    from sgbench.methods.contract import Method
    from sgbench.methods.declared import undeclared
    from sgbench.settings.config_files import METHOD_PACKAGES
    from sgbench.support.cores import torch_threads
    from sgbench.support.errors import one_line
    from sgbench.support.global_state import own_state
    from sgbench.support.loading import load_class
    from sgbench.support.screen import Screen
    from sgbench.trials.contract import check_contract
    from sgbench.trials.own_settings import settings_for

    screen = Screen()
    cls, broken = load_class(arguments.method, Method, METHOD_PACKAGES), False
    settings = None if undeclared(cls) else settings_for(cls, arguments.settings, arguments.config)
    with own_state(), torch_threads(1):
        for finding in check_contract(cls, settings):
            broken |= finding.state == "failed"
            words = f": {one_line(finding.words)}" if finding.words else ""
            screen.result(f"{finding.state:<14}  {finding.check}{words}")
    return EXIT_BROKEN if broken else 0
