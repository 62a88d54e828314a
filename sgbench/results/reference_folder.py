"""A reference's folder, which a repository keeps: records of systems, per-image scores if wanted, and texts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.support.atomic import write_text
from sgbench.support.reading import read_text

_PAGE = """\
# What later runs are compared with

Packed by `sgbench reference` from a study. `sgbench regress` compares the records of a later run of the same settings
with these, image by image where both sides have per-image scores, and exits with 1 if a figure moved:

    sgbench regress {reference} {study}

| File | |
|:--|:--|
| `records.csv` | records of a system or control, in a folder of its own, or of all |
| `scores.npz` | the per-image scores that they were made of, if they were packed |
| `tolerances.yaml` | how far figures that are not compared image by image may move: to be reviewed, and edited |
| `settings.yaml` | settings of the study: `sgbench run --config settings.yaml` makes it again |
| `reference.json` | the study, and what made it: commit, versions of packages, device |

A run that moved is accepted by the command that packed this, or by `sgbench regress {reference} {study} --update`. Both
leave this page and `tolerances.yaml` as they are. `sgbench verify {reference}` makes the records again from the scores.
"""


@dataclass(frozen=True)
class ReferenceFolder:
    """The folder of a reference that was packed from a study."""

    path: Path

    def is_reference(self) -> bool:
        """Whether a study was packed here."""
        return self._origin.is_file()

    def systems(self) -> list[SystemFolder]:
        """The folders that have records."""
        folders = (SystemFolder(path) for path in sorted(self.path.iterdir()) if path.is_dir())
        return [folder for folder in folders if folder.is_scored()]

    def write(self, study: StudyFolder, made: Mapping[str, Any]) -> None:
        """Keep what the records are from: the study's name, its settings, and what made it."""
        text = json.dumps({"study": study.path.resolve().name, "made": made}, indent=1)
        write_text(self._origin, text + "\n")
        if study.settings_file.is_file():
            write_text(self._settings, read_text(study.settings_file))

    def take(self, other: "ReferenceFolder") -> None:
        """Keep what the records of another reference are from."""
        write_text(self._origin, read_text(other._origin))
        if other._settings.is_file():
            write_text(self._settings, read_text(other._settings))

    def forget(self) -> list[str]:
        """Remove what the records were from; this stays a reference. Returns the names of what told it."""
        told = [path.name for path in (self._origin, self._settings) if path.is_file()]
        write_text(self._origin, json.dumps({"study": None, "made": {}}, indent=1) + "\n")
        self._settings.unlink(missing_ok=True)
        return told

    def write_page(self, reference: Path, study: Path) -> None:
        """Tell people what is here and how it is compared, with both folders as the user named them.

        An earlier page stays.
        """
        page = self.path / "README.md"
        if not page.exists():
            write_text(page, _PAGE.format(reference=reference, study=study))

    @property
    def _settings(self) -> Path:
        return StudyFolder(self.path).settings_file

    @property
    def _origin(self) -> Path:
        return self.path / "reference.json"
