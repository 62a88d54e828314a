"""A report's folder: the pages, all records, and a file for each table and figure."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sgbench.results.system_folder import RECORDS
from sgbench.support.atomic import partial_folder, write_text
from sgbench.support.hashing import hash_of_file
from sgbench.support.reading import read_text


@dataclass(frozen=True)
class ReportFolder:
    """Where a report is written."""

    path: Path

    @property
    def page(self) -> Path:
        """The Markdown page."""
        return self.path / "report.md"

    @property
    def index(self) -> Path:
        """The page in HTML, which needs no other file to be looked at."""
        return self.path / "index.html"

    @property
    def records_file(self) -> Path:
        """All records of the report."""
        return self.path / RECORDS

    def is_report(self) -> bool:
        """Whether a page and the records that it shows are here."""
        return self.page.is_file() and self.records_file.is_file()

    def table_files(self, name: str) -> tuple[Path, Path]:
        """A table to compute with (CSV), and one to print (LaTeX)."""
        return self.path / f"{name}.csv", self.path / f"{name}.tex"

    def figure(self, name: str, kind: str = "png") -> Path:
        """A figure's picture, or its PDF."""
        return self.path / f"{name}.{kind}"

    def texts(self) -> list[Path]:
        """Pages, records and tables: all that is the same wherever it is made."""
        return [path for path in sorted(self.path.iterdir()) if path.suffix in {".md", ".html", ".csv", ".tex"}]

    def others(self) -> set[Path]:
        """What lies here and was not written by the report: the user's, or of an earlier report whose list was lost.

        Nothing where it is not known what the report wrote.
        """
        written = {self.path / name for name, _ in self._written()}
        return {path for path in self.path.rglob("*") if path.is_file() and path not in written} if written else set()

    @contextmanager
    def rewritten(self) -> Iterator["ReportFolder"]:
        """Yield a folder beside this one for a new report. When it is whole, its files take the earlier report's place.

        Of the earlier report those files are removed that are still as it was written; the user's own files stay, and
        what was put in a file's place; one that has the name of a new file is renamed, with a warning. Which files are
        the report's is kept in a hidden list, which names those of both reports until the new one is in place. The page
        is moved last: until then the earlier one stands.

        Raises:
            OSError: no space or no permission; the earlier report is as it was.
        """
        with partial_folder(self.path) as partial:
            made = ReportFolder(partial)
            yield made
            self.path.mkdir(exist_ok=True)
            new = {path.name: hash_of_file(path) for path in sorted(partial.iterdir())}
            earlier = self._written()
            if RECORDS in dict(earlier):  # otherwise the list is lost or broken
                self._set_aside(new.keys() - dict(earlier).keys())
            self._write_list([*new.items(), *(pair for pair in earlier if pair not in new.items())])
            for name in new.keys() - {self.page.name}:
                (partial / name).replace(self.path / name)
            for name, digest in earlier:
                if name not in new and _is(self.path / name, digest):
                    (self.path / name).unlink()
            made.page.replace(self.page)
            self._write_list(list(new.items()))

    def _set_aside(self, names: Iterable[str]) -> None:
        """Rename the user's own files of these names."""
        for path in (self.path / name for name in sorted(names)):
            if path.exists() or path.is_symlink():
                numbered = (path.with_name(f"{path.stem} (kept {k}){path.suffix}") for k in count(1))
                kept = next(other for other in numbered if not other.exists() and not other.is_symlink())
                path.rename(kept)
                warnings.warn(
                    f"{path}: is a file of yours where the report has one now; kept as {kept.name}", stacklevel=2
                )

    @property
    def _list(self) -> Path:
        return self.path / ".report.sha256"

    def _write_list(self, files: Sequence[tuple[str, str]]) -> None:
        write_text(self._list, "".join(f"{digest}  {name}\n" for name, digest in files))

    def _written(self) -> list[tuple[str, str]]:
        """Name and SHA-256 of each file that reports wrote here; none where that is not known."""
        try:
            lines = read_text(self._list).splitlines()
        except (OSError, ValueError):
            return []
        pairs = [(name, digest) for digest, _, name in (line.partition("  ") for line in lines)]
        return [(name, digest) for name, digest in pairs if name == Path(name).name]


def _is(path: Path, digest: str) -> bool:
    """Whether a file, and no link to one, is the one that was written."""
    return path.is_file() and not path.is_symlink() and hash_of_file(path) == digest
