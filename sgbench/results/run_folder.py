"""The folder of all runs: what lies where below it. Nobody else puts a path below it together.

::

    runs/
      jobs/<job>/            JobFolder     one trained model
      systems/<system>/      SystemFolder  one method at one level and seed, or a control, scored by one protocol
      <study>/               StudyFolder   settings, plan, description, report
      cache/judge/           JudgeFiles    trained judges
      cache/store/           packed images and known answers, whose formats ``data.store`` owns
"""

from dataclasses import dataclass
from glob import escape
from pathlib import Path

from sgbench.results.job_folder import JobFolder
from sgbench.results.judge_files import JudgeFiles
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import UserError

_JOBS, _SYSTEMS, _CACHE, _STORE, _JUDGE = "jobs", "systems", "cache", "store", "judge"
RESERVED = (_JOBS, _SYSTEMS, _CACHE)
"""Names that no study can have."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of all runs."""

    root: Path

    def job(self, name: str) -> JobFolder:
        """A trained model, or one in training."""
        return JobFolder(self.root / _JOBS / one_component(name))

    def system(self, name: str) -> SystemFolder:
        """A system or control."""
        return SystemFolder(self.root / _SYSTEMS / one_component(name))

    def systems_of(self, name: str) -> list[SystemFolder]:
        """The folders of a system under every protocol, which each name ends in."""
        below = (self.root / _SYSTEMS).glob(f"{escape(one_component(name))}-*")
        return [SystemFolder(path) for path in sorted(below) if "-" not in path.name.removeprefix(f"{name}-")]

    def study(self, name: str) -> Path:
        """Where a study's folder is, which ``StudyFolder`` takes."""
        if name in RESERVED:
            raise UserError(f"study: '{name}' is the name of a folder of every run; choose another")
        return self.root / one_component(name)

    def judge(self, key: str) -> JudgeFiles:
        """A trained judge, by its hash."""
        return JudgeFiles(self.root / _CACHE / _JUDGE, one_component(key))

    def prepare(self) -> None:
        """Make the folders that everything goes into, so that one that cannot be made is refused at once."""
        for name in (_JOBS, _SYSTEMS, _CACHE):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    @property
    def store(self) -> Path:
        """Packed images and known answers."""
        return self.root / _CACHE / _STORE


def one_component(name: str) -> str:
    """A name that is one component of a path, whatever file it was read from.

    Raises:
        UserError: it is empty, leads elsewhere, or holds a separator.
    """
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise UserError(f"{name!r} cannot be the name of a folder below the runs; the file that says so was changed")
    return name
