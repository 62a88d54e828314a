"""A judge's files: weights, what it was trained on, what trained it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgbench.results.origin import Origin, read_origin, write_origin
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.hashing import hash_of_file
from sgbench.support.strict import read_json


@dataclass(frozen=True)
class JudgeFiles:
    """The files of one judge in the folder of all judges; ``key`` is its hash."""

    folder: Path
    key: str

    @property
    def weights(self) -> Path:
        """The state dict."""
        return self.folder / f"{self.key[:16]}.pt"

    def write_facts(self, facts: Mapping[str, Any], origin: Origin) -> None:
        """Keep what the judge was trained on, and what trained it; before the weights, which say that it is done.

        The caller holds the lock of the weights.
        """
        discard_partials(self.folder, self._origin.stem)
        write_text(self._facts, json.dumps(facts, indent=1) + "\n")
        write_origin(self._origin, origin)

    def facts(self) -> dict[str, Any]:
        """What it was trained on, the SHA-256 of its weights, its origin; empty where there is no judge."""
        if not self.weights.exists():
            return {}
        facts = read_json(self._facts)
        return facts | {"sha256": hash_of_file(self.weights), "origin": read_origin(self._origin)}

    @property
    def _facts(self) -> Path:
        return self.weights.with_suffix(".json")

    @property
    def _origin(self) -> Path:
        return self.weights.with_suffix(".origin.json")
