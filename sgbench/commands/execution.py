"""How every command ends: with an exit status and, if the user can fix something, one line that says so.

======  ==============================================================================================
status  meaning
======  ==============================================================================================
0       done
1       ``regress``: a metric moved; ``verify``: a report is not what it was made of; ``check``: a method
        breaks the contract. Nothing else
2       bad input: one line says what is wrong and how to mend it
3       a fault of sgbench: the traceback, and a line that asks for a report
130     interrupted
141     whoever read the output, such as ``head``, closed it before the command was done
======  ==============================================================================================
"""

import argparse
import atexit
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from textwrap import fill
from typing import Any, NoReturn

from sgbench.support.errors import BrokenFile, UserError, one_line

EXIT_BAD_INPUT = 2
EXIT_FAULT = 3
EXIT_INTERRUPTED = 130
EXIT_CLOSED_OUTPUT = 141
_LONGEST_LINE = 2000
_WIDTH = 100
"""Of the texts of a help."""
_Appending = argparse._AppendAction  # argparse has no public name for it


class Parser(argparse.ArgumentParser):
    """Shows errors in one line, without the usage; accepts neither abbreviated nor repeated options.

    Those whose action is ``append`` may be repeated.

    Args:
        examples: commands that its help ends with.
        closing: a sentence that stands before them.
    """

    def __init__(self, examples: Sequence[str] = (), closing: str = "", **settings: Any):
        shown = "\n".join(["examples:", *(f"  {example}" for example in examples)]) if examples else ""
        epilog = "\n\n".join(filter(None, (fill(closing, _WIDTH), shown)))
        form = argparse.RawDescriptionHelpFormatter
        described = fill(settings.pop("description", ""), _WIDTH)
        super().__init__(allow_abbrev=False, formatter_class=form, description=described, epilog=epilog, **settings)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        options = [arg.partition("=")[0] for arg in (sys.argv[1:] if args is None else args) if arg.startswith("--")]
        for option in options[: options.index("--") if "--" in options else None]:
            if options.count(option) > 1 and not isinstance(self._option_string_actions.get(option), _Appending):
                self.error(f"argument {option}: is given {options.count(option)} times; give it once")
        return super().parse_args(args, namespace)

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse itself keeps quiet about a full disk

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def execute(parser: Parser, work: Callable[[argparse.Namespace], int], argv: Sequence[str] | None) -> int:
    """Parse, then call ``work``; returns its status, or another one of the table above."""
    from sgbench.support.staying import staying
    from sgbench.support.termination import termination_interrupts

    def parsed() -> int:
        arguments = parser.parse_args(argv)
        try:
            with termination_interrupts(), staying("sgbench"), warnings.catch_warnings():
                warnings.simplefilter("default", UserWarning)  # show our warnings, whatever filters this process has
                warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata, which is not used
                warnings.showwarning = _warn
                return work(arguments)
        except OSError as error:
            named = [name for name in (error.filename2, error.filename) if name is not None][:1]
            if not named and not isinstance(error, FileNotFoundError):  # of the output: who writes a file names it
                raise
            what = ": ".join(str(part) for part in (*named, error.strerror or error))
            return refuse(f"{what}; free space, mend the path or choose another folder")
        except SystemExit as error:  # of foreign code, or of rich where the output is closed
            if isinstance(error.__context__, BrokenPipeError):
                raise error.__context__ from None
            raise RuntimeError(f"something ended the command with status {error.code}") from error

    return guarded(parsed)


def guarded(work: Callable[[], int]) -> int:
    """Call ``work``; returns its status, or the one of how it failed. What cannot be printed is escaped."""
    from sgbench.support.process_state import open_streams
    from sgbench.support.termination import ignore_signals

    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return work()
        finally:
            if not sys.stdout.closed:
                sys.stdout.flush()
    except (UserError, BrokenFile) as error:
        return refuse(error)
    except BrokenPipeError:
        _close_output()
        return EXIT_CLOSED_OUTPUT
    except OSError as error:  # of the output itself, such as a file on a full disk
        _close_output()
        return refuse(f"standard output: {error.strerror or error}; free space or send it elsewhere")
    except MemoryError:
        return refuse("memory ran out; ask for fewer or smaller images, or end other programs")
    except KeyboardInterrupt:
        atexit.register(ignore_signals)  # a further Ctrl-C while the process ends would be a traceback
        _tell("interrupted; all that is done is kept: run the same command again to go on")
        return EXIT_INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:
        _tell("".join(traceback.format_exception(error)).rstrip())
        fault = one_line(f"{type(error).__name__}: {error}", _LONGEST_LINE)
        _tell(
            f"fault: {fault}; this should not happen: please report it to the authors of sgbench, with the lines above "
            "and the command; all that is done is kept"
        )
        return EXIT_FAULT


def refuse(problem: object) -> int:
    """Print in one line what is wrong; returns the exit status for it."""
    _tell(f"error: {one_line(problem, _LONGEST_LINE)}")
    return EXIT_BAD_INPUT


def _tell(text: str) -> None:
    """Print to standard error; if that is full or closed, the exit status alone has to say it."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _close_output() -> None:
    """Point the output at nothing, so that the interpreter does not fail to flush it when it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in one line, without its line of code."""
    _tell(f"warning: {one_line(message)}")
