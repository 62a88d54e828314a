"""What belongs to the whole process besides libraries' settings: its streams, signals, timers, environment, limits."""

import csv
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

_STREAMS = ("stdin", "stdout", "stderr")
_LAST = 2
"""The number of the last standard stream."""
_NAMES = ("INT", "TERM", "HUP", "PIPE", "QUIT", "CHLD", "ALRM", "VTALRM", "PROF", "USR1", "USR2")
_SIGNALS = [getattr(signal, f"SIG{name}") for name in _NAMES if hasattr(signal, f"SIG{name}")]
"""Whose handlers code sets: for the end, for processes that it started, for its timers."""
_TIMERS = [getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]


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
            if handler is not None and handler != signal.getsignal(number):
                signal.signal(number, handler)


def _running() -> list[bool]:
    """Whether each timer will send its signal; SIGALRM and its like would end whatever is under way then."""
    return [signal.getitimer(timer) != (0.0, 0.0) for timer in _TIMERS]


def _stop(before: list[bool]) -> None:
    """Stop timers that did not run before; one that was stopped cannot be set to what was left of its time."""
    for timer, ran in zip(_TIMERS, before, strict=True):
        if not ran:
            signal.setitimer(timer, 0)


def _set_environment(before: dict[str, str]) -> None:
    for key in os.environ.keys() - before.keys():
        del os.environ[key]
    os.environ.update(before)
    if hasattr(time, "tzset"):
        time.tzset()  # the C library keeps a time zone of its own


PROCESS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    *((partial(getattr, sys, name), partial(setattr, sys, name)) for name in _STREAMS),
    (_handlers, _handle),
    (_running, _stop),
    (os.environ.copy, _set_environment),
    (_rights, os.umask),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (csv.field_size_limit, csv.field_size_limit),
    (gc.isenabled, lambda collects: gc.enable() if collects else gc.disable()),
)
"""How each is read, and how it is written if it was changed."""


@contextmanager
def descriptors_put_back() -> Iterator[None]:
    """Context after which the numbers of the standard streams stand for the files that they stood for.

    Where one was closed, the next file that is opened would have its number, and get what is printed.
    """
    kept: dict[int, int] = {}
    for number in range(_LAST + 1):
        with suppress(OSError):  # it is closed already
            kept[number] = os.dup(number)
    try:
        yield
    finally:
        for number, copy in kept.items():
            with suppress(OSError):  # the copies were closed too
                if not _is_same(number, copy):
                    os.dup2(copy, number)
                os.close(copy)


def _is_same(number: int, copy: int) -> bool:
    try:
        return os.path.sameopenfile(number, copy)
    except OSError:
        return False


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
