"""Measures how near a jury's accuracy comes to what another jury would find: ``python benchmarks/jury.py``.

Systems: the quick config's three methods with three seeds, the same with a quarter of their iterations, the oracle, and
copies with noise that fools the paper's ResNet-18. A reference jury of ten judges and the judges that juries are drawn
from have no seed in common. Everything is trained in a run folder and never twice. Writes the tables of ``jury.md``.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from verdicts import Rows, Trained, hits, shortened, train, verdicts

from sgbench.judges.architectures import PAPERS
from sgbench.judges.jury import JurySettings
from sgbench.report.markdown import markdown
from sgbench.results.scores import MIN_SITTING
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.statistics.crossed import CrossedMean, crossed_table, judges_priors, over_seeds
from sgbench.statistics.intervals import exact_interval, upper_bound
from sgbench.support.atomic import write_text

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
SEEDS, SHARE = (0, 1, 2), 0.25
REFERENCE_SEED, NUM_REFERENCE, NUM_POOL = 100, 10, 12
SIZES, DRAWS, POINTS = (2, 3, 4, 5), 20, 0.03

Verdicts = Mapping[tuple[str, int], np.ndarray]


@dataclass(frozen=True)
class Bench:
    """All judges' verdicts on all systems.

    Attributes:
        cells: the cells of each system.
        seen: each judge's verdicts: the reference jury's, then the pool's.
        groups: name -> the systems that belong together: three methods, or one system.
        sits: bool [judges, attributes], whether the gate lets a judge sit.
    """

    cells: list[Rows]
    seen: list[Verdicts]
    groups: dict[str, list[str]]
    sits: np.ndarray

    def tables(self, system: str) -> list[np.ndarray]:
        """The verdicts on each cell of a system, [n, judges]."""
        return hits(self.seen, system, self.cells)


def main() -> None:
    """Train what is missing, let all judges look, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the run folder")
    runs = parser.parse_args().runs
    settings = read_settings(find_config("quick"), {"seeds": list(SEEDS)}, {})
    short = shortened(settings.model_copy(update={"seeds": SEEDS[:1]}), SHARE)
    trained, hurried = train(settings, runs), train(short, runs)
    paper = trained.judge(PAPERS, settings.judge)
    results = trained.results() | hurried.results(", a quarter") | trained.oracle() | trained.fooling(paper)
    groups = {f"seed {s}": [n for n in names(results) if n.endswith(f"seed {s}")] for s in SEEDS}
    groups["a quarter of the iterations"] = [n for n in names(results) if n.endswith("a quarter")]
    groups |= {"the oracle": ["oracle"], "copies with noise": ["noise"]}
    jury = settings.jury
    reference = jury.model_copy(update={"size": NUM_REFERENCE, "seed": REFERENCE_SEED})
    seats = [*reference.seats(), *jury.model_copy(update={"size": NUM_POOL}).seats()]
    seen = []
    for k, (architecture, own) in enumerate(seats, 1):
        seen.append(verdicts(trained.judge(architecture, own), results))
        print(f"{k} of {len(seats)} judges have looked", flush=True)
    cells = trained.cells()
    bench = Bench(cells, seen, groups, sitting(seen, cells, jury))
    papers = verdicts(paper, results)
    tables = {
        "How far juries are apart": by_size(bench),
        "One judge alone": alone(bench, papers),
        "Noise that fools the ResNet-18": fooled(bench, papers, trained),
        "Where the variance comes from": shares(bench, jury.size),
    }
    text = "\n\n".join(f"**{title}**\n\n{markdown(table)}" for title, table in tables.items())
    path = FOLDER / "jury.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    write_text(path, f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def names(results: Mapping[tuple[str, int], object]) -> list[str]:
    """The systems that have results."""
    return list(dict.fromkeys(name for name, _ in results))


def sitting(seen: Sequence[Verdicts], cells: Sequence[Rows], jury: JurySettings) -> np.ndarray:
    """Which judge the gate lets sit for which attribute, by its accuracy on exact counterfactuals."""
    sits = np.ones((len(seen), 1 + max(c.attribute for c in cells)), dtype=bool)
    for cell, table in zip(cells, hits(seen, "oracle", cells), strict=True):
        if cell.attribute == cell.target:
            for judge, n in enumerate(table.sum(0)):
                sits[judge, cell.target] &= upper_bound(int(n), len(table)) >= jury.gate
    return sits


def draw(rng: np.random.Generator, size: int, among: Sequence[int], number: int = 1) -> list[list[int]]:
    """Disjoint juries whose architectures take turns; even positions are of the first architecture."""
    kinds = [list(rng.permutation([k for k in among if k % 2 == kind])) for kind in (0, 1)]
    return [[int(kinds[place % 2].pop()) for place in range(size)] for _ in range(number)]


def means(bench: Bench, tables: Sequence[np.ndarray], jury: Sequence[int]) -> list[CrossedMean | None]:
    """The jury's mean of each cell of one system with the parts of its variance; None where fewer than two sit."""
    judged = []
    for cell, table in zip(bench.cells, tables, strict=True):
        own = [k for k in jury if bench.sits[k, cell.attribute]]
        judged.append(crossed_table(table[:, own], cell.sources) if len(own) >= MIN_SITTING else None)
    of_cells = zip(bench.cells, judged, strict=True)
    priors = judges_priors((str(cell.attribute), t) for cell, t in of_cells if t)
    return [t.crossed_mean(priors.get(t.num_judges)) if t else None for t in judged]


def by_size(bench: Bench) -> pd.DataFrame:
    """For each size of jury and group of systems how far juries are apart, and whether intervals hold."""
    rows = [
        {"Judges": f"{size}", "Systems": group} | drawn_juries(bench, size, group)
        for size in SIZES
        for group in bench.groups
    ]
    return pd.DataFrame(rows)


def drawn_juries(bench: Bench, size: int, group: str) -> dict[str, str]:
    """Draw pairs of disjoint juries, and juries of the pool beside the reference: a line of the table."""
    rng = np.random.default_rng([size, 11])
    everyone, reference = range(len(bench.seen)), list(range(NUM_REFERENCE))
    tables = [bench.tables(system) for system in bench.groups[group]]
    known = [mean for of_system in tables for mean in means(bench, of_system, reference)]
    between, apart, held, widths, largest = [], [], [], [], 0.0
    for _ in range(DRAWS):
        first, second = draw(rng, size, everyone, 2)
        (third,) = draw(rng, size, everyone[NUM_REFERENCE:])
        one, other, own = ([m for t in tables for m in means(bench, t, jury)] for jury in (first, second, third))
        between.append(sum(gap(a, b) > POINTS for a, b in zip(one, other, strict=True)))
        gaps = [gap(a, b) for a, b in zip(own, known, strict=True)]
        apart.append(sum(g > POINTS for g in gaps))
        largest = max(largest, *gaps)
        for a, b in zip(own, known, strict=True):
            if a and b:
                low, high = interval(a)
                held.append(low <= b.mean <= high)
                widths.append(high - low)
    return {
        "Cells that differ between two juries": f"{np.mean(between):.1f}",
        "from the reference": f"{np.mean(apart):.1f}",
        "Largest difference": f"{100 * largest:.1f}",
        "Intervals that hold it (%)": f"{100 * np.mean(held):.1f}",
        "Median width": f"{100 * np.median(widths):.2f}",
    }


def gap(first: CrossedMean | None, second: CrossedMean | None) -> float:
    """How far two figures are apart; a figure that is not scored is as far from any other as can be."""
    return abs(first.mean - second.mean) if first and second else 1.0


def interval(mean: CrossedMean) -> tuple[float, float]:
    """The 95 % interval as records have it."""
    if mean.mean in (0.0, 1.0):
        return exact_interval(mean.mean, round(mean.freedom) + 1)
    low, high = mean.interval()
    return max(0.0, low), min(1.0, high)


def alone(bench: Bench, papers: Verdicts) -> pd.DataFrame:
    """How far one judge is from the reference jury: the paper's, and each of the pool."""
    rows = []
    for group, systems in bench.groups.items():
        if len(systems) == 1:  # controls, which the next table has
            continue
        row = {"Systems": group}
        for name, judges in (("the ResNet-18", [papers]), ("a compact judge, mean of 12", bench.seen[NUM_REFERENCE:])):
            apart, worst = [], 0.0
            for verdict in judges:
                gaps = []
                for system in systems:
                    known = means(bench, bench.tables(system), range(NUM_REFERENCE))
                    own = [table.mean() for table in hits([verdict], system, bench.cells)]
                    gaps += [abs(a - b.mean) for a, b in zip(own, known, strict=True) if b]
                apart.append(sum(g > POINTS for g in gaps))
                worst = max(worst, *gaps)
            row |= {f"Cells that differ, {name}": f"{np.mean(apart):.1f}", f"Largest, {name}": f"{100 * worst:.1f}"}
        rows.append(row)
    return pd.DataFrame(rows)


def fooled(bench: Bench, papers: Verdicts, trained: Trained) -> pd.DataFrame:
    """Who sees the value asked for in copies with noise, and in exact counterfactuals: target accuracy in percent."""
    rows = []
    for system in ("noise", "oracle"):
        for attribute in trained.study.plan.attributes:
            j = trained.study.plan.attributes.index(attribute)
            asked = [k for k, c in enumerate(bench.cells) if c.attribute == c.target == j]
            by_jury = np.concatenate([bench.tables(system)[k] for k in asked])
            by_paper = np.concatenate([hits([papers], system, bench.cells)[k] for k in asked])
            reference = by_jury[:, :NUM_REFERENCE].mean(0)
            rows.append(
                {
                    "Results": system,
                    "Attribute": attribute.title,
                    "The ResNet-18": f"{100 * by_paper.mean():.1f}",
                    "Ten judges": f"{100 * reference.mean():.1f}",
                    "Lowest of them": f"{100 * reference.min():.1f}",
                    "Highest": f"{100 * reference.max():.1f}",
                }
            )
    return pd.DataFrame(rows)


def shares(bench: Bench, size: int) -> pd.DataFrame:
    """How images, judges and training seeds share the variance of a cell, by method."""
    jury = list(range(NUM_REFERENCE, NUM_REFERENCE + size))
    rows = []
    for method in dict.fromkeys(name.split(",")[0] for name in bench.groups[f"seed {SEEDS[0]}"]):
        of_seeds = [means(bench, bench.tables(f"{method}, seed {seed}"), jury) for seed in SEEDS]
        parts = []
        for cell in zip(*of_seeds, strict=True):
            if all(cell) and (whole := over_seeds(cell)).variance:
                parts.append([whole.images, whole.judges, whole.seeds])
        table = np.array(parts)
        mean = 100 * (table / table.sum(1, keepdims=True)).mean(0)
        errors = 100 * np.sqrt(np.median(table, 0))
        rows.append(
            {"Method": method}
            | {f"{name} (%)": f"{share:.0f}" for name, share in zip(_PARTS, mean, strict=True)}
            | {f"{name}: standard error": f"{error:.2f}" for name, error in zip(_PARTS, errors, strict=True)}
        )
    return pd.DataFrame(rows)


_PARTS = ("Images", "Judges", "Seeds")


if __name__ == "__main__":
    main()
