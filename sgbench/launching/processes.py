"""Jobs in processes of their own on this machine: started, listened to, ended together."""

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from sgbench.data.store.packed import PackedImages
from sgbench.launching.memory import killed
from sgbench.launching.parcel import Parcel, carry_out
from sgbench.plan.job import Job
from sgbench.results.job_folder import JobFolder
from sgbench.results.run_folder import RunFolder
from sgbench.support.ending import end, end_in_time
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen, Task
from sgbench.support.termination import ENDING, termination_interrupts

_INTERRUPTED = 130
_POLL_SECONDS = 1.0
"""How often it is looked whether a process has ended without a word: one that it has left may hold its connection."""


@dataclass(frozen=True)
class _Worker:
    job: Job
    folder: JobFolder
    device: torch.device
    process: multiprocessing.process.BaseProcess
    messages: Connection
    task: Task


def train_in_processes(
    jobs: Sequence[Job],
    labels: Sequence[str],
    images: PackedImages,
    runs: RunFolder,
    devices: Sequence[torch.device],
    threads: int,
    screen: Screen,
    tensorboard: bool = False,
) -> None:
    """Train jobs, one at a time on each of the devices.

    Args:
        labels: what the screen calls each job.
        devices: one for each worker; the same device can be there several times.
        threads: those that each job computes with on the CPU.
        tensorboard: tell TensorBoard how they go.

    Raises:
        UserError: what is wrong with a job; the others have left checkpoints.
        KeyboardInterrupt: interrupted; every job that was running has left a checkpoint.
    """
    waiting = list(zip(jobs, labels, strict=True))
    free = list(devices)
    running: list[_Worker] = []
    with screen.tasks() as add:
        try:
            with termination_interrupts():
                while waiting or running:
                    while waiting and free:
                        job, label = waiting.pop(0)
                        task = add(label, job.entry.settings.iterations, "iterations")
                        running.append(
                            _started(Parcel(job, images, runs, free.pop(0), threads, tensorboard=tensorboard), task)
                        )
                    wait([worker.messages for worker in running], _POLL_SECONDS)
                    ended = [worker for worker in running if not _listen(worker)]
                    free += [worker.device for worker in ended]
                    running = [worker for worker in running if worker not in ended]
        finally:
            _end(running)


def _end(workers: Sequence[_Worker]) -> None:
    """Let workers leave their checkpoints and end; if that is interrupted too, they end at once."""
    try:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()
    finally:
        for worker in workers:
            worker.process.kill()


def _started(parcel: Parcel, task: Task) -> _Worker:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(parcel.packed(), send), daemon=True)
    _start(process)
    send.close()
    return _Worker(parcel.job, parcel.runs.job(parcel.job.name), parcel.device, process, receive, task)


def _start(process: multiprocessing.process.BaseProcess) -> None:
    """Start a process that leaves Ctrl-C to this one, except while it trains, and a terminal that is closed."""
    left = [number for number in (signal.SIGINT, *ENDING) if number != signal.SIGTERM]
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in left}
    try:
        process.start()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _listen(worker: _Worker) -> bool:
    """Show what a worker says; whether it is still at work.

    Raises:
        UserError: it says what is wrong, was killed, or ended before the job was done.
        KeyboardInterrupt: it was interrupted.
    """
    alive, message = worker.process.is_alive(), None  # before it is looked what was said last
    try:
        message = worker.messages.recv() if worker.messages.poll() else None
    except EOFError:
        worker.process.join()
        alive = False
    if isinstance(message, str):
        raise UserError(message)
    if message is not None:
        worker.task.update(*message)
    elif not alive:
        _check_ended(worker)
    return alive or message is not None


def _check_ended(worker: _Worker) -> None:
    status = worker.process.exitcode
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    if status == -signal.SIGKILL:
        raise killed(worker.job)
    if status:
        raise UserError(f"{worker.job.title}: its process ended with status {status}")
    if not worker.folder.is_done():
        raise UserError(f"{worker.job.title}: its process ended before the job was done; run again")


def _work(parcel: bytes, messages: Connection) -> None:
    """Train one job in a process of its own; say how far it is, or what is wrong."""
    try:
        wrong = carry_out(parcel, lambda done, losses: messages.send((done, losses)))
    except KeyboardInterrupt:
        end(_INTERRUPTED)
    if wrong:
        messages.send(wrong)
    end_in_time(0)
