"""A study's jobs: one after another in this process, several at once in processes of their own, or on a Ray cluster."""

import torch

from sgbench.data.store.packed import PackedImages
from sgbench.launching.job import losses_in_words, run_job
from sgbench.launching.memory import memory_errors_in_a_line
from sgbench.launching.processes import train_in_processes
from sgbench.launching.ray_cluster import imported_ray
from sgbench.launching.ray_jobs import train_on_ray
from sgbench.launching.slots import room_for, slot_devices, too_few_cores
from sgbench.launching.tensorboard import imported_writer
from sgbench.plan.study import Study
from sgbench.support.cores import torch_threads
from sgbench.support.screen import Task
from sgbench.training.loop import Loop


def check_launcher(study: Study) -> None:
    """Refuse a launcher, or TensorBoard, that is not installed, before anything is trained.

    Raises:
        UserError: says what to install.
    """
    if study.settings.launcher == "ray":
        imported_ray()
    if study.settings.tensorboard:
        imported_writer()


def train_jobs(study: Study, images: PackedImages) -> None:
    """Train every job that is not done, ``workers`` of them at a time.

    Each job computes with ``threads`` threads wherever it runs, so that its arithmetic depends neither on the number of
    workers nor on what else is to be trained.

    Args:
        images: all images of the data set.

    Raises:
        UserError: an image cannot be read, a loss is not finite, memory ran out, another process is at a job.
        KeyboardInterrupt: interrupted; every job that was running has left a checkpoint.
    """
    jobs = [job for job in study.plan.jobs if not study.runs.job(job.name).is_done()]
    if not jobs:
        return
    labels = [f"training {number}/{len(jobs)} {job.title}" for number, job in enumerate(jobs, 1)]
    workers, threads, board = study.settings.workers, study.settings.threads, study.settings.tensorboard
    torch.cuda.empty_cache()  # what this process keeps for later is memory that processes of jobs could not have
    if study.settings.launcher == "ray":
        train_on_ray(jobs, labels, images, study.runs, study.device, workers, threads, study.screen, board)
        return
    workers = workers or min(room_for(study.device, threads, torch.cuda.device_count()), len(jobs))
    at_once = min(workers, len(jobs))
    if note := too_few_cores(at_once, threads):
        study.screen.say(note)
    if workers > 1:
        devices = slot_devices(study.device, workers, torch.cuda.device_count())
        train_in_processes(jobs, labels, images, study.runs, devices, threads, study.screen, board)
        return
    for job, label in zip(jobs, labels, strict=True):
        with study.screen.task(label, job.entry.settings.iterations, "iterations") as task, torch_threads(threads):

            def report(done: int, losses: dict[str, float], task: Task = task) -> None:
                task.update(done, losses_in_words(losses))

            with memory_errors_in_a_line(job, study.device):
                run_job(job, images, study.runs, study.device, Loop(report=report), tensorboard=board)
