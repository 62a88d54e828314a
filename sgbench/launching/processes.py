"""Jobs in processes of their own: started, listened to, ended together."""

import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from sgbench.data.store.packed import PackedImages
from sgbench.launching.job import losses_in_words, run_job
from sgbench.plan.job import Job
from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen, Task
from sgbench.training.loop import Loop

_REPORT_SECONDS = 0.5
_INTERRUPTED = 130


@dataclass(frozen=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    messages: Connection
    task: Task


def train_in_processes(
    jobs: Sequence[Job],
    labels: Sequence[str],
    images: PackedImages,
    runs: RunFolder,
    workers: int,
    screen: Screen,
) -> None:
    """Train jobs on the CPU, ``workers`` of them at a time, each with its share of the cores.

    Args:
        labels: what the screen calls each job.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    waiting = list(zip(jobs, labels, strict=True))
    running: list[_Worker] = []
    with screen.tasks() as add:
        try:
            with _termination_interrupts():
                while waiting or running:
                    while waiting and len(running) < workers:
                        job, label = waiting.pop(0)
                        receive, send = context.Pipe(duplex=False)
                        arguments = (pickle.dumps((job, images, runs)), send, threads)
                        process = context.Process(target=_work, args=arguments, daemon=True)
                        _start(process)
                        send.close()
                        running.append(_Worker(process, receive, add(label, job.entry.settings.iterations)))
                    ready = wait([worker.messages for worker in running])
                    running = [w for w in running if w.messages not in ready or _listen(w)]
        finally:
            for worker in running:
                worker.process.terminate()
            for worker in running:
                worker.process.join()


def _start(process: multiprocessing.process.BaseProcess) -> None:
    """Start a process that leaves Ctrl-C to this one, except while it trains."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, previous)


def _listen(worker: _Worker) -> bool:
    """Show what a worker says; whether it is still at work.

    Raises:
        UserError: it says what is wrong.
        KeyboardInterrupt: it was interrupted.
    """
    try:
        message = worker.messages.recv()
    except EOFError:
        worker.process.join()
        if worker.process.exitcode == _INTERRUPTED:
            raise KeyboardInterrupt from None
        if worker.process.exitcode:
            raise UserError(f"a training process ended with status {worker.process.exitcode}") from None
        return False
    if isinstance(message, str):
        raise UserError(message)
    worker.task.update(*message)
    return True


def _work(parcel: bytes, messages: Connection, threads: int) -> None:
    """Train one job in a process of its own; say how far it is, or what is wrong.

    Args:
        parcel: the job, the images and the folder of all runs, pickled by the process that starts this one.
    """
    torch.set_num_threads(threads)
    job, images, runs = pickle.loads(parcel)
    folder = runs.job(job.name)
    try:
        run_job(job, images, runs, torch.device("cpu"), _telling(messages, job.entry.settings.iterations))
    except UserError as error:
        messages.send(str(error))
    except OSError as error:
        messages.send(f"{error.filename or folder.path}: {error.strerror or error}; free space or mend the path")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _telling(messages: Connection, iterations: int) -> Loop:
    """A loop that tells the parent now and then how far it is."""
    last = 0.0

    def report(done: int, losses: dict[str, float]) -> None:
        nonlocal last
        if done == iterations or time.monotonic() - last > _REPORT_SECONDS:
            last = time.monotonic()
            messages.send((done, losses_in_words(losses)))

    return Loop(report=report)


class _termination_interrupts:
    """Context in which SIGTERM raises KeyboardInterrupt, as SIGINT does."""

    def __enter__(self) -> None:
        self.previous = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGTERM, self.previous)
