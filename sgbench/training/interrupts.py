"""Signals that end a training: they are noted while an iteration runs and acted on after it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sgbench.support.termination import ENDING


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag that the loop reads between iterations.

    The same signal again does what the first would have done without this. SIGHUP stays ignored where it was.
    """
    caught: list[int] = []

    def note(number: int, frame: object) -> None:
        if number not in caught:
            caught.append(number)
        elif callable(handler := previous[number]):
            handler(number, frame)
        else:
            signal.signal(number, handler)
            signal.raise_signal(number)

    noted = [signal.SIGINT, *(n for n in ENDING if n == signal.SIGTERM or signal.getsignal(n) is not signal.SIG_IGN)]
    previous = {number: signal.getsignal(number) for number in noted}
    try:
        for number in noted:
            signal.signal(number, note)
    except ValueError:  # not the main thread: no signals arrive here
        yield lambda: False
        return
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
