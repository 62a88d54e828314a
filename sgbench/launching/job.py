"""Runs one job: train it or resume it, mark it done. A finished job is never run twice."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch

from sgbench.data.pixels import to_floats
from sgbench.data.store.packed import PackedImages
from sgbench.launching.memory import ran_out
from sgbench.launching.trials import Trial
from sgbench.plan.job import Job
from sgbench.results.job_folder import JobFolder
from sgbench.results.job_identity import write_labels
from sgbench.results.run_folder import RunFolder
from sgbench.support.code import lines_in
from sgbench.support.environment import commit, origin
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign, own_state
from sgbench.support.locks import locked
from sgbench.training.loop import Loop, train

_SAMPLES = 8


@own_state()
def run_job(
    job: Job, images: PackedImages, runs: RunFolder, device: torch.device, loop: Loop, lock_seconds: float = 0.0
) -> None:
    """Train or resume, unless done; the job's name, which holds its hash, says where.

    Args:
        images: all images of the job's data set.
        lock_seconds: how long to wait for another process that is at this job.

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
            with foreign(job.code), _errors_of_its_code(job):  # once, not around every step
                _train(job, images, folder, device, loop)


def _train(job: Job, images: PackedImages, folder: JobFolder, device: torch.device, loop: Loop) -> None:
    commit()  # read now, for a job may run in its own process
    folder.write_identity(job.identity, job.labels.manifest, job.code, job.data, job.files, origin(device))
    write_labels(folder, job.labels.labels.numpy())
    method = job.build().to(device, memory_format=torch.channels_last)
    step = max(1, len(job.train) // _SAMPLES)
    x = to_floats(images[job.train[::step][:_SAMPLES]].to(device))
    labels = job.labels.labels[::step][:_SAMPLES].to(device)
    trial, resumed = Trial(job, folder, x, labels), folder.checkpoint.exists()
    loop = replace(loop, sample=trial.run)
    train(method, job.batches(images, device), folder, job.seed, job.precision, loop)
    if resumed and (told := trial.lost(method)):
        warnings.warn(told, stacklevel=2)
    folder.mark_done(origin(device))


@contextmanager
def _errors_of_its_code(job: Job) -> Iterator[None]:
    """While the block trains a job, an error of a method from elsewhere becomes a line that says where it arose.

    Raises:
        UserError: names the class, the file and the line.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        lines = lines_in(error, job.entry.cls.__module__)
        if not lines or ran_out(error):
            raise
        raise UserError(f"{job.code}: {lines[-1]}: {type(error).__name__}: {summary(error)}") from error


def losses_in_words(losses: Mapping[str, float]) -> str:
    """Losses as the screen shows them."""
    return " ".join(f"{name} {value:.3g}" for name, value in losses.items())
