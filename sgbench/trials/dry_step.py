"""A dry step of every method of a study, before judges or models are trained: what is wrong is said at once."""

from sgbench.data.store.packed import PackedImages
from sgbench.launching.forecast import kind
from sgbench.launching.memory import memory_errors_in_a_line
from sgbench.plan.study import Study
from sgbench.support.cores import torch_threads
from sgbench.trials.checks import CHECKS
from sgbench.trials.trial import Trial


def try_methods(study: Study, images: PackedImages) -> None:
    """Try each method that is still to be trained, once for each kind of its jobs; nothing of it is kept.

    Args:
        images: all images of the data set.

    Raises:
        UserError: one does not do what the contract asks for; says what, and how to mend it.
    """
    left = [job for job in study.plan.jobs if not study.runs.job(job.name).is_done()]
    jobs = list({kind(job): job for job in reversed(left)}.values())[::-1]
    if not jobs:
        return
    with study.screen.task("trying methods", len(jobs), "methods") as task:
        for job in jobs:
            with memory_errors_in_a_line(job, study.device), torch_threads(study.settings.threads):
                trial = Trial(job, images, study.device)
                for check in CHECKS.values():
                    if remark := trial.passes(check):
                        study.screen.say(f"warning: {job.slug}: {remark}")
            task.advance(1)
