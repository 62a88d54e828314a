"""Signals that ask the command to end are interrupts, like Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Sent by a scheduler or ``kill``; sent when the terminal is closed."""


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does.

    A signal that the process was started to ignore, as ``nohup`` does with SIGHUP, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal arrives here
        yield
        return
    previous = {number: signal.getsignal(number) for number in ENDING}
    heeded = [number for number, handler in previous.items() if handler is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, previous[number])


def ignore_signals() -> None:
    """From now on nothing but SIGKILL ends this process early: it is about to end."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *ENDING):
            signal.signal(number, signal.SIG_IGN)
