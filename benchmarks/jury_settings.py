"""Chooses how the judges of a jury are trained, by validation faces: ``python benchmarks/jury_settings.py``.

The procedure is written in docs/jury.md. For each trial six judges are trained, three seeds of both architectures, on
the training faces without the validation faces. They look at exact counterfactuals of validation faces, and at
validation faces translated by the three methods of the quick config, which were trained without them too. No test image
is looked at. Writes the table of ``jury_settings.md`` beside this file.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from verdicts import Results, Rows, Trained, hits, train, verdicts

from sgbench.judges.jury import JurySettings
from sgbench.report.markdown import markdown
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.statistics.intervals import upper_bound
from sgbench.support.atomic import write_text

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
NUM_JUDGES, JURY, POINTS = 6, 3, 0.03
TRIALS: tuple[Mapping[str, float], ...] = (
    {},
    {"mixed": 0.0},
    {"distortion": 0.0, "mixed": 0.0},
    {"distortion": 0.0, "mixed": 0.0, "warm_up": 0.0},
)
"""What each trial sets beside the quick config's."""


@dataclass(frozen=True)
class Trial:
    """What a trial showed.

    Attributes:
        worst: lowest accuracy on counterfactuals over judges, attributes and directions.
        barred: judges and attributes that the gate would bar.
        differing: mean number of cells by which two disjoint juries differ by more than 3 points, over all such pairs.
        deviation: median over cells of the standard deviation between judges, in points.
    """

    worst: float
    barred: int
    differing: float
    deviation: float


def main() -> None:
    """Run all trials and write the table; judges that are trained already are not trained again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the run folder")
    arguments = parser.parse_args()
    settings = read_settings(find_config("quick"), {}, {"scored_on": "validation"})
    trained = train(settings, arguments.runs)
    results = trained.results()
    tried = [settings.jury.model_copy(update=dict(changes) | {"size": NUM_JUDGES}) for changes in TRIALS]
    trials = []
    for own in tried:
        trials.append(run_trial(trained, results, own))
        print(row(own, trials[-1], chosen=False), flush=True)
    best = min((t for t in trials if not t.barred), key=lambda t: t.differing, default=None)
    rows = [row(own, trial, trial is best) for own, trial in zip(tried, trials, strict=True)]
    path = FOLDER / "jury_settings.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    text = f"{markdown(pd.DataFrame(rows))}\n"
    write_text(path, f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}")


def run_trial(trained: Trained, results: Results, settings: JurySettings) -> Trial:
    """Train the judges of a trial and let them look."""
    seen, shares = [], []
    for architecture, own in settings.seats():
        seen.append(verdicts(trained.judge(architecture, own), results | trained.oracle()))
    cells = trained.cells()
    for cell, table in zip(cells, hits(seen, "oracle", cells), strict=True):
        if cell.attribute == cell.target:
            shares += [(int(n), len(table)) for n in table.sum(0)]
    differing, deviation = agreement(seen, cells)
    return Trial(
        worst=min(n / of for n, of in shares),
        barred=sum(upper_bound(n, of) < settings.gate for n, of in shares),
        differing=differing,
        deviation=deviation,
    )


def agreement(seen: Sequence[Mapping[tuple[str, int], np.ndarray]], cells: Sequence[Rows]) -> tuple[float, float]:
    """Cells that differ between disjoint juries, and the median deviation between judges; the oracle is left out."""
    systems = dict.fromkeys(name for name, _ in seen[0] if name != "oracle")
    means = np.stack([table.mean(0) for system in systems for table in hits(seen, system, cells)])
    judges = set(range(len(seen)))
    differing = []
    for first in combinations(sorted(judges), JURY):
        for second in combinations(sorted(judges - set(first)), JURY):
            if first < second:
                gaps = means[:, first].mean(1) - means[:, second].mean(1)
                differing.append((np.abs(gaps) > POINTS).sum())
    return float(np.mean(differing)), 100 * float(np.median(means.std(1, ddof=1)))


def row(settings: JurySettings, trial: Trial, chosen: bool) -> dict[str, str]:
    """A line of the table."""
    return {
        "Distortion": f"{settings.distortion:g}",
        "Mixed": f"{settings.mixed:g}",
        "Warm-up": f"{settings.warm_up:g}",
        "Worst on counterfactuals (%)": f"{100 * trial.worst:.1f}",
        "Barred": f"{trial.barred}",
        "Cells that differ": f"{trial.differing:.1f}",
        "Deviation (points)": f"{trial.deviation:.2f}",
        "Chosen": "yes" if chosen else "no",
    }


if __name__ == "__main__":
    main()
