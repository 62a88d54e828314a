"""A judge's files: weights, what it was trained on, what trained it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgbench.results.origin import Origin, read_origin, write_origin
from sgbench.support.atomic import discard_partials, write_text
from sgbench.support.errors import BrokenFile
from sgbench.support.hashing import hash_of_file
from sgbench.support.sealed import check, discard, is_sealed, opened, seal
from sgbench.support.strict import read_object

_REMEDY = "the judge is trained again when it is needed"
_KEY = "judge"


@dataclass(frozen=True)
class JudgeFiles:
    """The files of one judge in the folder of all judges; ``key`` is its hash."""

    folder: Path
    key: str

    @property
    def weights(self) -> Path:
        """The state dict."""
        return self.folder / f"{self.key[:16]}.pt"

    def write_facts(self, facts: Mapping[str, Any], origin: Origin, weights: Path) -> None:
        """Keep what the judge was trained on, and what trained it; before the weights, which say that it is done.

        The caller holds the lock of the weights.

        Args:
            weights: the file that becomes the judge's.
        """
        discard_partials(self.folder, self._origin.stem)
        facts = {_KEY: self.key, **facts, "sha256": hash_of_file(weights)}
        write_text(self._facts, json.dumps(facts, indent=1) + "\n")
        write_origin(self._origin, origin)
        for file in (self._facts, self._origin):
            seal(file)

    def facts(self) -> dict[str, Any]:
        """Its hash, what it was trained on, the SHA-256 of its weights, its origin; empty where there is no judge.

        Raises:
            BrokenFile: a file is lost, is not as it was written, or is another judge's; names it.
        """
        if not self.weights.exists():
            return {}
        check(self.weights, _REMEDY)
        facts = opened(self._facts, read_object, _REMEDY)
        if self._origin.exists() or is_sealed(self._origin):  # earlier versions kept none
            check(self._origin, _REMEDY)
        own = {_KEY: self.key, "sha256": hash_of_file(self.weights)}
        if any(facts.get(name, value) != value for name, value in own.items()):  # earlier versions kept neither
            raise BrokenFile(f"{self.weights}: it or {self._facts.name} is another judge's; {_REMEDY}")
        return facts | own | {"origin": read_origin(self._origin)}

    def changed(self, sha256: object) -> str:
        """What is wrong with a judge that is at hand, or that it is not the one with these weights; or nothing."""
        try:
            facts = self.facts()
        except BrokenFile as error:
            return str(error)
        if facts and facts["sha256"] != sha256:
            return f"{self.weights}: is another judge than the one that the report was made with"
        return ""

    def discard_broken(self) -> str:
        """Remove a judge one of whose files is lost or is not as it was written; says which, or nothing."""
        try:
            self.facts()
        except BrokenFile as error:
            self.discard()
            return str(error)
        return ""

    def discard(self) -> None:
        """Remove the judge."""
        for file in (self.weights, self._facts, self._origin):
            discard(file)

    @property
    def _facts(self) -> Path:
        return self.weights.with_suffix(".json")

    @property
    def _origin(self) -> Path:
        return self.weights.with_suffix(".origin.json")
