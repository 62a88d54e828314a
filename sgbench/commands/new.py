"""``sgbench new``: write files to begin with."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench new",
        description="Write the files of a new method: a small class that works and says what the contract asks for, "
        "and a config that trains, scores and reports it. Nothing is overwritten.",
        examples=("sgbench new method MyGAN", 'sgbench new method "My GAN" -o experiments'),
    )
    p.add_argument("kind", choices=("method",), help="what is new")
    p.add_argument("name", metavar="NAME", help="what it is called in tables; class and files are named after it")
    p.add_argument("-o", "--output", type=path, default=Path(), metavar="DIR", help="where to (default: this folder)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Write; returns 0, 2 on bad input."""
    return execute(parser(), _new, argv)


def _new(arguments: argparse.Namespace) -> int:
    from sgbench.starting.files import names_of, write_method
    from sgbench.support.screen import Screen

    screen, names = Screen(), names_of(arguments.name)
    files = write_method(arguments.name, arguments.output)
    for file in files:
        screen.result(str(file))
    config = files[-1].name
    inside = f" in {arguments.output}" if arguments.output != Path() else ""
    screen.say(f"next{inside}: sgbench check {names.module}:{names.cls} --config {config}")
    screen.say(f"then{inside}: sgbench run --config {config}")
    return 0
