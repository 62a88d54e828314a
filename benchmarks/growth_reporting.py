"""How a report grows with systems: from 1 to 200 of them, on the test faces of the quick config."""

import pandas as pd
from growing import Cost, growth_row, measured
from many_systems import Bench

from sgbench.report.making import make_report
from sgbench.report.markdown import markdown
from sgbench.report.members import FEW

SYSTEMS = (1, 2, 5, FEW, FEW + 1, 25, 50, 100, 200)
LIMIT_SYSTEMS, LIMIT_SECONDS = 100, 60


def section(bench: Bench) -> str:
    """Report studies of more and more systems; Markdown."""
    systems = [bench.add_system(number) for number in range(max(SYSTEMS))]
    costs: dict[int, Cost] = {}
    for number in SYSTEMS:
        folder = bench.study_of(systems[:number])
        costs[number] = measured(lambda folder=folder: make_report(folder))
        print(f"report over {number} systems: {costs[number]}", flush=True)
    own = costs[LIMIT_SYSTEMS].seconds
    test, attributes = len(bench.scorer.test.images), len(bench.scorer.test.requests)
    row = growth_row("tables, tests, figures, page", costs, FEW + 1)
    return "\n\n".join(
        [
            f"{test:,} test images, {attributes} attributes; each system is a method of its own. Up to {FEW} systems "
            f"all pairs are tested, of more each against one reference system, and figures show the first {FEW}. "
            f"Times are beside that of {FEW + 1} systems; the powers are fitted from there on.",
            markdown(pd.DataFrame([row])),
            f"A report over {LIMIT_SYSTEMS} systems took {own:.0f} s of processor time; it may take {LIMIT_SECONDS} s.",
        ]
    )
