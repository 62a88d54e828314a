"""Jobs on a Ray cluster: sent to machines that have room, listened to in one place, resumed when lost, ended together.

All machines share the run folder, so that a job whose process or machine is lost goes on from its checkpoint elsewhere.
"""

import platform
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from sgbench.data.store.packed import PackedImages
from sgbench.launching.board import Board
from sgbench.launching.memory import killed
from sgbench.launching.parcel import Parcel, carry_out
from sgbench.launching.ray_cluster import connected, gpu_share, imported_ray
from sgbench.launching.slots import room_for
from sgbench.plan.job import Job
from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen, Task
from sgbench.support.termination import termination_interrupts

_RETRIES = 3
"""How often a job is resumed whose process was lost; each time it goes on from its last checkpoint."""
_POLL_SECONDS = 0.5
_ENDING_SECONDS = 120.0
"""How long jobs that are told to end may take for an iteration and a checkpoint."""
_LOCK_SECONDS = 120.0
"""How long a resumed job waits for the lock of the process that was lost.

On one machine the system drops the lock when the process ends. On a shared file system the server drops the locks of a
machine that is gone when its lease runs out, after 90 seconds with NFS 4 as it comes. A machine that Ray has lost and
that still trains keeps the lock, so that two never train one job. Where a file system is mounted so that locks are not
seen by other machines (Lustre's ``localflock``), only Ray prevents that: it ends the jobs of a machine that it lost.
"""


def train_on_ray(
    jobs: Sequence[Job],
    labels: Sequence[str],
    images: PackedImages,
    runs: RunFolder,
    device: torch.device,
    workers: int | None,
    threads: int,
    screen: Screen,
    tensorboard: bool = False,
) -> None:
    """Train jobs on a Ray cluster, ``workers`` of them at a time on all its machines together.

    Args:
        workers: None for as many as the cluster has room for, each on a GPU of its own if they take GPUs.
        labels: what the screen calls each job.
        device: the kind of device; which one it is, the cluster decides.
        threads: CPUs that each job takes, and threads that it computes with on them.
        tensorboard: tell TensorBoard how they go.

    Raises:
        UserError: Ray is not installed, the cluster cannot run such jobs, or what is wrong with a job; the others have
            left checkpoints.
        KeyboardInterrupt: interrupted; every job that was running has left a checkpoint.
    """
    ray = imported_ray()
    with (
        termination_interrupts(),
        connected(ray, workers or room_for(device, threads, torch.cuda.device_count()), threads, screen),
        termination_interrupts(),  # again, for connecting sets a handler of Ray's own
        screen.tasks() as add,
    ):
        share = gpu_share([node["Resources"] for node in ray.nodes() if node["Alive"]], device, threads, workers or 1)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), False
        )
        board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
        remote = ray.remote(num_cpus=threads, num_gpus=share, max_retries=_RETRIES, max_calls=1)(_train)
        store, root = images.folder.resolve(), runs.root.resolve()
        images, runs = PackedImages(store), RunFolder(root)
        given = torch.device("cuda", 0) if share else device  # a process on the cluster sees the GPU that it was given
        waiting = list(range(len(jobs)))
        running: dict[Any, int] = {}
        tasks: dict[int, Task] = {}

        def show(number: int, done: int, losses: str) -> None:
            if number not in tasks:
                tasks[number] = add(labels[number], jobs[number].entry.settings.iterations, "iterations")
            tasks[number].update(done, losses)

        try:
            while waiting or running:
                while waiting and len(running) < (workers or len(jobs)):
                    number = waiting.pop(0)
                    parcel = Parcel(jobs[number], images, runs, given, threads, _LOCK_SECONDS, tensorboard)
                    running[remote.remote(parcel.packed(), str(store), board, number)] = number
                ended, _ = ray.wait(list(running), timeout=_POLL_SECONDS)
                for number, said in ray.get(board.news.remote()).items():
                    show(number, *said)
                for reference in ended:
                    number = running.pop(reference)
                    try:
                        said = _ending(ray, reference, jobs[number])
                    except ray.exceptions.TaskCancelledError:  # told to end by its machine, it has left a checkpoint
                        waiting.append(number)
                    else:
                        if said:
                            show(number, *said)
        finally:
            for reference in running:
                ray.cancel(reference)
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=_ENDING_SECONDS)


def _ending(ray: ModuleType, reference: Any, job: Job) -> tuple[int, str] | None:
    """What a job that has ended said last: iterations done and losses; None if it had been done before.

    Raises:
        UserError: what is wrong with the job.
        TaskCancelledError: Ray's, of a job that was told to end.
    """
    try:
        wrong, said = ray.get(reference)
    except (ray.exceptions.TaskCancelledError, ray.exceptions.RayTaskError):  # the latter is a fault of the code
        raise
    except ray.exceptions.RayError as error:
        raise killed(job) from error
    if wrong:
        raise UserError(wrong)
    return said


def _train(packed: bytes, store: str, board: Any, number: int) -> tuple[str | None, tuple[int, str] | None]:
    """Train one job in a process of the cluster; returns what is wrong, or None, and what was said last.

    What is said is not waited for: while a task waits, Ray takes it that its CPUs are free.

    Args:
        store: the folder of the packed images, by which it is known whether this machine shares the run folder.
    """
    if not Path(store).is_dir():
        return f"{store}: cannot be seen on {platform.node()}; --out must be on a file system that all share", None
    last: tuple[int, str] | None = None

    def tell(done: int, losses: str) -> None:
        nonlocal last
        if last:
            board.tell.remote(number, *last)  # but for the last, which is returned
        last = done, losses

    return carry_out(packed, tell), last
