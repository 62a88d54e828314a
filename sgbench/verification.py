"""Whether a report is what it claims: records from per-image scores, tables and page from records, all made again.

It finds a figure, a table or a page that was changed, lost or made by other code, and by checksums every other file of
the report that is not the one written. It cannot find a forgery that was carried through to the checksums.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from sgbench.checksums import check_files
from sgbench.entries import Entry, system_labels
from sgbench.errors import UserError
from sgbench.measure import make_records
from sgbench.records import to_frame, write_records
from sgbench.report.page import write_report
from sgbench.report.stored import read_page
from sgbench.reporting import compare_entries, report_frame
from sgbench.scores import Scores, read_scores


@dataclass(frozen=True)
class Verification:
    """What was made again, and a line for everything that is not the same."""

    num_records: int
    num_systems: int
    num_files: int
    problems: tuple[str, ...]


def verify(folder: Path) -> Verification:
    """Make a report again and compare it.

    Args:
        folder: of a study or an evaluation; its systems lie in ``systems`` beside it.

    Raises:
        UserError: a file that it needs is missing or broken.
    """
    try:
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        entries = json.loads((folder / "report" / "entries.json").read_text(encoding="utf-8"))
        page = read_page(folder / "report" / "page.json")
        systems = folder.parent / "systems"
        names = [*plan["controls"], *(entry["system"] for entry in entries)]
        scores = {name: read_scores(systems / name / "scores.npz") for name in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: not a finished study with its per-image scores ({error}); run its command again, or give a "
            "folder such as runs/quick-500"
        ) from error
    foreign = [_foreign(system, own, systems) for system, own in scores.items() if own.base.system != system]
    if foreign:
        return Verification(0, len(scores), len(scores), tuple(foreign))
    problems, records = [], []
    with TemporaryDirectory() as name:
        again = Path(name)
        for system, own in scores.items():
            try:
                made = make_records(own)
            except (ValueError, IndexError, RuntimeError) as error:
                broken = f"{systems / system / 'scores.npz'}: no records can be made of it: {error}"
                return Verification(0, len(scores), len(scores), (broken,))
            records += made
            write_records(again / system / "records.csv", made)
            problems += _differences(systems / system / "records.csv", again / system / "records.csv")
        shown = [Entry(systems / e["system"], e["method"], e["shown"]) for e in entries]
        labels = system_labels(to_frame(records), page.layout, shown)
        page = replace(page, comparisons=compare_entries(labels, shown, next(iter(scores.values())).num_resamples))
        write_records(again / "report" / "records.csv", records)
        write_report(again / "report", report_frame(records), page)
        files = sorted(path for path in (again / "report").iterdir())
        for path in files:
            problems += _differences(folder / "report" / path.name, path)
    told = {problem.partition(": ")[0] for problem in problems}
    problems += [f"{path}: {problem}" for path, problem in check_files(folder) if str(path) not in told]
    return Verification(len(records), len(scores), len(files) + len(scores), tuple(problems))


def _foreign(system: str, scores: Scores, systems: Path) -> str:
    return f"{systems / system / 'scores.npz'}: holds the scores of {scores.base.system}"


def _differences(claimed: Path, made: Path) -> Iterator[str]:
    """A line that says where a file is not as it was made again."""
    if not claimed.is_file():
        yield f"{claimed}: is missing"
        return
    old, new = (path.read_text(encoding="utf-8", errors="replace").splitlines() for path in (claimed, made))
    if old != new:
        changed = [line for line in unified_diff(old, new, n=0, lineterm="") if line[:1] in "+-"][2:]
        first = next((line for line in changed if line.startswith("-")), changed[0])
        lines = sum(line.startswith("-") for line in changed) or len(changed)
        yield f"{claimed}: {lines} lines differ, the first: {first[1:161]}"
