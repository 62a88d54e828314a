"""Replaces the reference by the new records, completely or not at all.

What is replaced is set aside first, in one piece and under a name that is known. An update that is killed thus leaves
the reference as it was, or set aside whole: the next comparison puts it back.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir

from sgbench.regression.sides import is_report, is_study, record_files, scores_beside
from sgbench.support.atomic import ABANDONED_SECONDS, discard_partials, partial_folder, partial_name, replacing
from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_value
from sgbench.support.locks import locked

_FILES = ".files-before-update"
_PATIENCE = 60.0
"""Seconds that another update is waited for."""


def replace_reference(
    reference: Path, new: Path, scores: bool = True, complete: Callable[[Path], None] = lambda folder: None
) -> None:
    """Put the new records, and the scores beside them, in place of the reference's.

    A folder is made beside the reference, then renamed. All old records and scores are removed; the reference's other
    files, such as tolerances and notes, stay. The reference need not exist yet.

    Args:
        scores: whether a folder gets the scores too.
        complete: writes what else belongs into the folder, before it is put in place.

    Raises:
        UserError: one is a file and the other a folder, or one is inside the other, or a link in the reference leads
            out of it to where records would be written.
        OSError: no space or no permission; the reference is as it was.
    """
    if is_study(reference) or is_report(reference):
        raise UserError(f"{reference} is a study's folder or a report's; keep references in another folder")
    old, now = reference.resolve(), new.resolve()
    if reference.exists() and reference.is_dir() != new.is_dir():
        raise UserError(f"{reference} and {new} must be two CSV files or two folders")
    if old == now or old in now.parents or now in old.parents:
        raise UserError(f"one of {reference} and {new} is inside the other; choose another folder for one")
    with _alone_at(old):
        discard_partials(old.parent, old.stem, ABANDONED_SECONDS)
        if now.is_dir():
            _replace_folder(old, now, scores, complete)
        else:
            _replace_file(old, now)


def settle(reference: Path) -> None:
    """Put back what an update has set aside and not replaced because it was killed: the reference, or a file in it.

    Raises:
        UserError: another process is updating it, and does not end.
        OSError: no permission; what was set aside is still there.
    """
    old = reference.resolve()
    if _aside(old).is_dir():
        with _alone_at(old):  # it may be an update that is under way
            if not old.exists() and _aside(old).is_dir():
                _aside(old).rename(old)
            _remove(_aside(old))
    found = [aside.with_name(aside.name.removeprefix(".").removesuffix(_FILES)) for aside in old.rglob(f".*{_FILES}")]
    for file in [old, *found]:
        if _files_aside(file).is_dir():
            with _alone_at(file):
                _put_back_files(file)


@contextmanager
def _alone_at(old: Path) -> Iterator[None]:
    """Keep other updates of this user's from a reference, and comparisons from what an update has set aside."""
    folder = Path(gettempdir()) / f"sgbench-{getattr(os, 'getuid', int)()}"
    place = folder / f"{hash_of_value(str(old))[:16]}.lock"
    with locked(place, lambda who: f"{old}: {who} is updating this reference; run again when it has ended", _PATIENCE):
        yield


def _replace_file(old: Path, now: Path) -> None:
    """Records and scores are two files: both are set aside until both are replaced."""
    scores, stale = scores_beside(now), scores_beside(old)
    old.parent.mkdir(parents=True, exist_ok=True)
    with partial_folder(_files_aside(old)) as partial:
        for path in filter(None, (old, stale)):
            if path.exists():
                _same(path, partial / path.name)
        partial.rename(_files_aside(old))
    try:
        for path in filter(None, (scores, now)):
            to = old if path == now else old.with_name(path.name)
            with replacing(to) as partial:
                shutil.copyfile(path, partial)
        if stale and not scores:
            stale.unlink()
    except BaseException:
        _put_back_files(old)
        raise
    _remove(_files_aside(old))


def _put_back_files(old: Path) -> None:
    """Records and scores as they were set aside; those that did not exist are removed."""
    aside = _files_aside(old)
    if not aside.is_dir():  # the update that was waited for has ended
        return
    for path in filter(None, (old, scores_beside(old))):
        if not (aside / path.name).exists():
            path.unlink(missing_ok=True)
    for path in aside.iterdir():
        with replacing(old.with_name(path.name)) as partial:
            _same(path, partial)
    _remove(aside)


def _replace_folder(old: Path, now: Path, scores: bool, complete: Callable[[Path], None]) -> None:
    aside = _aside(old)
    with partial_folder(old) as partial:
        if old.exists():
            _copy_others(old, partial)
        for place, file in record_files(now).items():
            for path in filter(None, (file, scores and scores_beside(file))):
                to = (partial / place).with_name(path.name)
                _check_no_link(to, partial, old)
                _copy(path, to)
        complete(partial)
        if old.exists():
            old.rename(aside)
        try:
            partial.rename(old)
        except BaseException:
            if aside.exists():
                aside.rename(old)
            raise
        _remove(aside)


def _aside(old: Path) -> Path:
    """Where a folder is while it is replaced."""
    return old.with_name(f".{old.name}.before-update")


def _files_aside(old: Path) -> Path:
    """The folder in which a file of records and its scores are while they are replaced."""
    return old.with_name(f".{old.name}{_FILES}")


def _remove(aside: Path) -> None:
    """Remove what was set aside; it is renamed first, so that a part of it is never taken for the reference."""
    with suppress(FileNotFoundError):
        shutil.rmtree(aside.rename(partial_name(aside)), ignore_errors=True)


def _copy_others(old: Path, to: Path) -> None:
    """Copy all of a folder but records and their scores: links as links, empty folders, and what files may do.

    Raises:
        UserError: something in it is neither a file nor a folder nor a link.
    """
    replaced = {path for file in record_files(old).values() for path in (file, scores_beside(file))}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder, name) in replaced}

    try:
        shutil.copytree(old, to, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        raise UserError(f"{path} cannot be kept ({why}); move it out of the reference") from error


def _check_no_link(to: Path, partial: Path, old: Path) -> None:
    """Refuse to write where a link of the reference's leads.

    Args:
        to: the file that is to be written, below ``partial``, which becomes the reference ``old``.

    Raises:
        UserError: names the link.
    """
    for place in (to, *to.parents):
        if place == partial:
            return
        if place.is_symlink():
            link = old / place.relative_to(partial)
            raise UserError(f"{link} is a link, and records would be written to where it leads; remove it")


def _same(path: Path, to: Path) -> None:
    """Give a file a second name, for which a full disk has room; where there is none, copy it."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
