"""What studies would do, before anything is done: jobs, systems, what is there, and what the rest would take."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch

from sgbench.launching.slots import room_for
from sgbench.methods.networks import num_parameters
from sgbench.plan.job import Job
from sgbench.plan.study import Study
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.run_folder import RunFolder
from sgbench.support.cores import torch_threads
from sgbench.support.errors import BrokenFile
from sgbench.support.global_state import foreign

_NUMBERS_A_PARAMETER = 3
"""A checkpoint keeps each parameter, in float32, with its two moments."""
_TRIED_SIZE = 32
"""On a CPU an iteration is tried at this size: its arithmetic grows with the number of pixels."""
_TRIES = {"cpu": 1, "cuda": 3}
"""Iterations that are tried; the quickest counts, since the first one on a GPU loads kernels."""


@dataclass(frozen=True)
class Forecast:
    """What is left of a job.

    Attributes:
        iterations: still to be trained.
        seconds: that these take, about.
        bytes: of its checkpoint; 0 where it is there.
    """

    job: Job
    iterations: int
    seconds: float
    bytes: int


def forecast(studies: Sequence[Study]) -> list[Forecast]:
    """What is left of every job of some studies, each job once.

    An iteration takes as long as those of a similar job that is kept. Without one a few are tried on noise, with
    nothing kept of them: on a CPU at 32x32, and then multiplied by the number of pixels.
    """
    jobs = {job.name: (job, study) for study in studies for job in study.plan.jobs}
    kept = {name: _kept(study.runs, name) for name, (_, study) in jobs.items()}
    speeds = {kind(jobs[name][0]): seconds / done for name, (done, seconds) in kept.items() if seconds}
    found = []
    for name, (job, study) in jobs.items():
        done, _ = kept[name]
        left = job.entry.settings.iterations - done
        if left and kind(job) not in speeds:
            speeds[kind(job)] = _tried(job, study)
        size = 0 if done else 4 * _NUMBERS_A_PARAMETER * num_parameters(job.outline())
        found.append(Forecast(job, left, left * speeds.get(kind(job), 0.0), size))
    return found


@dataclass(frozen=True)
class Total:
    """What is left of all jobs together.

    Attributes:
        models: how many there are.
        trained: how many of these are trained.
        seconds: of the training that is left, about, with that many workers.
        device: where they train, ``cpu`` or ``cuda``.
        disk: bytes of models that are still to be trained, and of images.
        memory: bytes of images, which all jobs share.
    """

    models: int
    trained: int
    seconds: float
    workers: int
    device: str
    disk: int
    memory: int


def total(studies: Sequence[Study], parts: Sequence[Forecast]) -> Total:
    """What is left of all jobs together."""
    todo = [part for part in parts if part.iterations]
    device, settings = studies[0].device, studies[0].settings
    room = settings.workers or room_for(device, settings.threads, torch.cuda.device_count())
    workers = max(1, min(room, len(todo)))
    images = {study.plan.source.fingerprint: _bytes_of_images(study) for study in studies}
    return Total(
        models=len(parts),
        trained=len(parts) - len(todo),
        seconds=sum(part.seconds for part in todo) / workers,
        workers=workers,
        device=device.type,
        disk=sum(part.bytes for part in todo) + sum(images.values()),
        memory=max(images.values()),
    )


def _kept(runs: RunFolder, name: str) -> tuple[int, float]:
    """Iterations of a job that are done, and the seconds that they took; zeros where nothing usable is kept."""
    folder = runs.job(name)
    if not folder.checkpoint.exists():
        return 0, 0.0
    try:
        checkpoint = read_checkpoint(folder, mapped=True)
    except BrokenFile:
        return 0, 0.0
    return checkpoint.iteration, checkpoint.seconds or 0.0


def kind(job: Job) -> tuple[object, ...]:
    """What jobs have in common whose iterations take equally long."""
    settings = job.entry.settings.model_dump_json(exclude={"iterations", "constant_iterations"})
    values = tuple(len(attribute.values) for attribute in job.attributes)
    return job.entry.cls, settings, values, job.image_size, job.precision


def _tried(job: Job, study: Study) -> float:
    """Seconds of an iteration, from a few on noise."""
    device, threads = study.device, study.settings.threads
    size = min(job.image_size, _TRIED_SIZE) if device.type == "cpu" else job.image_size
    small = replace(job, image_size=size)
    noise = torch.randint(256, (1, 3, size, size), dtype=torch.uint8).expand(len(study.plan.source.ids), -1, -1, -1)
    with torch_threads(threads), foreign(job.code):
        method = small.build().to(device, memory_format=torch.channels_last).train()
        batches = small.batches(noise, device)
        autocast = torch.autocast(device.type, torch.bfloat16) if job.precision == "bfloat16" else nullcontext()
        seconds = []
        for iteration in range(_TRIES[device.type]):
            drawn = batches.at(iteration, method.batches_per_iteration)
            began = time.monotonic()
            with autocast:
                method.step(drawn, iteration)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.monotonic() - began)
    return min(seconds) * (job.image_size / size) ** 2


def _bytes_of_images(study: Study) -> int:
    return len(study.plan.source.ids) * 3 * study.settings.data.image_size**2
