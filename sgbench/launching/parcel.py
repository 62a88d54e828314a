"""A job sent to another process: packed by the command, carried out there, with one line if it fails."""

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from sgbench.data.store.packed import PackedImages
from sgbench.launching.job import losses_in_words, run_job
from sgbench.launching.memory import memory_errors_in_a_line
from sgbench.plan.job import Job
from sgbench.results.run_folder import RunFolder
from sgbench.support.code import files_of, is_data, made_of
from sgbench.support.cores import torch_threads
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign
from sgbench.training.loop import Loop

_REPORT_SECONDS = 0.5
Tell = Callable[[int, str], None]
"""Called now and then with the iterations done and the losses in words."""


@dataclass(frozen=True)
class Parcel:
    """A job and all that another process needs to train it.

    Attributes:
        device: as the other process counts devices.
        threads: those that torch computes with on the CPU.
        lock_seconds: how long to wait for another process that is at this job, before that is an error.
        tensorboard: tell TensorBoard how it goes.
    """

    job: Job
    images: PackedImages
    runs: RunFolder
    device: torch.device
    threads: int
    lock_seconds: float = 0.0
    tensorboard: bool = False

    def packed(self) -> bytes:
        """What ``carry_out`` takes.

        Raises:
            UserError: the job's settings, which are of the method's own class, cannot be packed.
        """
        try:
            return pickle.dumps(self)
        except Exception as error:  # whatever the method's code raises
            told = f"its settings cannot be sent to another process ({summary(error)})"
            raise UserError(
                f"{self.job.code}: {told}; define their class at the top of a module or in the method's, or train in "
                "one process (workers: 1)"
            ) from error


def carry_out(packed: bytes, tell: Tell) -> str | None:
    """Train a parcel's job in this process; returns a line that says what is wrong, or None when the job is done.

    Raises:
        KeyboardInterrupt: interrupted; the job has left a checkpoint.
    """
    place: object = "the run folder"
    try:
        with foreign("the job's code"):  # it is imported here
            parcel: Parcel = pickle.loads(packed)
        _check_code(parcel.job)
        job, device, place = parcel.job, parcel.device, parcel.runs.job(parcel.job.name).path
        loop = Loop(report=_now_and_then(tell, job.entry.settings.iterations))
        with memory_errors_in_a_line(job, device), torch_threads(parcel.threads):
            if device.type == "cuda":
                torch.cuda.set_device(device)
            run_job(job, parcel.images, parcel.runs, device, loop, parcel.lock_seconds, parcel.tensorboard)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or place}: {error.strerror or error}; free space or mend the path"
    return None


def _check_code(job: Job) -> None:
    """Refuse a class whose code is other here than where the job was planned, and whose hashes it is kept with.

    Data files do not count: another job's code may have written one, such as a log, in between.

    Raises:
        UserError: it was changed in between.
    """
    here, planned = (
        made_of({name: digest for name, digest in files.items() if not is_data(name)})
        for files in (files_of(job.entry.cls.__module__), job.files)
    )
    if here != planned:
        raise UserError(f"{job.code}: its files were changed while the study was running; run again")


def _now_and_then(tell: Tell, iterations: int) -> Callable[[int, dict[str, float]], None]:
    """A report of the loop's that is told after half a second at the earliest, or after the last iteration."""
    last = 0.0

    def report(done: int, losses: dict[str, float]) -> None:
        nonlocal last
        if done == iterations or time.monotonic() - last > _REPORT_SECONDS:
            last = time.monotonic()
            tell(done, losses_in_words(losses))

    return report
