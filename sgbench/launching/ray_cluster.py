"""The Ray cluster that jobs are sent to: one that is running, or one that is started on this machine."""

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch

from sgbench.launching.slots import too_few_cores
from sgbench.support.cores import usable_cores
from sgbench.support.errors import UserError, summary
from sgbench.support.screen import Screen

_STORE_BYTES = 1 << 28
"""Memory for what is sent to jobs, a few MB each, of a cluster that is started here."""
_ANSWER_SECONDS = 10.0


def imported_ray() -> ModuleType:
    """Ray, which only ``--launcher ray`` needs.

    Raises:
        UserError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise UserError("--launcher ray: Ray is not installed here: pip install 'sgbench[ray]'") from error
    return ray


@contextmanager
def connected(ray: ModuleType, at_once: int, threads: int, screen: Screen) -> Iterator[None]:
    """Hold a connection to a cluster while the block runs.

    It is the cluster at ``RAY_ADDRESS``, else the one that ``ray start`` made on this machine. If there is neither, or
    the address is ``local``, one is started here that ends with the block.

    Args:
        at_once: number of jobs at a time, for all of which a cluster that is started here has room.
        threads: CPUs that each of them takes.

    Raises:
        UserError: there is no cluster at the address.
    """
    address = os.environ.get("RAY_ADDRESS", "auto")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        if not (address != "local" and _joined(ray, address, quiet)):
            if note := too_few_cores(at_once, threads):
                screen.say(note)
            ray.init(
                "local",
                num_cpus=max(usable_cores(), at_once * threads),
                num_gpus=torch.cuda.device_count(),
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                **quiet,
            )
        yield
    finally:
        ray.shutdown()


def _joined(ray: ModuleType, address: str, quiet: dict) -> bool:
    """Connect to a running cluster; False if none was named and none is there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if port.isdecimal():  # Ray itself would wait for the address without an end
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
        ray.init(address, **quiet)
    except Exception as error:  # Ray raises errors of many kinds
        if address == "auto" and isinstance(error, ConnectionError):
            return False
        raise UserError(
            f"--launcher ray: no Ray cluster answers at {address}: {summary(error)}; start it, or set RAY_ADDRESS=local"
        ) from error
    return True


def gpu_share(machines: Sequence[Mapping[str, float]], device: torch.device, threads: int, workers: int) -> float:
    """The part of a GPU that each of ``workers`` jobs takes; 0 on a CPU.

    Every GPU takes equally many, so that of 9 workers for 8 GPUs one waits: Ray fills a GPU before it takes the next.

    Args:
        machines: what each machine of the cluster has, by Ray's names: ``CPU``, ``GPU``.
        threads: CPUs that each job takes.

    Raises:
        UserError: there is no machine that a job could ever run on.
    """
    most = max((machine.get("CPU", 0) for machine in machines), default=0)
    if threads > most:
        raise UserError(
            f"--launcher ray: no machine of the cluster has {threads} CPUs, the largest has {most:g}; lower --threads"
        )
    if device.type != "cuda":
        return 0.0
    gpus = sum(machine.get("GPU", 0) for machine in machines)
    if not gpus:
        raise UserError("--launcher ray: the cluster has no GPU; add machines that have, or choose --device cpu")
    return 1 / max(1, int(workers // gpus))
