"""Simulates which losses the paired test of ``sgbench regress`` finds: ``python benchmarks/power.py``.

Per-image scores of a reference and of a new version are drawn, with a true loss and without one, and tested like
``sgbench regress`` does. Writes ``power.csv`` and the tables of ``power.md`` in the same folder. ``p_values`` computes
``regression.by_images.paired_p`` for many trials at once; tests/test_power_study.py checks that both agree.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from power_scores import NUM_LARGE, REGIMES, SEED, Pair, Regime, draw_accuracy, draw_ms_ssim, draw_statistics, score_of
from scipy.stats import binomtest, norm

from sgbench.regression.by_images import SCREENING_P, SCREENING_SWAPS, SWAPS
from sgbench.statistics.paired import GAUSSIAN_BOUND
from sgbench.support.atomic import write_text

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
ALPHA, ENOUGH = 0.01, 0.95
FAMILIES = {1: "one figure", 60: "first of 60 figures"}
TRIALS, TRIALS_WITHOUT_LOSS = 400, 2000
SIZES = (500, 1000, 2000, 3000, 5000, 10000, 20000)
LOSSES = {"accuracy": 0.01, "background_ms_ssim": 0.002, "judge_score": 0.01}
TEXTS = {
    "accuracy": "accuracy, 1 point",
    "background_ms_ssim": "background MS-SSIM, 0.002",
    "judge_score": "Judge Score, 1 %",
}

NUM_SPLITS, SPLIT_SEED = 10, 2020
TIE = 1e-9
TRIALS_AT_ONCE, SWAPS_AT_ONCE = 100, 500

Draw = Callable[[np.random.Generator, int, Regime, float], Pair]


class Means:
    """The paired test of mean scores; the scores of both versions are [T, n]."""

    def __init__(self, old: np.ndarray, new: np.ndarray):
        self.num_images = old.shape[1]
        self.gaps = (new - old) / self.num_images
        self.differences = self.gaps.sum(1)
        self.sizes = np.maximum(np.abs(old.mean(1)), np.abs(new.mean(1)))

    def swapped(self, swaps: np.ndarray) -> np.ndarray:
        """The differences [r, T] after swaps [r, n]."""
        return np.where(swaps, -1.0, 1.0) @ self.gaps.T

    def shares(self) -> np.ndarray:
        """The share of each image in the differences, [T, n]."""
        return self.gaps


class JudgeScores:
    """The paired test of Judge Scores; the ``statistics`` of both versions are [T, n, C + 1]."""

    def __init__(self, old: np.ndarray, new: np.ndarray):
        n = self.num_images = old.shape[1]
        order = np.random.RandomState(SPLIT_SEED).permutation(n)
        self.splits = [order[i * n // NUM_SPLITS : (i + 1) * n // NUM_SPLITS] for i in range(NUM_SPLITS)]
        self.old, self.new = old, new
        self.means = [[side[:, rows].mean(1) for rows in self.splits] for side in (old, new)]
        scores = [np.mean([score_of(means) for means in side], 0) for side in self.means]
        self.differences = scores[1] - scores[0]
        self.sizes = np.maximum(*scores)
        self.gaps = [(new - old)[:, rows].transpose(1, 0, 2).reshape(len(rows), -1) / len(rows) for rows in self.splits]

    def swapped(self, swaps: np.ndarray) -> np.ndarray:
        after = np.zeros((len(swaps), len(self.old)))
        for rows, gap, old, new in zip(self.splits, self.gaps, *self.means, strict=True):
            shift = (swaps[:, rows].astype(float) @ gap).reshape(*after.shape, -1)
            after += score_of(new - shift) - score_of(old + shift)
        return after / NUM_SPLITS

    def shares(self) -> np.ndarray:
        shares = np.empty(self.old.shape[:2])
        for rows, old, new in zip(self.splits, *self.means, strict=True):
            both = (old + new) / 2
            gap = self.new[:, rows] - self.old[:, rows]
            change = gap[..., -1] - (gap[..., :-1] @ np.log(both[:, :-1])[:, :, None])[..., 0]
            shares[:, rows] = score_of(both)[:, None] * change / len(rows) / NUM_SPLITS
        return shares


def p_values(test: type, old: np.ndarray, new: np.ndarray, seed: int = 0) -> np.ndarray:
    """p-values [T] like those of ``sgbench regress``: few swaps, then more swaps, then a bound for a very small p."""
    p = _by_swaps(test(old, new), SCREENING_SWAPS, seed)
    close = p <= SCREENING_P
    if close.any():
        tests = test(old[close], new[close])
        p[close] = _by_swaps(tests, SWAPS, seed)
        shares = tests.shares()
        z = np.abs(shares.sum(1)) / np.linalg.norm(shares, axis=1)
        least = p[close] < 1.5 / (1 + SWAPS)
        p[close] = np.where(least, np.minimum(p[close], 2 * GAUSSIAN_BOUND * norm.sf(z)), p[close])
    return p


def _by_swaps(tests: Means | JudgeScores, num_swaps: int, seed: int) -> np.ndarray:
    """p-values [T] like those of ``paired.paired_difference``."""
    generator = np.random.default_rng([seed, 1])
    least = np.abs(tests.differences) - TIE * tests.sizes
    as_large = np.zeros(len(least))
    for start in range(0, num_swaps, SWAPS_AT_ONCE):
        swaps = generator.random((min(SWAPS_AT_ONCE, num_swaps - start), tests.num_images)) < 0.5
        as_large += (np.abs(tests.swapped(swaps)) >= least).sum(0)
    return (1 + as_large) / (1 + num_swaps)


METRICS: dict[str, tuple[Draw, type, Sequence[int]]] = {
    "accuracy": (draw_accuracy, Means, SIZES),
    "background_ms_ssim": (draw_ms_ssim, Means, SIZES),
    "judge_score": (draw_statistics, JudgeScores, SIZES),
}


def study(metrics: Sequence[str]) -> Iterator[dict[str, object]]:
    """All rows of some metrics, in order."""
    for metric in metrics:
        sizes = METRICS[metric][2]
        for regime in REGIMES:
            for n in sizes:
                yield from simulate(metric, regime, n, 0.0, TRIALS_WITHOUT_LOSS, [1])
                yield from simulate(metric, regime, n, LOSSES[metric], TRIALS, list(FAMILIES))


def simulate(
    metric: str, regime: Regime, n: int, loss: float, trials: int, families: Sequence[int]
) -> Iterator[dict[str, object]]:
    """One row per family: how many trials pass Holm's first step, with the 95 % interval of their share."""
    draw, test, _ = METRICS[metric]
    rng = np.random.default_rng([SEED, list(METRICS).index(metric), REGIMES.index(regime), n, int(loss > 0)])
    significant = dict.fromkeys(families, 0)
    for start in range(0, trials, TRIALS_AT_ONCE):
        pairs = [draw(rng, n, regime, loss) for _ in range(min(TRIALS_AT_ONCE, trials - start))]
        old, new = (np.stack(side) for side in zip(*pairs, strict=True))
        p = p_values(test, old, new, seed=start)
        for family in families:
            significant[family] += int((p <= ALPHA / family).sum())
    about = {"metric": metric, "regime": regime.name, "loss": loss, "sources": n}
    for family, number in significant.items():
        low, high = binomtest(number, trials).proportion_ci()
        shares = {"share": number / trials, "low": low, "high": high}
        yield about | {"tests": family, "trials": trials, "significant": number} | shares


def approximate_size(metric: str, regime: Regime, family: int) -> int:
    """Number of source images at which a normal approximation finds the loss often enough.

    The spread is that of 200,000 images; for a score it is the spread of each image's influence on the score.
    """
    old, new = METRICS[metric][0](np.random.default_rng(SEED), NUM_LARGE, regime, LOSSES[metric])
    loss = LOSSES[metric]
    if old.ndim == 2:
        old, new = (side[:, -1] - side[:, :-1] @ np.log(side[:, :-1].mean(0)) for side in (old, new))
    z = norm.isf(ALPHA / family / 2) + norm.ppf(ENOUGH)
    return int(z**2 * (new - old).var() / loss**2)


def tables(rows: pd.DataFrame) -> str:
    """The results of the study, as Markdown."""
    lost, equal = rows[rows["loss"] > 0], rows[rows["loss"] == 0]
    needed = []
    for (metric, name), of_regime in lost.groupby(["metric", "regime"], sort=False):
        (regime,) = (r for r in REGIMES if r.name == name)
        line = {"True loss": TEXTS[metric], "Regime": name}
        for family, title in FAMILIES.items():
            approximate = float(f"{approximate_size(metric, regime, family):.2g}")
            line[f"Sources, {title}"] = f"{_enough(of_regime[of_regime['tests'] == family])} ({approximate:,.0f})"
        needed.append(line)
    parts = ["### Test images needed", _table(needed)]
    for family, title in FAMILIES.items():
        heading = f"### Significant of {TRIALS} trials with a loss, %: {title}"
        parts += [heading, _by_size(lost[lost["tests"] == family])]
    significant, trials = equal[["significant", "trials"]].sum()
    heading = f"### Significant of {TRIALS_WITHOUT_LOSS} trials without a loss, %: one figure"
    parts += [heading, f"{significant} of all {trials}: {_percent(significant / trials)} %.", _by_size(equal)]
    return "\n\n".join(parts)


def _enough(rows: pd.DataFrame) -> str:
    """The smallest size from which on the loss is found in enough trials."""
    below = rows[rows["share"] < ENOUGH]["sources"].max()
    sizes = [n for n in rows["sources"] if not n <= below]
    return f"{min(sizes):,}" if sizes else f"more than {rows['sources'].max():,}"


def _by_size(rows: pd.DataFrame) -> str:
    table = []
    for (metric, regime), of_regime in rows.groupby(["metric", "regime"], sort=False):
        shares = {
            f"{row.sources:,}": f"{_percent(row.share)} [{_percent(row.low)}, {_percent(row.high)}]"
            for row in of_regime.itertuples()
        }
        table.append({"Metric": metric, "Regime": regime} | shares)
    return _table(table)


def _table(lines: Sequence[Mapping[str, str]]) -> str:
    frame = pd.DataFrame(lines).fillna("")
    sides = ["left", "left", *["right"] * (frame.shape[1] - 2)]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=sides)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    """Run the simulation and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metrics", nargs="*", choices=[*METRICS, []], help="simulate only these (default: all)")
    metrics = parser.parse_args().metrics or list(METRICS)
    rows = pd.DataFrame(study(metrics))
    if len(metrics) < len(METRICS):
        kept = pd.read_csv(FOLDER / "power.csv")
        rows = pd.concat([kept[~kept["metric"].isin(metrics)], rows])
        rows = rows.sort_values("metric", key=lambda column: column.map(list(METRICS).index), kind="stable")
    write_text(FOLDER / "power.csv", rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    before, _, rest = (FOLDER / "power.md").read_text(encoding="utf-8").partition(BEGIN)
    write_text(FOLDER / "power.md", f"{before}{BEGIN}\n{tables(rows)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
