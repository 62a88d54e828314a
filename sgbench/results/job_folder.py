"""A job's folder: what was trained, its losses, its checkpoint, grids of samples, and that it is done."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sgbench.results.origin import Origin, read_origin, write_origin
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile
from sgbench.support.reading import MOST_TEXT, open_regular, read_text
from sgbench.support.strict import parse_json


@dataclass(frozen=True)
class JobFolder:
    """One model's folder."""

    path: Path

    @property
    def lock(self) -> Path:
        """Locked by the process that trains the job."""
        return self.path / "lock"

    @property
    def checkpoint(self) -> Path:
        """Parameters, optimisers, iteration, seconds spent; ``checkpoints`` reads and writes it."""
        return self.path / "checkpoint.pt"

    def sample(self, iterations: int) -> Path:
        """The grid of samples after so many iterations."""
        return self.path / "samples" / f"{iterations:06d}.png"

    def prepare(self) -> None:
        """Make the folder, and remove what a killed process left half-written; the caller holds the lock."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.sample(0).parent):
            discard_partials(folder)

    def write_identity(self, identity: Mapping[str, Any], manifest: Mapping[str, Any], code: str) -> None:
        """Keep what decided the model, what its sparse labels hold, and the class that was trained (provenance)."""
        text = json.dumps({**identity, "manifest": manifest, "class": code}, indent=1)
        write_text(self.path / "job.json", text + "\n")

    def is_done(self) -> bool:
        """Whether the model is trained to the end."""
        return self._done.exists()

    def mark_done(self, origin: Origin) -> None:
        """Say that the model is trained to the end, and what trained it."""
        write_origin(self._done, origin)

    def origin(self) -> Origin | None:
        """What finished the job; None where it is not known."""
        return read_origin(self._done)

    def add_losses(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Add rows of losses, one an iteration, whole or not at all."""
        earlier = read_text(self._losses) if self._losses.exists() else ""
        write_text(self._losses, earlier + "".join(f"{json.dumps(row)}\n" for row in rows))

    def keep_losses(self, iterations: int) -> None:
        """Drop the rows of later iterations than those that a checkpoint holds."""
        if not iterations:
            self._losses.unlink(missing_ok=True)
            return
        rows = read_text(self._losses).splitlines()
        kept = [row for row in rows if parse_json(row)["iteration"] <= iterations]
        write_text(self._losses, "".join(f"{row}\n" for row in kept))

    def has_losses(self) -> bool:
        """Whether the losses are still kept."""
        return self._losses.exists()

    def losses(self) -> pd.DataFrame:
        """A row an iteration: its number, and a column for each loss."""
        try:
            with open_regular(self._losses, MOST_TEXT) as file:
                return pd.read_json(file, lines=True)
        except ValueError as error:
            raise BrokenFile(f"{self._losses}: not the losses of a job: {error}") from error

    @property
    def _losses(self) -> Path:
        return self.path / "stats.jsonl"

    @property
    def _done(self) -> Path:
        return self.path / "done"
