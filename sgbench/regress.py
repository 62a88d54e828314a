"""Hold new records against reference records: ``python -m sgbench.regress REFERENCE NEW``.

Prints what moved. Exit status: 0 nothing beyond its tolerance, 1 something moved too far or a row is missing or added,
2 an input cannot be read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from sgbench.regression import Difference

PLAIN_WIDTH = 160


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print and return the exit status."""
    parser = argparse.ArgumentParser(prog="sgbench.regress", description="Hold new records against reference records.")
    parser.add_argument(
        "reference",
        type=Path,
        metavar="REFERENCE",
        help="CSV file of records, or a folder of such; its tolerances are in <name>.tolerances.yaml or "
        "tolerances.yaml beside it",
    )
    parser.add_argument("new", type=Path, metavar="NEW", help="CSV file of records, or a folder of such")
    arguments = parser.parse_args(argv)

    from rich.console import Console

    from sgbench.regression import compare, load_records, load_tolerances

    try:
        reference, new = load_records(arguments.reference), load_records(arguments.new)
        differences = compare(reference, new, load_tolerances(arguments.reference))
    except ValueError as error:
        message = f"{arguments.reference} against {arguments.new}: {error}"
        print(" ".join(message.split()), file=sys.stderr)
        return 2
    failures = sum(d.failed for d in differences)
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    if differences:
        console.print(_table(differences))
    console.print(f"{len(reference)} rows against {len(new)} new: {len(differences)} figures differ, {failures} fail")
    return int(failures > 0)


def _table(differences: Sequence["Difference"]) -> "Table":
    """A row for each difference, failures first."""
    from rich.table import Table
    from rich.text import Text

    table = Table("key", title="What moved")
    for column in ("reference", "new", "difference", "tolerance", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for d in sorted(differences, key=lambda d: not d.failed):
        r = d.row
        key = (
            f"{r.system} {r.dataset} {r.image_size}: {r.target} -> {r.direction}, {r.metric} of {r.measured_on} "
            f"({r.definition}; {r.unit}, {r.origin})"
        )
        figures = [f"{x:.6g}" for x in (d.reference, d.new, d.new - d.reference, d.allowed)]
        style = "red" if d.failed else ""
        table.add_row(Text(key if d.quantity == "value" else f"{key}, {d.quantity}"), *figures, d.verdict, style=style)
    return table


if __name__ == "__main__":
    sys.exit(main())
