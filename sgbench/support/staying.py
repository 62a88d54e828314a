"""Code from elsewhere stays in the process that called it: it neither ends it, nor goes on in a second one.

What is refused is what code does in good faith, such as the last line of a script. Signals that kill end a process at
once, and so do functions of other libraries: no code of ours can put that off.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_ENDING = ("_exit", "execv", "execve")
"""Functions of ``os`` that end the program in this process; all others of their kind call them."""
_LEFT = 1
"""Exit status of a process that was forked and came back."""


class EndedAtOnce(SystemExit):
    """Raised in place of ``os._exit`` and ``os.execv``; its message is the call."""


@contextmanager
def staying(name: str) -> Iterator[None]:
    """While the block runs, ending this process is an error; one that was forked from it may end, and ends with it.

    A process that foreign code forks and does not end would go on with the suite's work, in the same files.

    Args:
        name: of the code, in what a process that is ended says.

    Raises:
        EndedAtOnce: the code ends the process.
    """
    process = os.getpid()
    before = {function: getattr(os, function) for function in _ENDING}
    for function, end in before.items():
        setattr(os, function, _refusing(function, end, process))
    try:
        yield
    finally:
        for function, end in before.items():
            setattr(os, function, end)
        if os.getpid() != process:
            with suppress(OSError, ValueError):
                print(f"warning: {name}: a process that it forked went on; it is ended", file=sys.stderr, flush=True)
            os._exit(_LEFT)


def _refusing(function: str, end: Callable, process: int) -> Callable:
    def refused(*about: Any) -> NoReturn:
        if os.getpid() != process:
            end(*about)
        raise EndedAtOnce(f"os.{function}({about[0]!r})")

    return refused
