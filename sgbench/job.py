"""Runs one job: train it or resume it, mark it done. A finished job is never run twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from sgbench.atomic import discard_partials, replacing, write_text
from sgbench.data.batches import Batches
from sgbench.data.labels import all_groups
from sgbench.data.store import PackedImages
from sgbench.environment import commit, read_origin, write_origin
from sgbench.errors import UserError
from sgbench.method import Method
from sgbench.plan import Folders, Job
from sgbench.training import Loop, Precision, read_seconds, train
from sgbench.translation import to_bytes

DONE = "done"
_SAMPLES = 8


def is_done(job: Job, folders: Folders) -> bool:
    """Whether the job's model is trained to the end."""
    return (folders.job(job) / DONE).exists()


def run_job(
    job: Job,
    images: PackedImages | Tensor,
    positions: Tensor,
    folders: Folders,
    device: torch.device,
    precision: Precision,
    loop: Loop,
) -> None:
    """Train or resume, unless done.

    Args:
        images: uint8 [M, 3, S, S], all images of the data set.
        positions: int64 [N], the training images among them.

    Raises:
        UserError: another process is at this job.
    """
    folder = folders.job(job)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        with lock.acquire(timeout=0):
            if not is_done(job, folders):
                discard_partials(folder)
                _train(job, images, positions, folder, device, precision, loop)
    except Timeout as error:
        raise UserError(f"{folder}: another process is training this job; wait for it to end") from error


def _train(
    job: Job,
    images: PackedImages | Tensor,
    positions: Tensor,
    folder: Path,
    device: torch.device,
    precision: Precision,
    loop: Loop,
) -> None:
    commit()  # asked for now, as by a study: a job may run in a process of its own
    settings = job.entry.settings
    write_text(folder / "job.json", json.dumps(job.identity | {"manifest": job.labels.manifest}, indent=1) + "\n")
    torch.manual_seed(job.seed)
    method = job.entry.cls(job.attributes, job.image_size, settings, job.labels.labels)
    method = method.to(device, memory_format=torch.channels_last)
    batches = Batches(
        images,
        positions,
        job.labels,
        settings.batch_size,
        settings.labelled_share,
        job.entry.cls.sampling,
        job.seed,
        device,
    )
    shown = positions[:: max(1, len(positions) // _SAMPLES)][:_SAMPLES]
    x = images[shown].to(device).float().div(127.5).sub(1)
    labels = job.labels.labels[:: max(1, len(positions) // _SAMPLES)][:_SAMPLES].to(device)
    loop = replace(
        loop, sample=lambda trained, done: _write_grid(trained, x, labels, folder / f"samples/{done:06d}.png")
    )
    train(method, batches, folder, job.seed, precision, loop)
    write_origin(folder / DONE, device)


def job_origin(job: Job, folders: Folders) -> dict[str, Any] | None:
    """What finished a job, as ``environment.write_origin`` kept it; None where it is not known."""
    return read_origin(folders.job(job) / DONE)


def training_seconds(job: Job, folders: Folders) -> float | None:
    """Time spent in a finished job's iterations, over all its runs; None where it was not kept."""
    return read_seconds(folders.job(job))


@torch.no_grad()
def _write_grid(method: Method, x: Tensor, labels: Tensor, path: Path) -> None:
    """A row of training images, then a row for each group."""
    rows = [x] + [method.edit(x, labels, group) for group in all_groups(method.attributes)]
    grid = make_grid(to_bytes(torch.cat(rows)), nrow=len(x), padding=2)
    with replacing(path) as partial:
        Image.fromarray(grid.permute(1, 2, 0).numpy()).save(partial, format="PNG")
