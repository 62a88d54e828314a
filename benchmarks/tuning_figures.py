"""The figures of a trial of ``tuning.py`` that its bars are about, and how far they are from these."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.tuning_space import BARS
from sgbench.metrics.distance import BackgroundTint
from sgbench.results.records import read_records
from sgbench.results.scores import Scores, read_scores
from sgbench.results.system_folder import SystemFolder


def figures(runs: Path, folder: Path, method: str) -> dict[str, float]:
    """The figures that bars are about, the worst over targets.

    Attributes that go together in the faces are not held against each other.
    """
    records = pd.DataFrame(read_records(folder / "report" / "records.csv"))
    exempt = {tuple(pair) for pair in json.loads((folder / "study.json").read_text(encoding="utf-8"))["correlated"]}
    own, copy = records[records.method == method], records[records.method == "copy"]
    targets = [t for t in own.target.unique() if t and "+" not in t]

    def value(table: pd.DataFrame, metric: str, target: str, on: str) -> float:
        rows = table[(table.metric == metric) & (table.target == target) & (table.measured_on == on)]
        return float(rows[rows.direction == "all"].value.iloc[0])

    direction = own[(own.metric == "jury_accuracy") & (own.target == own.measured_on) & (own.direction != "all")]
    real = records[(records.method == "real") & (records.metric == "jury_accuracy")]
    ceiling = {t: float(real[real.measured_on == t].value.iloc[0]) for t in targets}
    kept = [
        value(own, "jury_accuracy", t, other) - ceiling[other]
        for t in targets
        for other in targets
        if other != t and (t, other) not in exempt
    ]
    inside = [value(own, "counterfactual_error", t, "inside") for t in targets]
    of_copy = [value(copy, "counterfactual_error", t, "inside") for t in targets]
    return {
        "target": 100 * least(value(own, "jury_accuracy", t, t) for t in targets),
        "direction": 100 * least(direction.value),
        "unrelated": 100 * least(kept),
        "inside": most(mine - theirs for mine, theirs in zip(inside, of_copy, strict=True)),
        "outside": most(value(own, "counterfactual_error", t, "outside") for t in targets),
        "tint": most(tints(read_scores(SystemFolder(runs / "systems" / own.system.iloc[0]).scores_file))),
        "background": 100 * least(value(own, "background_ms_ssim", t, "background") for t in targets),
    }


def least(values: Iterable[float]) -> float:
    """The smallest value; NaN if one is NaN, as where judges cannot score it."""
    return float(np.min(list(values)))


def most(values: Iterable[float]) -> float:
    """The largest value; NaN if one is NaN."""
    return float(np.max(list(values)))


def tints(scores: Scores) -> Iterator[float]:
    """Tint of the background by target and the value asked for: both directions together could cancel."""
    metric = BackgroundTint()
    for request, target in zip(scores.requests, scores.targets, strict=True):
        terms = target.terms.get(("background_tint", "background"))
        if terms is None:
            continue
        for v in request.values.unique():
            weights = (request.values == v).double().unsqueeze(0)
            yield float(metric.reduce(terms, weights))


def shortfall(outcome: Mapping[str, float]) -> float:
    """How far a trial is from the bars; a hundredth of its error outside decides between trials that meet all.

    A trial of which a figure could not be scored is infinitely far.
    """
    if any(math.isnan(outcome[name]) for name in BARS):
        return math.inf
    missing = [max(0.0, (outcome[name] - bar) / unit) for name, (bar, unit) in BARS.items()]
    return sum(missing) + outcome["outside"] / 100
