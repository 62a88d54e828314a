"""Packs what a repository needs to keep of a study so that later runs are compared with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sgbench.metrics.catalogue import spec_of
from sgbench.metrics.spec import MetricSpec
from sgbench.regression.sides import is_study, load_side
from sgbench.regression.tolerances import DEFAULT, ROUNDING, TOLERANCES
from sgbench.regression.update import replace_reference, settle
from sgbench.results.reference_folder import ReferenceFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.support.atomic import write_text
from sgbench.support.errors import UserError

_REVIEW = """\
# How far a figure may be from the reference, a line for each metric: review them. The larger of `absolute`, in the
# metric's unit, and `relative`, a share of the reference, counts. Figures of images are compared image by image instead
# where both sides have per-image scores. As packed, each may differ by one in the last digit that reports show.
"""


@dataclass(frozen=True)
class Packed:
    """What was packed: numbers of systems and records, and bytes."""

    num_systems: int
    num_records: int
    num_scored: int
    records_bytes: int
    scores_bytes: int


def pack_reference(run: Path, to: Path, scores: bool = True) -> Packed:
    """Make a folder of a study's records, whole or not at all; an earlier reference there is replaced.

    Of an earlier reference, tolerances, page and whatever else lies there stay.

    Args:
        run: the folder of a study or an evaluation, or of a report that was committed.
        scores: whether per-image scores are packed.

    Raises:
        UserError: there is no finished study, or the folder is there and is no reference.
        OSError: no space or no permission; an earlier reference is as it was.
    """
    if not is_study(run):
        raise UserError(f"{run}: not the folder of a study; give one such as runs/quick-500")
    settle(to)
    reference = ReferenceFolder(to)
    if to.is_file() or (to.is_dir() and any(to.iterdir()) and not reference.is_reference()):
        raise UserError(f"{to}: is there, and no reference that was packed; choose another folder, or move it away")
    try:
        records = load_side(run).records
    except ValueError as error:
        raise UserError(f"{run}: cannot be packed: {error}") from error
    study = StudyFolder.named(run)

    def complete(folder: Path) -> None:
        packed = ReferenceFolder(folder)
        packed.write(study, study.read_runtime())
        packed.write_page(to, run)
        if not (folder / TOLERANCES).exists():
            write_text(folder / TOLERANCES, _tolerances({record.metric for record in records}))

    replace_reference(to, run, scores, complete)
    systems = reference.systems()
    scored = [system.scores_file for system in systems if system.scores_file.exists()]
    return Packed(
        num_systems=len({record.system for record in records}),
        num_records=len(records),
        num_scored=len(scored),
        records_bytes=sum(file.stat().st_size for file in to.rglob("*.csv")),
        scores_bytes=sum(file.stat().st_size for file in scored),
    )


def accept(reference: Path, new: Path) -> str:
    """Put new records in place of a reference's; one that was packed then says what the new ones are from.

    Returns:
        A line on what it no longer says, because nothing is known of the new records; else empty.

    Raises:
        UserError, OSError: as ``replace_reference``; the reference is as it was.
    """
    forgotten: list[str] = []

    def complete(folder: Path) -> None:
        packed = ReferenceFolder(folder)
        if not packed.is_reference():
            return
        forgotten.extend(packed.forget())
        if is_study(new):
            study = StudyFolder.named(new)
            packed.write(study, study.read_runtime())
        elif (other := ReferenceFolder(new)).is_reference():
            packed.take(other)
        else:
            return
        forgotten.clear()

    replace_reference(reference, new, complete=complete)
    if not forgotten:
        return ""
    return (
        f"{reference}: {' and '.join(forgotten)} told of the former records and no longer do: {new} does not say what "
        "made its records"
    )


def _tolerances(metrics: Iterable[str]) -> str:
    """A file of tolerances with a line for each metric, to be reviewed."""
    lines = [
        f"{DEFAULT}: {{absolute: {ROUNDING.absolute:g}, relative: {ROUNDING.relative:g}}}  # metrics that come later"
    ]
    return _REVIEW + "".join(f"{line}\n" for line in [*lines, *(_line(spec_of(name)) for name in sorted(metrics))])


def _line(spec: MetricSpec) -> str:
    """The tolerance of a metric: one in the last digit that is shown."""
    step = 10.0**-spec.decimals
    unit = {"share": " %", "levels": " levels of 255", "dB": " dB"}.get(spec.unit, "")
    return f"{spec.name}: {{absolute: {step / spec.scale:g}}}  # {spec.title}, shown to {step:g}{unit}"
