"""How scoring, and testing two systems, grow with test images: from 500 to 20,000, the same faces over and over."""

from dataclasses import replace

import pandas as pd
import torch
from growing import Cost, growth_row, measured
from many_systems import Bench
from torch import Tensor

from sgbench.data.requests import Requests
from sgbench.data.store.references import References
from sgbench.report.comparisons import compare_systems
from sgbench.report.markdown import markdown
from sgbench.results.scores import Scores, TargetScores, read_scores
from sgbench.scoring.evaluation_set import EvaluationSet, everything_asked
from sgbench.scoring.figures import make_records
from sgbench.scoring.panel import Panel
from sgbench.scoring.scorer import score

IMAGES = (500, 1000, 2000, 5000, 10_000, 20_000)
BATCH = 250


def section(bench: Bench) -> str:
    """Score more and more images; Markdown."""
    runs = bench.scorer.study.runs
    first, second = (read_scores(runs.system(bench.add_system(k).folder).scores_file) for k in range(2))
    costs: dict[str, dict[int, Cost]] = {}
    for number in IMAGES:
        test = repeated_set(bench.scorer.test, number)
        one, other = repeated(first, number), repeated(second, number)
        calls = {
            "jury and metrics look": lambda test=test: look(bench, test),
            "records": lambda one=one: make_records(one),
            "paired tests of two systems": lambda one=one, other=other: compare_systems(
                [("one", one), ("other", other)], one.num_resamples
            ),
        }
        for name, call in calls.items():
            costs.setdefault(name, {})[number] = measured(call)
            print(f"{name}, {number} images: {costs[name][number]}", flush=True)
    rows = [growth_row(name, of_sizes, IMAGES[0]) for name, of_sizes in costs.items()]
    return "\n\n".join(
        [
            "The quick config's test faces, repeated. The jury and the metrics look at the results of one target; "
            "records and tests are of all targets. Times are beside that of the fewest images.",
            markdown(pd.DataFrame(rows)),
        ]
    )


def look(bench: Bench, test: EvaluationSet) -> None:
    """Score a system that gives the source back, for one target."""
    panel = Panel(bench.scorer.panel.judges[1:])
    score(lambda positions, groups: test.images[positions], test, bench.scorer.study.plan.attributes, panel, BATCH)


def repeated_set(test: EvaluationSet, number: int) -> EvaluationSet:
    """So many images, the same ones over and over, and their requests of the first target."""
    times = -(-number // len(test.images))
    images, labels = (t.repeat(times, *[1] * (t.dim() - 1))[:number] for t in (test.images, test.labels))
    requests = repeated_requests(test.requests[0], len(test.labels), number)[0]
    return everything_asked(images, labels, [requests], References(None, None))


def repeated(scores: Scores, number: int) -> Scores:
    """Scores of so many images, the same ones over and over."""
    kept = [repeated_requests(request, len(scores.labels), number) for request in scores.requests]
    times = -(-number // len(scores.labels))
    return replace(
        scores,
        ids=tuple(f"{k}/{name}" for k in range(times) for name in scores.ids)[:number],
        labels=scores.labels.repeat(times, 1)[:number],
        requests=tuple(request for request, _ in kept),
        targets=tuple(picked(own, rows) for own, (_, rows) in zip(scores.targets, kept, strict=True)),
    )


def picked(own: TargetScores, rows: Tensor) -> TargetScores:
    """Scores of some rows, int64 [M]."""
    posteriors = tuple(tuple(head[rows] for head in heads) for heads in own.posteriors)
    return TargetScores(posteriors, {place: terms[rows] for place, terms in own.terms.items()})


def repeated_requests(request: Requests, num_images: int, number: int) -> tuple[Requests, Tensor]:
    """Requests of so many images, the same ones over and over, and the row that each of them repeats, int64 [M]."""
    times = -(-number // num_images)
    positions = torch.cat([request.positions + k * num_images for k in range(times)])
    rows, values = torch.arange(len(request.positions)).repeat(times), request.values.repeat(times)
    order = values.argsort(stable=True)
    order = order[positions[order] < number]
    return Requests(request.target, positions[order], values[order]), rows[order]
