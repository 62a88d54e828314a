"""A report's folder: the page, all records, and a file for each table and figure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sgbench.results.system_folder import RECORDS
from sgbench.support.atomic import partial_folder
from sgbench.support.reading import MOST_TEXT, NotRead, read_bytes

_LINK = re.compile(r"\]\(([^()/\\]+\.(?:csv|tex|png|pdf))\)")


@dataclass(frozen=True)
class ReportFolder:
    """Where a report is written."""

    path: Path

    @property
    def page(self) -> Path:
        """The Markdown page."""
        return self.path / "report.md"

    @property
    def records_file(self) -> Path:
        """All records of the report."""
        return self.path / RECORDS

    def table_files(self, name: str) -> tuple[Path, Path]:
        """A table to compute with (CSV), and one to print (LaTeX)."""
        return self.path / f"{name}.csv", self.path / f"{name}.tex"

    def figure(self, name: str, kind: str = "png") -> Path:
        """A figure's picture, or its PDF."""
        return self.path / f"{name}.{kind}"

    def texts(self) -> list[Path]:
        """Page, records and tables: all that is the same wherever it is made."""
        return [path for path in sorted(self.path.iterdir()) if path.suffix in {".md", ".csv", ".tex"}]

    @contextmanager
    def rewritten(self) -> Iterator["ReportFolder"]:
        """Yield a folder beside this one for a new report. When it is whole, its files take the earlier report's place.

        Of the earlier report those tables and figures are removed that its page links; the user's own files stay. The
        page is moved last: until then the earlier one stands, and says what is still to be removed.

        Raises:
            OSError: no space or no permission; the earlier report is as it was.
        """
        with partial_folder(self.path) as partial:
            made = ReportFolder(partial)
            yield made
            self.path.mkdir(exist_ok=True)
            new = {path.name for path in partial.iterdir()}
            for name in sorted(new - {self.page.name}):
                (partial / name).replace(self.path / name)
            for name in self._linked() - new:
                (self.path / name).unlink(missing_ok=True)
            made.page.replace(self.page)

    def _linked(self) -> set[str]:
        """Tables and figures that the page links."""
        try:
            text = read_bytes(self.page, MOST_TEXT).decode(errors="replace")
        except (OSError, NotRead):  # there is none, or something else lies in its place
            return set()
        return set(_LINK.findall(text)) - {RECORDS}
