"""How a process of the suite ends: with its own status, and in time, whatever code from elsewhere has left running."""

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from sgbench.support.errors import one_line

_PATIENCE = 5.0
"""Seconds that what was left running has to end."""
_SHOWN = 200
_FEEDER = "QueueFeederThread"
"""Of multiprocessing: a daemon that Python waits for until another process has taken what is in its queue."""


def end(status: int) -> NoReturn:
    """End the process with a status; what code from elsewhere left running is told, and not waited for for long."""
    end_in_time(status)
    sys.exit(status)


def end_in_time(status: int) -> None:
    """Let this process, which is about to end, end with a status: not later than it must, and with no other.

    What code from elsewhere wants done at the end may call ``os._exit``, which would hide the status.
    """
    leave = os._exit
    os._exit = lambda _: leave(status)
    timer = threading.Timer(_PATIENCE, _leave_behind, [status])
    timer.daemon = True
    timer.start()


def _leave_behind(status: int) -> None:
    """End at once if something is left that Python waits for: queues, and threads and processes that are no daemons."""
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    threads = [t for t in others if not t.daemon or t.name == _FEEDER]
    processes = _children()
    if not threads and not processes:
        return
    names = one_line(", ".join(left.name for left in (*threads, *processes)), _SHOWN)
    kind = " and ".join(["threads"] * bool(threads) + ["processes"] * bool(processes))
    with suppress(OSError, ValueError):
        print(f"warning: code from elsewhere has left {kind} running ({names}); they are ended", file=sys.stderr)
    for process in processes:
        process.kill()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _children() -> list:
    """Processes that were started by multiprocessing, which may never have been imported, and still run."""
    multiprocessing = sys.modules.get("multiprocessing")
    return [child for child in multiprocessing.active_children() if not child.daemon] if multiprocessing else []
