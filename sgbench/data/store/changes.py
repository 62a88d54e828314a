"""Images that were changed in place after they were packed: found by the times of their files, then by their pixels."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.source import Source
from sgbench.support.atomic import replacing
from sgbench.support.errors import UserError

_TIMES = "file-times"
_COMPARED = 256
"""At most so many images whose files have another time are decoded again; a copied data set has other times for all."""
_AT_ONCE = 64


def keep_times(folder: Path, times: np.ndarray | None) -> None:
    """Keep beside packed images when their files were written to; nothing where that is not known."""
    if times is not None:
        with replacing(folder / _TIMES) as partial, partial.open("wb") as file:
            np.save(file, times, allow_pickle=False)


def check_unchanged(folder: Path, source: Source, images: Callable[[Tensor], Tensor]) -> None:
    """Refuse packed images whose files have other pixels now; files that were only copied or touched are no matter.

    Of a data set without files nothing is compared.

    Args:
        folder: the store's.
        images: positions int64 [n] -> uint8 [n, 3, S, S] as they were packed.

    Raises:
        UserError: an image was changed; names it.
    """
    times = source.times()
    if times is None:
        return
    before = _kept_times(folder, len(times))
    newer = np.flatnonzero(before != times)
    if not len(newer):
        return
    if len(newer) > _COMPARED:
        newer = newer[np.linspace(0, len(newer) - 1, _COMPARED, dtype=np.int64)]
    _compare(folder, source, images, newer)
    known = before.copy()  # what was not looked at stays to be looked at another time
    known[newer] = times[newer]
    keep_times(folder, known)


def check_everything(
    folder: Path, source: Source, images: Callable[[Tensor], Tensor], advance: Callable[[int, int], None] | None = None
) -> None:
    """Refuse packed images that are other ones now, whatever the times of their files; each is read again.

    Args:
        folder: the store's.
        images: positions int64 [n] -> uint8 [n, 3, S, S] as they were packed.
        advance: called with (images compared, images in all).

    Raises:
        UserError: an image was changed; names it.
    """
    times = source.times()
    _compare(folder, source, images, np.arange(len(source.ids)), advance)
    if times is not None and (_kept_times(folder, len(times)) != times).any():
        keep_times(folder, times)


def _compare(
    folder: Path,
    source: Source,
    images: Callable[[Tensor], Tensor],
    positions: np.ndarray,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    done = 0
    for part in torch.from_numpy(positions).split(_AT_ONCE):
        now = source.read_many(part.tolist())
        differs = (images(part).numpy() != now).reshape(len(part), -1).any(1)
        if differs.any():
            first = source.ids[int(part[int(differs.argmax())])]
            raise UserError(f"{first}: was changed since it was packed in {folder}; {changed_remedy(folder)}")
        done += len(part)
        if advance:
            advance(done, len(positions))


def _kept_times(folder: Path, number: int) -> np.ndarray:
    """The times that were kept; -1 for each image if there are none that can be read."""
    with suppress(OSError, ValueError, EOFError):
        times = np.load(folder / _TIMES, "r", allow_pickle=False)
        if times.shape == (number,) and times.dtype == np.int64:
            return times
    return np.full(number, -1)


def changed_remedy(folder: Path) -> str:
    """What helps when images are other ones than those that were packed."""
    return (
        f"what was trained and scored below {folder.parents[2]} is of the old ones: put those back, or give another "
        "folder with --out"
    )
