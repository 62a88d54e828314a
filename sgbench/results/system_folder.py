"""A system's folder: its records, the per-image scores that they are made of, samples, gallery, cost, origin."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgbench.results.cost import Cost, read_cost, write_cost
from sgbench.results.gallery import Gallery, read_gallery, write_gallery
from sgbench.results.known_files import accepted, known_files
from sgbench.results.origin import SCORED_WITH, Origin, read_origin, write_origin
from sgbench.results.records import Record, read_records, write_records
from sgbench.results.samples import Samples, read_samples
from sgbench.support.archives import Arrays, check_sum
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile
from sgbench.support.sealed import check, discard, is_sealed, opened, seal, sealing
from sgbench.support.strict import read_object

RECORDS = "records.csv"
SCORES = "scores.npz"
REMEDY = "made again by the command that made it"
"""Of a file of a system's folder that cannot be used."""


def label_of(folder: str) -> str:
    """What a system's folder is called without the hashes of what made it: its method, level and seed."""
    return folder.rsplit("-", 2)[0]


@dataclass(frozen=True)
class SystemFolder:
    """The folder of a system, or of a control, under one protocol."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the folder, which its records have too."""
        return self.path.name

    @property
    def records_file(self) -> Path:
        """The records; written last, so that they say that the system is scored."""
        return self.path / RECORDS

    @property
    def scores_file(self) -> Path:
        """Per-image scores; ``scores`` reads and writes them."""
        return self.path / SCORES

    @property
    def samples_file(self) -> Path:
        """Translations for figures; ``samples`` reads and writes them."""
        return self.path / "samples.npz"

    @property
    def code_file(self) -> Path:
        """With which files of its class the system counts as scored.

        It is hidden, as no checksums of a report count it: other studies share the system, and it grows with --keep.
        """
        return self.path / ".code.json"

    def discard_unfinished(self) -> None:
        """Remove what a killed process left half-written; the caller holds the system's lock."""
        discard_partials(self.path)

    def is_scored(self) -> bool:
        """Whether the system has all that a report needs of it."""
        return self.records_file.exists()

    def problem(self) -> str:
        """What is wrong with the files of a scored system: which is lost or is not as it was written; or nothing."""
        try:
            self.read_records()
            for path, read in self._beside.items():
                if is_sealed(path) or path == self.scores_file:
                    check(path, REMEDY)
                if path.exists() and not is_sealed(path):
                    opened(path, read, REMEDY)
        except BrokenFile as error:
            return str(error)
        return ""

    def check(self) -> None:
        """Refuse files that are not as they were written, as far as their hashes are known.

        Raises:
            BrokenFile: names the file.
        """
        for path in (self.records_file, *self._beside):
            if is_sealed(path):
                check(path, REMEDY)

    def read_records(self) -> list[Record]:
        """The system's records.

        Raises:
            BrokenFile: they are lost, are not as they were written, or are of another system; names the file.
        """
        records = opened(self.records_file, read_records, REMEDY)
        if wrong := {record.system for record in records} ^ {self.name}:
            told = min(wrong - {self.name}, default="no system")
            raise BrokenFile(f"{self.records_file}: has records of {told}, not of {self.name} alone; {REMEDY}")
        return records

    def write_records(self, records: list[Record]) -> None:
        """Keep the records, which says that the system is scored, and the hashes of all files of the folder."""
        for path in self._beside:
            if path.exists():
                seal(path)
        with sealing(self.records_file) as partial:
            write_records(partial, records)

    def read_samples(self) -> Samples:
        """Translations for figures.

        Raises:
            BrokenFile: they are lost or are not as they were written; names the file.
        """
        return opened(self.samples_file, read_samples, REMEDY)

    def write_gallery(self, gallery: Gallery) -> None:
        """Keep the results that a page shows, in the place of those of an earlier scoring."""
        discard(self._gallery)
        if gallery:
            write_gallery(self._gallery, gallery)

    def read_gallery(self) -> Gallery:
        """The results that a page shows; none where none were kept when the system was scored.

        Raises:
            BrokenFile: they are lost or are not as they were written; names the file.
        """
        if not self._gallery.exists() and not is_sealed(self._gallery):
            return ()
        return opened(self._gallery, read_gallery, REMEDY)

    def write_cost(self, cost: Cost) -> None:
        """Keep what the system costs."""
        write_cost(self._cost, cost)

    def read_cost(self) -> Cost:
        """What the system costs.

        Raises:
            BrokenFile: it is lost or is not as it was written; names the file.
        """
        return opened(self._cost, read_cost, REMEDY)

    def write_origin(self, origin: Origin) -> None:
        """Keep what scored the system."""
        write_origin(self._origin, origin)

    def origin(self) -> Origin | None:
        """What scored the system; None where it is not known."""
        return read_origin(self._origin)

    def scored_with(self) -> dict[str, Any] | None:
        """Hashes of what decides its figures besides its results, the judges' among them; None where not known."""
        found = (self.origin() or {}).get(SCORED_WITH)
        return found if isinstance(found, dict) else None

    def was_scored_by(self, judges: Sequence[str | None]) -> bool:
        """Whether these judges scored it, as far as it says who did, and as far as they are at hand.

        Args:
            judges: hashes of their weights; None for one that is not at hand.
        """
        before = (self.scored_with() or {}).get("judges", judges)
        return len(before) == len(judges) and all(now in (None, own) for own, now in zip(before, judges, strict=True))

    def write_files(self, files: Mapping[str, str]) -> None:
        """Keep SHA-256 of each file of the class from outside the package, by its name, that a system is scored with.

        They stay when the folder of the job, which has them too, is removed. None are kept of the suite's own classes.
        """
        self.code_file.unlink(missing_ok=True)
        if files:
            self.accept(files)

    def known_files(self) -> list[dict[str, str]] | None:
        """As that of a job's folder: with which files of its class the system counts as scored."""
        return known_files(self.code_file) if self.code_file.exists() else []

    def accept(self, files: Mapping[str, str]) -> None:
        """Let the system count as scored with these files, too."""
        write_text(self.code_file, accepted(self.code_file, files))

    def unscore(self) -> None:
        """Let the system count as not scored."""
        self.records_file.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the system."""
        self.unscore()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _beside(self) -> dict[Path, Callable[[Path], Any]]:
        """All files but the records, and what reads each."""
        return {
            self.scores_file: _check_archive,
            self.samples_file: read_samples,
            self._gallery: read_gallery,
            self._cost: read_cost,
            self._origin: read_object,
        }

    @property
    def _gallery(self) -> Path:
        return self.path / "gallery.npz"

    @property
    def _cost(self) -> Path:
        return self.path / "cost.json"

    @property
    def _origin(self) -> Path:
        return self.path / "origin.json"


def _check_archive(path: Path) -> None:
    """Read an archive whole, without what its arrays say."""
    with Arrays(path) as arrays:
        for name in arrays.names:
            check_sum(arrays, name)


def scored_alike(folders: Iterable[SystemFolder]) -> str:
    """A line if two systems of a report were scored by other judges, or from other test images; else empty."""
    known = {folder.path: found for folder in folders if (found := folder.scored_with())}
    if not known:
        return ""
    first, with_it = next(iter(known.items()))
    for path, found in known.items():
        if found != with_it:
            what = "judges" if found.get("judges") != with_it.get("judges") else "test images"
            return (
                f"{path}: was scored with other {what} than {first}, so that they are not to be compared; delete the "
                "older of the two folders and run the command that made it again"
            )
    return ""
