"""Runs the command in processes that are killed at one of their file operations.

The processes are forks of one that has imported everything and done nothing else, so that they start at once.
"""

import contextlib
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

PRELOADED = [
    "sgbench.run",
    "sgbench.launching.launch",
    "sgbench.report.console",
    "sgbench.report.making",
    "sgbench.scoring.systems",
    "sgbench.studies.place",
    "sgbench.methods.sggan",
    "sgbench.data.sources.faces",
    "matplotlib.backends.backend_agg",
]
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
WRITING = os.O_WRONLY | os.O_RDWR


def watch(folder: Path, at: int = 0) -> Callable[[], int]:
    """Count this process's operations that change something below a folder; returns what tells their number.

    Before number ``at`` the process is killed, and the file that it opened last is cut in half, as if in the middle of
    being written. If it is whole already, it has its name, and is not cut.
    """
    number, last = 0, ""

    def hook(event: str, about: tuple) -> None:
        nonlocal number, last
        writes = event == "open" and isinstance(about[2], int) and about[2] & WRITING
        if not (writes or event in CHANGES) or not str(about[0]).startswith(str(folder)):
            return
        number += 1
        if number == at:
            if last and os.path.exists(last):
                os.truncate(last, os.path.getsize(last) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        if writes:
            last = str(about[0])

    sys.addaudithook(hook)
    return lambda: number


def run(arguments: list[str], folder: Path, at: int = 0) -> tuple[int, int]:
    """Run the command in a process of its own; returns its exit status and the number of its operations below a folder.

    Args:
        at: the operation before which the process is killed; 0 for none.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(arguments, folder, at, send))
    process.start()
    send.close()
    with contextlib.suppress(EOFError):
        status, number = receive.recv()
        process.join()
        return status, number
    process.join()
    return process.exitcode, at


def _run(arguments: list[str], folder: Path, at: int, send) -> None:
    from sgbench.run import main

    told = watch(folder, at)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        status = main(arguments)
    send.send((status, told()))
