"""The folder of all runs: what lies where below it. Nobody else puts a path below it together.

::

    runs/
      jobs/<job>/            JobFolder     one trained model
      systems/<system>/      SystemFolder  one method at one level and seed, or a control, scored by one protocol
      <study>/               StudyFolder   settings, plan, description, report
      <study>.md             a page that joins the reports of a config's experiments
      .images/               a hash of all images of each data set, which outlives the cache
      cache/judge/           JudgeFiles    trained judges
      cache/store/           packed images and known answers, whose formats ``data.store`` owns
      cache/locks/           held by the process that is at a study or scores a system
"""

from dataclasses import dataclass
from glob import escape
from pathlib import Path

from sgbench.results.job_folder import JobFolder
from sgbench.results.judge_files import JudgeFiles
from sgbench.results.system_folder import SystemFolder
from sgbench.support.atomic import write_text
from sgbench.support.errors import UserError
from sgbench.support.names import one_component
from sgbench.support.reading import read_text

_JOBS, _SYSTEMS, _CACHE, _STORE, _JUDGE, _LOCKS = "jobs", "systems", "cache", "store", "judge", "locks"
_IMAGES = ".images"
_OWN = (_JOBS, _SYSTEMS, _CACHE)
"""Folders of every run."""


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

    def has_systems(self) -> bool:
        """Whether systems are kept here."""
        return (self.root / _SYSTEMS).is_dir()

    def systems_of(self, name: str) -> list[SystemFolder]:
        """The folders of a system under every protocol, which each name ends in."""
        below = (self.root / _SYSTEMS).glob(f"{escape(one_component(name))}-*")
        return [SystemFolder(path) for path in sorted(below) if "-" not in path.name.removeprefix(f"{name}-")]

    def study(self, name: str) -> Path:
        """Where a study's folder is, which ``StudyFolder`` takes."""
        check_study(name)
        return self.root / one_component(name)

    def overview(self, name: str) -> Path:
        """A page that joins the reports of the experiments of a config, by the name of its study."""
        return self.root / f"{one_component(name)}.md"

    def study_lock(self, name: str) -> Path:
        """Held by the process that is at a study."""
        return self.root / _CACHE / _LOCKS / f"{one_component(name)}.lock"

    def system_lock(self, name: str) -> Path:
        """Held by the process that scores a system or control."""
        return self.root / _CACHE / _LOCKS / _SYSTEMS / f"{one_component(name)}.lock"

    def judge(self, key: str) -> JudgeFiles:
        """A trained judge, by its hash."""
        return JudgeFiles(self.root / _CACHE / _JUDGE, one_component(key))

    def check_images(self, fingerprint: str, digest: str, decoder: str) -> str:
        """Keep what a data set's images are, outside the cache, and refuse others under the same fingerprint.

        A fingerprint has names, sizes and a sample of files; images that were changed beside them would otherwise be
        taken for those that models were trained on, once the packed ones are gone.

        Args:
            digest: the format of packed images, and a hash of all; those of another format are not compared.
            decoder: what decoded them; another one may round otherwise.

        Returns:
            A line if they are other pixels by another decoder; else empty.

        Raises:
            UserError: other images were here under this fingerprint.
        """
        path = self.root / _IMAGES / one_component(fingerprint)[:16]
        before, _, by = (read_text(path).strip() if path.is_file() else "").partition(" by ")
        if before == digest:
            return ""
        if before.partition("-")[0] == digest.partition("-")[0] and by == decoder:
            raise UserError(
                f"{self.root}: what was trained and scored here is of other images, although their names, sizes and a "
                f"sample are the same: put the old ones back, or give another folder with --out ({path} has their hash)"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, f"{digest} by {decoder}\n")
        if by in ("", decoder):
            return ""
        return f"images are decoded by {decoder} now, before by {by}: their pixels differ from those trained on before"

    def prepare(self) -> None:
        """Make the folders that everything goes into, so that one that cannot be made is refused at once."""
        for name in _OWN:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def jobs(self) -> list[JobFolder]:
        """Every model that was trained or begun, by name."""
        return [JobFolder(path) for path in _folders(self.root / _JOBS)]

    def systems(self) -> list[SystemFolder]:
        """Every system and control that was scored or begun, by name."""
        return [SystemFolder(path) for path in _folders(self.root / _SYSTEMS)]

    def studies(self) -> list[Path]:
        """Folders that may be studies, by name."""
        return [path for path in _folders(self.root) if path.name.casefold() not in _OWN]

    @property
    def parts(self) -> dict[str, Path]:
        """What takes room, by what it is called."""
        cache = self.root / _CACHE
        named = {"jobs": self.root / _JOBS, "systems": self.root / _SYSTEMS}
        return named | {"judges": cache / _JUDGE, "packed images": cache / _STORE}

    @property
    def store(self) -> Path:
        """Packed images and known answers."""
        return self.root / _CACHE / _STORE


def _folders(path: Path) -> list[Path]:
    """The folders in one that may not be there, without hidden ones."""
    below = sorted(path.iterdir()) if path.is_dir() else []
    return [folder for folder in below if folder.is_dir() and not folder.name.startswith(".")]


def check_study(name: str) -> None:
    """Refuse the name of a folder of every run, and what some file systems take for it.

    Raises:
        UserError: no study can have this name.
    """
    if name.casefold() in _OWN:
        raise UserError(f"study: '{name}' is the name of a folder of every run; choose another")
