"""A report's folder: the page, all records, and a file for each table and figure."""

from dataclasses import dataclass
from pathlib import Path

from sgbench.results.system_folder import RECORDS


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

    def figure(self, name: str) -> Path:
        """A figure's picture."""
        return self.path / f"{name}.png"

    def texts(self) -> list[Path]:
        """Page, records and tables: all that is the same wherever it is made."""
        return [path for path in sorted(self.path.iterdir()) if path.suffix in {".md", ".csv", ".tex"}]

    def remove_unlinked(self) -> None:
        """Remove tables and figures of an earlier report that the page does not link."""
        text = self.page.read_text(encoding="utf-8")
        for file in self.path.iterdir():
            if file.suffix in {".csv", ".tex", ".png"} and file.name != RECORDS and f"]({file.name})" not in text:
                file.unlink()
