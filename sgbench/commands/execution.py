"""How every command ends: with an exit status and, if the user can fix something, one line that says so."""

import argparse
import atexit
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sgbench.support.errors import UserError, one_line

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Shows errors in one line, without the usage; does not accept abbreviated options."""

    def __init__(self, **settings: Any):
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def execute(parser: Parser, work: Callable[[argparse.Namespace], int], argv: Sequence[str] | None) -> int:
    """Parse, then call ``work``; returns its status, 2 on bad input (one line on stderr), 130 when interrupted."""
    from sgbench.support.termination import ignore_signals, termination_interrupts

    out = Path()
    try:
        arguments = parser.parse_args(argv)
        out = getattr(arguments, "out", out)
        with termination_interrupts(), warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)  # show our warnings, whatever filters this process has
            warnings.showwarning = _warn
            return work(arguments)
    except UserError as error:
        return refuse(error)
    except OSError as error:
        where = error.filename or out
        return refuse(f"{where}: {error.strerror or error}; free space, mend the path or choose another folder")
    except KeyboardInterrupt:
        atexit.register(ignore_signals)  # a further Ctrl-C while the process ends would be a traceback
        print("interrupted; all that is done is kept: run the same command again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED


def refuse(problem: object) -> int:
    """Print in one line what is wrong; returns the exit status for it."""
    print(f"error: {one_line(problem)}", file=sys.stderr)
    return EXIT_BAD_INPUT


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in one line, without its line of code."""
    print(f"warning: {one_line(message)}", file=sys.stderr)
