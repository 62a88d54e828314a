"""Runs one job: train it or resume it, mark it done. A finished job is never run twice."""

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

import torch

from sgbench.data.pixels import to_floats
from sgbench.data.store.packed import PackedImages
from sgbench.launching.lasting import BUFFER, LastingCheck
from sgbench.launching.tensorboard import curves_of
from sgbench.methods.contract import Method
from sgbench.plan.job import Job
from sgbench.results.job_folder import JobFolder
from sgbench.results.job_identity import write_labels
from sgbench.results.origin import LOST
from sgbench.results.run_folder import RunFolder
from sgbench.support.blame import errors_in_a_line
from sgbench.support.environment import commit, origin
from sgbench.support.global_state import foreign, own_state
from sgbench.support.locks import locked
from sgbench.training.loop import Loop, train

_SAMPLES = 8


@own_state()
def run_job(
    job: Job,
    images: PackedImages,
    runs: RunFolder,
    device: torch.device,
    loop: Loop,
    lock_seconds: float = 0.0,
    tensorboard: bool = False,
) -> None:
    """Train or resume, unless done; the job's name, which holds its hash, says where.

    Args:
        images: all images of the job's data set.
        lock_seconds: how long to wait for another process that is at this job.
        tensorboard: tell TensorBoard how it goes.

    Raises:
        ValueError: the images are of another data set than the job's hash says.
        UserError: another process is still at this job, or the method's code ends the process.
    """
    if images.fingerprint != job.source:
        raise ValueError(f"{job.name}: is of data {job.source[:16]}, the images are of {str(images.fingerprint)[:16]}")
    folder = runs.job(job.name)
    with locked(folder.lock, folder.busy, lock_seconds):
        if not folder.is_done():
            folder.prepare()
            with foreign(job.code), errors_in_a_line(job.code, job.entry.cls.__module__):  # once, not around every step
                at = JobFolder(folder.path.absolute())  # also if the method changes the working directory
                lost = _train(job, images, at, device, loop, tensorboard)
            if lost:
                told = f"{lost}: changed in training and are not in its state dict, so they were lost when it was"
                name = job.entry.cls.display_name
                warnings.warn(f"{folder.path}: {name}: {told} interrupted; {BUFFER}", stacklevel=2)


def _train(
    job: Job, images: PackedImages, folder: JobFolder, device: torch.device, loop: Loop, tensorboard: bool
) -> str:
    """Train to the end; returns what state of the method's was lost where training had been interrupted, by name."""
    commit()  # read now, for a job may run in its own process
    folder.write_identity(job.identity, job.labels.manifest, job.code, job.data, job.files, origin(device))
    write_labels(folder, job.labels.labels.numpy())
    method = job.build().to(device, memory_format=torch.channels_last)
    step = max(1, len(job.train) // _SAMPLES)
    x = to_floats(images[job.train[::step][:_SAMPLES]].to(device))
    labels = job.labels.labels[::step][:_SAMPLES].to(device)
    lasting, resumed = LastingCheck(job, folder, x, labels), folder.checkpoint.exists()
    with curves_of(folder, method) if tensorboard else nullcontext() as curves:

        def report(done: int, losses: dict[str, float]) -> None:
            if loop.report:
                loop.report(done, losses)
            if curves:
                curves.losses(done, losses)

        def sample(trained: Method, done: int) -> None:
            grid = lasting.run(trained, done)
            if curves:
                curves.grid(done, grid)

        own = replace(loop, report=report, sample=sample)
        train(method, job.batches(images, device), folder, job.seed, job.precision, own)
    lost = lasting.lost(method) if resumed else ""
    folder.mark_done(origin(device) | ({LOST: lost} if lost else {}))
    return lost


def losses_in_words(losses: Mapping[str, float]) -> str:
    """Losses as the screen shows them."""
    return " ".join(f"{name} {value:.3g}" for name, value in losses.items())
