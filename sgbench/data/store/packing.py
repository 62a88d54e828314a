"""Write packed images: one process per core decodes blocks of images straight into the shards' files."""

import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sgbench.data.source import Source
from sgbench.data.store.shards import ShardLayout, checksums
from sgbench.support.atomic import discard_partials, named
from sgbench.support.cores import usable_cores
from sgbench.support.errors import UserError
from sgbench.support.termination import ENDING

_BLOCK = 64
_AHEAD = 2
"""Number of blocks that a process is given in advance, so that it need not wait for the next one."""
_WORTH_A_PROCESS = 512
_KEPT_BYTES = 1 << 24
"""Each process allocates and frees so many bytes once. The GNU C library then keeps memory that a block has freed.
Otherwise it returns the memory after each block, and zeroing it again takes a tenth of the time that decoding takes."""
Block = tuple[int, range]
"""The number of a shard, and the positions of some of its images in the data set."""


def pack(
    source: Source,
    layout: ShardLayout,
    shards: Sequence[int],
    advance: Callable[[int], None],
    processes: int | None = None,
) -> None:
    """Write some shards, each completely or not at all. The caller holds the folder's lock.

    Args:
        advance: called with the number of images written since the last call.
        processes: number of processes that decode; by default one for each core that may be used, fewer for few images.

    Raises:
        UserError: an image cannot be read, the disk is full, or a process was killed. Finished shards are kept.
    """
    layout.folder.mkdir(parents=True, exist_ok=True)
    discard_partials(layout.folder)
    _check_room(layout, shards)
    left: dict[int, int] = {}

    def blocks() -> Iterator[Block]:
        for shard in shards:
            images = layout.images(shard)
            parts = [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
            left[shard] = len(parts)
            with named(layout.path(shard)), _partial(layout, shard).open("wb") as file:
                file.write(layout.header(shard))
                file.truncate(layout.num_bytes(shard))
            for part in parts:
                yield shard, part

    total = sum(len(layout.images(shard)) for shard in shards)
    processes = processes or max(1, min(_num_cores(), total // _WORTH_A_PROCESS))
    work = partial(_write_block, source, layout)
    finished: list[Future] = []
    try:
        with ThreadPoolExecutor(1) as disk, closing(_spread(work, blocks(), processes)) as written:
            for shard, part in written:
                left[shard] -= 1
                if not left[shard]:
                    finished.append(disk.submit(_finish, _partial(layout, shard), layout.path(shard)))
                advance(len(part))
        for shard in finished:
            shard.result()
    finally:
        discard_partials(layout.folder)


def _write_block(source: Source, layout: ShardLayout, block: Block) -> None:
    shard, part = block
    images = np.ascontiguousarray(source.read_many(part))
    if images.dtype != np.uint8 or images.shape != (len(part), 3, layout.image_size, layout.image_size):
        raise ValueError(
            f"{type(source).__name__}.read_many returned {images.dtype} {images.shape} for {len(part)} images"
        )
    place, start = part.start - layout.images(shard).start, len(layout.header(shard))
    with named(layout.path(shard)), _partial(layout, shard).open("r+b") as file:
        file.seek(start + place * layout.image_bytes)
        file.write(images.data)
        file.seek(start + len(layout.images(shard)) * layout.image_bytes + place * 8)
        file.write(checksums(images).data)


def _finish(written: Path, path: Path) -> None:
    """Write a shard to the disk, drop it from the page cache so that packing does not fill it, and rename the file."""
    with named(path), written.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    written.replace(path)


def _partial(layout: ShardLayout, shard: int) -> Path:
    path = layout.path(shard)
    return path.with_name(f".{path.stem}.packing.partial{path.suffix}")


def _check_room(layout: ShardLayout, shards: Sequence[int]) -> None:
    needed, free = sum(map(layout.num_bytes, shards)), shutil.disk_usage(layout.folder).free
    if needed > free:
        raise UserError(
            f"{layout.folder}: packing the images takes {needed / 1e6:,.1f} MB, {free / 1e6:,.1f} MB are free there; "
            "make room or choose another folder"
        )


def _num_cores() -> int:
    """Number of cores for the processes that decode; 1 if this process may not start other processes."""
    if multiprocessing.current_process().daemon:
        return 1
    return usable_cores()


def _spread(work: Callable[[Any], None], jobs: Iterable[Any], processes: int) -> Iterator[Any]:
    """Run jobs in several processes and yield each job when it is done, in any order; jobs are taken only when needed.

    On Linux the processes are forks, as in torch's DataLoader: they have the data set and torch without loading them
    again, and compute with one thread. On other systems each process starts a new interpreter.
    """
    if processes == 1:
        for job in jobs:
            work(job)
            yield job
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    waiting = iter(jobs)
    workers = []
    given: dict[Connection, deque] = {}
    try:
        for _ in range(processes):
            connection, other_end = context.Pipe()
            worker = context.Process(target=_serve, args=(work, other_end), daemon=True)
            worker.start()
            workers.append(worker)
            other_end.close()
            given[connection] = deque()
        for _ in range(_AHEAD):
            for connection, queue in given.items():
                _give(connection, queue, waiting)
        while any(given.values()):
            for connection in wait([c for c, queue in given.items() if queue]):
                error = connection.recv()
                if error is not None:
                    raise error
                job = given[connection].popleft()
                _give(connection, given[connection], waiting)
                yield job
    except (EOFError, ConnectionError) as error:
        raise UserError("a process that packs images was killed; see whether memory is short, and run again") from error
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()


def _give(connection: Connection, own: deque, waiting: Iterator[Any]) -> None:
    for job in waiting:
        connection.send(job)
        own.append(job)
        return


def _serve(work: Callable[[Any], None], connection: Connection) -> None:
    """Run jobs until the sending process is gone, then exit at once, without cleaning up what belongs to the sender."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    torch.set_num_threads(1)
    np.empty(_KEPT_BYTES, np.uint8)
    sender = multiprocessing.parent_process().sentinel
    try:
        while wait([connection, sender]) == [connection]:
            job, outcome = connection.recv(), None
            try:
                work(job)
            except (UserError, OSError) as error:
                outcome = error
            except Exception:
                outcome = RuntimeError(traceback.format_exc())
            connection.send(outcome)
    finally:
        os._exit(0)
