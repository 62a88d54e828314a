"""What belongs to the whole process besides libraries' settings: its streams, signals, rights of new files, limits."""

import csv
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

_STREAMS = ("stdin", "stdout", "stderr")
_LAST = 2
"""The number of the last standard stream."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE") if hasattr(signal, name))


def _rights() -> int:
    """The rights that new files do not get; the system tells them only when they are set."""
    os.umask(now := os.umask(0o077))
    return now


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _handle(handlers: dict[int, Any]) -> None:
    """Set handlers again; one that Python did not set cannot be, and other threads than the main one set none."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)


PROCESS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    *((partial(getattr, sys, name), partial(setattr, sys, name)) for name in _STREAMS),
    (_handlers, _handle),
    (_rights, os.umask),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (csv.field_size_limit, csv.field_size_limit),
)
"""How each is read, and how it is written if it was changed."""


def open_streams() -> None:
    """Open standard streams that the process was started without onto nothing.

    Otherwise the first files that are opened would have their numbers, and get what libraries print.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        os.set_inheritable(number, True)
    os.close(number)
    for name in _STREAMS:
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
