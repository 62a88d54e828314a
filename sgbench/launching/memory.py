"""Memory that runs out while a job trains: how that is known, and the line that says what to lower."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sgbench.plan.job import Job
from sgbench.support.blame import ran_out
from sgbench.support.errors import UserError


@contextmanager
def memory_errors_in_a_line(job: Job, device: torch.device) -> Iterator[None]:
    """While the block trains a job, an error that says that there is no memory left becomes a UserError.

    Raises:
        UserError: names the job and what to lower.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise UserError(f"{job.title}: out of memory on {device}; {_remedy(job)}") from error


def killed(job: Job) -> UserError:
    """The error of a job whose process was killed without a word, which is what Linux does when memory runs out."""
    return UserError(f"{job.title}: its process was killed, most likely because memory ran out; {_remedy(job)}")


def _remedy(job: Job) -> str:
    batch_size = f"methods.{job.entry.key}.batch_size (now {job.entry.settings.batch_size})"
    return f"lower --workers, {batch_size} or --image-size (now {job.image_size}), and run again"
