"""Replaces the reference by the new records, completely or not at all."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from sgbench.regression.sides import is_study, record_files, scores_beside
from sgbench.support.atomic import replacing
from sgbench.support.errors import UserError


def replace_reference(reference: Path, new: Path) -> None:
    """Put the new records, and the scores beside them, in place of the reference's.

    A folder is made beside the reference, then renamed. All old records and scores are removed; the reference's other
    files, such as tolerances and notes, stay. The reference need not exist yet.

    Raises:
        UserError: one is a file and the other a folder, or one is inside the other.
        OSError: no space or no permission; the reference is as it was.
    """
    if is_study(reference):
        raise UserError(f"--update: {reference} is a study's folder; keep references in another folder")
    old, now = reference.resolve(), new.resolve()
    if reference.exists() and reference.is_dir() != new.is_dir():
        raise UserError(f"--update: {reference} and {new} must be two CSV files or two folders")
    if old == now or old in now.parents or now in old.parents:
        raise UserError(f"--update: one of {reference} and {new} is inside the other; choose another folder for one")
    if now.is_dir():
        _replace_folder(old, now)
    else:
        _replace_file(old, now)


def _replace_file(old: Path, now: Path) -> None:
    scores, stale = scores_beside(now), scores_beside(old)
    with ExitStack() as stack:
        shutil.copyfile(now, stack.enter_context(replacing(old)))
        if scores:
            shutil.copyfile(scores, stack.enter_context(replacing(old.with_name(scores.name))))
    if stale and not scores:
        stale.unlink()


def _replace_folder(old: Path, now: Path) -> None:
    partial, retired = (old.with_name(f".{old.name}.{os.getpid()}.{what}") for what in ("partial", "old"))
    try:
        partial.mkdir(parents=True)
        replaced = {path for file in _records(old) for path in (file, scores_beside(file))}
        kept = [path for path in old.rglob("*") if path.is_file() and path not in replaced]
        for path in kept:
            _copy(path, partial / path.relative_to(old))
        for place, file in record_files(now).items():
            for path in filter(None, (file, scores_beside(file))):
                _copy(path, (partial / place).with_name(path.name))
        if old.exists():
            old.rename(retired)
        try:
            partial.rename(old)
        except OSError:
            if retired.exists():
                retired.rename(old)
            raise
        shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _records(folder: Path) -> list[Path]:
    return list(record_files(folder).values()) if folder.exists() else []


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
