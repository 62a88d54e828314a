"""A study's jobs: one after another in this process, or several at once, each in a process of its own."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch
from rich.console import Console

from sgbench.errors import UserError
from sgbench.job import is_done, run_job
from sgbench.plan import Folders, Job
from sgbench.screen import Screen, Task
from sgbench.settings import Settings
from sgbench.study import Study
from sgbench.training import Loop

_REPORT_SECONDS = 0.5
_INTERRUPTED = 130


def train_all(study: Study) -> int:
    """Train every job that is not done, ``workers`` of them at a time; returns how many there were.

    Processes share the cores evenly, whichever number of them is running, so that a job's arithmetic does not depend
    on what else is to be trained.

    Raises:
        UserError: CUDA is asked for and not there, an image cannot be read, a loss is not finite.
        KeyboardInterrupt: interrupted; every job that was running has left a checkpoint.
    """
    device = study.device
    jobs = [job for job in study.plan.jobs if not is_done(job, study.folders)]
    if not jobs:
        return 0
    labels = [f"training {number}/{len(jobs)} {job.title}" for number, job in enumerate(jobs, 1)]
    if study.settings.workers > 1 and device.type == "cpu":
        _ = study.images  # decoded once, before the processes open them
        _train_in_processes(study, jobs, labels)
        return len(jobs)
    for job, label in zip(jobs, labels, strict=True):
        with study.screen.task(label, job.entry.settings.iterations) as task:
            _train(study, job, task.update)
    return len(jobs)


def _train(study: Study, job: Job, update: Callable[[float, str], None]) -> None:
    loop = Loop(report=lambda done, losses: update(done, " ".join(f"{n} {v:.3g}" for n, v in losses.items())))
    run_job(job, study.images, study.plan.train, study.folders, study.device, study.settings.precision, loop)


@dataclass(frozen=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    messages: Connection
    task: Task


def _train_in_processes(study: Study, jobs: list[Job], labels: list[str]) -> None:
    threads = max(1, (os.cpu_count() or 1) // study.settings.workers)
    context = multiprocessing.get_context("spawn")
    waiting = list(zip(jobs, labels, strict=True))
    running: list[_Worker] = []
    with study.screen.tasks() as add:
        try:
            with _termination_interrupts():
                while waiting or running:
                    while waiting and len(running) < study.settings.workers:
                        job, label = waiting.pop(0)
                        receive, send = context.Pipe(duplex=False)
                        arguments = (study.settings, study.folders, job.name, send, threads)
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


def _work(settings: Settings, folders: Folders, name: str, messages: Connection, threads: int) -> None:
    """Train one job in a process of its own; say how far it is, or what is wrong."""
    torch.set_num_threads(threads)
    study = Study(settings, folders, Screen(Console(quiet=True)))
    job = next(job for job in study.plan.jobs if job.name == name)
    last = 0.0

    def update(done: float, detail: str) -> None:
        nonlocal last
        if done == job.entry.settings.iterations or time.monotonic() - last > _REPORT_SECONDS:
            last = time.monotonic()
            messages.send((done, detail))

    try:
        _train(study, job, update)
    except UserError as error:
        messages.send(str(error))
    except OSError as error:
        messages.send(f"{error.filename or folders.job(job)}: {error.strerror or error}; free space or mend the path")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


class _termination_interrupts:
    """Context in which SIGTERM raises KeyboardInterrupt, as SIGINT does."""

    def __enter__(self) -> None:
        self.previous = signal.signal(signal.SIGTERM, signal.default_int_handler)

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGTERM, self.previous)
