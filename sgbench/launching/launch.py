"""A study's jobs: one after another in this process, or several at once, each in a process of its own."""

from sgbench.data.store.packed import PackedImages
from sgbench.launching.job import losses_in_words, run_job
from sgbench.launching.processes import train_in_processes
from sgbench.plan.study import Study
from sgbench.support.screen import Task
from sgbench.training.loop import Loop


def train_jobs(study: Study, images: PackedImages) -> None:
    """Train every job that is not done, ``workers`` of them at a time.

    Processes share the cores evenly, whichever number of them is running, so that a job's arithmetic does not depend
    on what else is to be trained.

    Args:
        images: all images of the data set.

    Raises:
        UserError: an image cannot be read, a loss is not finite, another process is at a job.
        KeyboardInterrupt: interrupted; every job that was running has left a checkpoint.
    """
    jobs = [job for job in study.plan.jobs if not study.runs.job(job.name).is_done()]
    labels = [f"training {number}/{len(jobs)} {job.title}" for number, job in enumerate(jobs, 1)]
    if study.settings.workers > 1 and study.device.type == "cpu":
        train_in_processes(jobs, labels, images, study.runs, study.settings.workers, study.screen)
        return
    for job, label in zip(jobs, labels, strict=True):
        with study.screen.task(label, job.entry.settings.iterations) as task:

            def report(done: int, losses: dict[str, float], task: Task = task) -> None:
                task.update(done, losses_in_words(losses))

            run_job(job, images, study.runs, study.device, Loop(report=report))
