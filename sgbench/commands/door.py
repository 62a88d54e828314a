"""``sgbench COMMAND``: finds the command's module and passes the arguments on. No slow import is made here."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from sgbench.commands.execution import Parser, guarded, refuse
from sgbench.support.ending import end

COMMANDS = {
    "run": ("sgbench.run", "train, score and report the methods of a study"),
    "config": ("sgbench.commands.config", "list the configs, or print one with a sentence on every setting"),
    "evaluate": ("sgbench.commands.evaluate", "score a submission, a system made elsewhere, by a study's protocol"),
    "translate": ("sgbench.commands.translate", "translate photographs by a trained model"),
    "export": ("sgbench.commands.export", "write a trained model, or training images, for others"),
    "regress": ("sgbench.commands.regress", "compare new records with reference records; fail when a metric moves"),
    "reference": ("sgbench.commands.reference", "pack what a repository keeps of a study, to compare later runs with"),
    "verify": ("sgbench.commands.verify", "make a report again from per-image scores and compare"),
    "leaderboard": ("sgbench.commands.leaderboard", "put the systems of many reports into one table"),
    "fetch": ("sgbench.commands.fetch", "fetch published weights that are not part of the package, and check them"),
    "status": ("sgbench.commands.status", "list studies and models: done, running, interrupted; progress, disk"),
    "pack": ("sgbench.commands.pack", "decode a data set's images once, or check decoded images"),
    "new": ("sgbench.commands.new", "write the files of a new method: a class that works, and its settings"),
    "check": ("sgbench.commands.check", "try whether a method does all that the contract asks for"),
    "completion": ("sgbench.commands.completion", "print a script by which a shell completes commands and options"),
}
"""Command -> its module and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; returns its status."""
    given = sys.argv[1:] if argv is None else list(argv)
    return guarded(lambda: _main(given))


def command() -> NoReturn:
    """The command of the process that this is."""
    end(main())


def _main(given: list[str]) -> int:
    name, *rest = given or [""]
    if name == "help" and rest:
        return _main([rest[0], "--help"])
    if name in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if name == "--version":
        import sgbench

        print(f"sgbench {sgbench.__version__}")
        return 0
    if name in COMMANDS:
        _find_own_code()
        return _module(name).main(rest)
    return refuse(_unknown(name))


def parser_of(name: str) -> Parser:
    """The options of a command."""
    return _module(name).parser()


def _module(name: str) -> Any:
    return import_module(COMMANDS[name][0])


def help_text() -> str:
    """The commands, with one line for each."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: sgbench COMMAND ...",
            "",
            "The benchmark for facial attribute manipulation when labels are scarce.",
            "",
            *lines,
            "",
            "sgbench COMMAND --help lists a command's options; sgbench --version prints the version.",
            "",
            "examples:",
            "  sgbench run --methods sggan,stargan,residualgan --sparse 500",
            "  sgbench help translate",
        ]
    )


def _find_own_code() -> None:
    """Let modules of the working folder be found, after all others; ``python -m`` finds them, a command does not."""
    with suppress(FileNotFoundError):  # the folder was removed
        if not sys.flags.safe_path and not {"", os.getcwd()} & set(sys.path):
            sys.path.append(os.getcwd())


def _unknown(name: str) -> str:
    known = f"the commands are {', '.join(COMMANDS)}"
    if not name:
        return f"no command is given; {known}"
    if name.startswith("-"):
        return f"{name} comes before a command; say sgbench run {name} ..."
    near = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    return f"unknown command '{name}'; " + (f"did you mean {near[0]}? " if near else "") + known
