"""``sgbench completion``: a script by which a shell completes commands and options."""

import argparse
from collections.abc import Sequence

from sgbench.commands.door import COMMANDS, parser_of
from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path

SHELLS = ("bash", "zsh", "tcsh")


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench completion",
        description="Print a script by which a shell completes the commands of sgbench and their options.",
        examples=(
            "sgbench completion bash > ~/.local/share/bash-completion/completions/sgbench",
            "sgbench completion zsh > ~/.zfunc/_sgbench",
        ),
    )
    p.add_argument("shell", choices=SHELLS, help="the shell")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Print the script; returns 0."""
    return execute(parser(), _complete, argv)


def _complete(arguments: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(_everything(), arguments.shell))
    return 0


def _everything() -> argparse.ArgumentParser:
    """All commands as one parser; paths are completed as files."""
    import shtab

    everything = argparse.ArgumentParser(prog="sgbench")
    everything.add_argument("--version", action="store_true", help="print the version")
    commands = everything.add_subparsers()
    for name, (_, about) in COMMANDS.items():
        own = parser_of(name)
        for action in own._actions:
            if action.type is path:
                action.complete = shtab.FILE
        commands.add_parser(name, parents=[own], add_help=False, help=about, conflict_handler="resolve")
    return everything
