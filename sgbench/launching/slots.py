"""Workers as slots: the device that each trains on, and whether the cores are enough for all of them."""

import torch

from sgbench.support.cores import usable_cores


def room_for(device: torch.device, threads: int, gpus: int) -> int:
    """How many jobs are trained at once if nothing is said: one for each GPU, or as many as the cores allow.

    Args:
        threads: of each job on the CPU.
        gpus: number of GPUs that torch sees.
    """
    return max(1, gpus if device.type == "cuda" else usable_cores() // threads)


def slot_devices(device: torch.device, workers: int, gpus: int) -> list[torch.device]:
    """The device of each worker: worker k trains on GPU k mod ``gpus``, or all on the CPU.

    Args:
        gpus: number of GPUs that torch sees.
    """
    if device.type != "cuda":
        return [device] * workers
    return [torch.device("cuda", worker % gpus) for worker in range(workers)]


def too_few_cores(at_once: int, threads: int) -> str | None:
    """A line that says that jobs have fewer cores than threads; None if they have enough."""
    cores = usable_cores()
    if at_once * threads <= cores:
        return None
    return (
        f"training {_counted(at_once, 'job')} at once with {_counted(threads, 'thread')} each, but only "
        f"{_counted(cores, 'core')} may be used here: slower than it could be, with the same results"
    )


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
