"""A system's folder: its records, the per-image scores that they are made of, samples, cost, origin."""

from dataclasses import dataclass
from pathlib import Path

from sgbench.results.cost import Cost, read_cost, write_cost
from sgbench.results.origin import Origin, read_origin, write_origin
from sgbench.results.records import Record, read_records, write_records
from sgbench.support.atomic import discard_partials
from sgbench.support.errors import BrokenFile

RECORDS = "records.csv"
SCORES = "scores.npz"


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

    def discard_unfinished(self) -> None:
        """Remove what a killed process left half-written; the caller holds the system's lock."""
        discard_partials(self.path)

    def is_scored(self) -> bool:
        """Whether the system has all that a report needs of it."""
        return self.records_file.exists()

    def read_records(self) -> list[Record]:
        """The system's records.

        Raises:
            BrokenFile: they are broken, or those of another system; names the file.
        """
        records = read_records(self.records_file)
        if wrong := {record.system for record in records} ^ {self.name}:
            told = min(wrong - {self.name}, default="no system")
            raise BrokenFile(f"{self.records_file}: has records of {told}, not of {self.name} alone")
        return records

    def write_records(self, records: list[Record]) -> None:
        """Keep the records, which says that the system is scored."""
        write_records(self.records_file, records)

    def write_cost(self, cost: Cost) -> None:
        """Keep what the system costs."""
        write_cost(self.path / "cost.json", cost)

    def read_cost(self) -> Cost:
        """What the system costs."""
        return read_cost(self.path / "cost.json")

    def write_origin(self, origin: Origin) -> None:
        """Keep what scored the system."""
        write_origin(self.path / "origin.json", origin)

    def origin(self) -> Origin | None:
        """What scored the system; None where it is not known."""
        return read_origin(self.path / "origin.json")
