"""A job's folder: what was trained, on which labels, losses, checkpoint, grids of samples, and that it is done."""

import json
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sgbench.results.known_files import FILES, accepted, known_files
from sgbench.results.origin import Origin, read_origin, write_origin
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile, summary
from sgbench.support.reading import MOST_TEXT, open_regular, read_text
from sgbench.support.sealed import check, discard, is_sealed, opened, seal, sealing
from sgbench.support.strict import parse_json, read_object

_ORIGINS = "origins"
_WITHOUT = "the study's command leaves these losses out of its report"


@dataclass(frozen=True)
class JobFolder:
    """One model's folder."""

    path: Path

    @property
    def lock(self) -> Path:
        """Locked by the process that trains the job."""
        return self.path / "lock"

    def busy(self, who: str) -> str:
        """What is said when ``who``, in words, is at the job."""
        return f"{self.path}: {who} is training this job; wait for it to end"

    @property
    def checkpoint(self) -> Path:
        """Parameters, optimisers, iteration, seconds spent; ``checkpoints`` reads and writes it."""
        return self.path / "checkpoint.pt"

    def sample(self, iterations: int) -> Path:
        """The grid of samples after so many iterations."""
        return self.path / "samples" / f"{iterations:06d}.png"

    @property
    def curves(self) -> Path:
        """What TensorBoard shows of the training."""
        return self.path / "tensorboard"

    def samples(self) -> list[Path]:
        """All grids of samples, in the order in which they were made."""
        return sorted(self.sample(0).parent.glob("[0-9]*.png"))

    def iterations_planned(self) -> int:
        """How many iterations the settings ask for.

        Raises:
            BrokenFile: the job's identity is missing or broken; names the file.
        """
        try:
            return int(read_object(self.identity_file)["settings"]["iterations"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BrokenFile(f"{self.identity_file}: is missing or broken ({summary(error)}); {self.remedy}") from error

    def prepare(self) -> None:
        """Make the folder, and remove what a killed process left half-written; the caller holds the lock."""
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.sample(0).parent):
            discard_partials(folder)

    @property
    def labels_file(self) -> Path:
        """The labels that the method was built with; ``job_identity`` reads and writes them."""
        return self.path / "labels.npz"

    @property
    def remedy(self) -> str:
        """What helps when the model cannot be used."""
        return f"train it again with --retrain, or delete the folder {self.path}"

    def write_identity(
        self,
        identity: Mapping[str, Any],
        manifest: Mapping[str, Any],
        code: str,
        data: str,
        files: Mapping[str, str],
        origin: Origin | None,
    ) -> None:
        """Keep what decided the model, what its sparse labels hold, where the classes lay, and what trains it now.

        Args:
            code: the method's class.
            data: the data set's, as a config names it.
            files: SHA-256 of each file of a method from outside the package. Those of earlier calls still count.
        """
        known = (self.known_files() or []) if self.identity_file.exists() else []
        earlier = self._origins() if self.checkpoint.exists() else []
        origins = earlier if origin is None or origin in earlier else [*earlier, origin]
        about = {**identity, "manifest": manifest, "class": code, "data": data, _ORIGINS: origins}
        if files:
            about[FILES] = known if files in known else [*known, files]
        self._write_identity(json.dumps(about, indent=1) + "\n")

    def identity_problem(self) -> str:
        """What is wrong with what is kept of the model's making: lost, or not as it was written; or nothing."""
        try:
            check(self.identity_file, "made again")
        except BrokenFile as error:
            return str(error)
        return ""

    def code(self) -> str:
        """The class that the model was made by, ``package.module:Class``; empty where it is not known."""
        try:
            found = read_object(self.identity_file).get("class", "")
        except (OSError, ValueError):
            return ""
        return found if isinstance(found, str) else ""

    def known_files(self) -> list[dict[str, str]] | None:
        """Every state of the files of a class from outside the package with which this model counts as trained.

        Empty if none is known, as of an earlier version; None if what was kept cannot be read.
        """
        return known_files(self.identity_file)

    def accept(self, files: Mapping[str, str]) -> None:
        """Let the model count as trained with these files, too."""
        self._write_identity(accepted(self.identity_file, files))

    def is_begun(self) -> bool:
        """Whether something was trained here."""
        return self._done.exists() or self.checkpoint.exists()

    def changed(self) -> Iterator[str]:
        """A line for each file that is there and is not as it was written, as far as hashes are known."""
        needed = self.identity_file, self.checkpoint, self.labels_file
        for file, remedy in (*((file, self.remedy) for file in needed), (self._losses, _WITHOUT)):
            if file.exists() and is_sealed(file):
                try:
                    check(file, remedy)
                except BrokenFile as error:
                    yield str(error)

    def discard(self) -> None:
        """Remove the model and all that was kept with it; the caller holds the lock."""
        self._done.unlink(missing_ok=True)
        for file in (self.checkpoint, self.labels_file, self._losses):
            discard(file)
        for folder in (self.sample(0).parent, self.curves):
            shutil.rmtree(folder, ignore_errors=True)
        discard(self.identity_file)

    def is_done(self) -> bool:
        """Whether the model is trained to the end."""
        return self._done.exists()

    def mark_done(self, origin: Origin) -> None:
        """Say that the model is trained to the end, and what trained it; if it was resumed, what trained before too."""
        if self._losses.exists():
            seal(self._losses)
        others = [other for other in self._origins() if other != origin]
        write_origin(self._done, origin | ({"earlier": others} if others else {}))

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
        try:
            rows = read_text(self._losses).splitlines()
            kept = [row for row in rows if parse_json(row)["iteration"] <= iterations]
        except (OSError, ValueError, KeyError, TypeError):
            warnings.warn(f"{self._losses}: is missing or broken; earlier losses are left out", stacklevel=2)
            kept = []
        write_text(self._losses, "".join(f"{row}\n" for row in kept))

    def has_losses(self) -> bool:
        """Whether the losses are still kept; warns if they are broken."""
        if not self._losses.exists():
            return False
        try:
            self.losses()
        except BrokenFile as error:
            warnings.warn(str(error), stacklevel=2)
            return False
        return True

    def losses(self) -> pd.DataFrame:
        """A row an iteration: its number, and a column for each loss.

        Raises:
            BrokenFile: they are missing, or are not as they were written; names the file.
        """
        return opened(self._losses, _read_losses, _WITHOUT)

    def _write_identity(self, text: str) -> None:
        with sealing(self.identity_file) as partial:
            partial.write_text(text, encoding="utf-8")

    def _origins(self) -> list[Origin]:
        """What has trained the model so far, as far as it is known."""
        about = read_origin(self.code_file) or {}
        kept = about.get(_ORIGINS, [])
        return [own for own in kept if isinstance(own, dict)] if isinstance(kept, list) else []

    @property
    def code_file(self) -> Path:
        """With which files of its class the model counts as trained."""
        return self.identity_file

    @property
    def identity_file(self) -> Path:
        return self.path / "job.json"

    @property
    def _losses(self) -> Path:
        return self.path / "stats.jsonl"

    @property
    def _done(self) -> Path:
        return self.path / "done"


def _read_losses(path: Path) -> pd.DataFrame:
    with open_regular(path, MOST_TEXT) as file:
        return pd.read_json(file, lines=True)
