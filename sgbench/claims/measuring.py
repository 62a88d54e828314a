"""The evidence of contrasts from systems' scores: paired over requests, images and judges, then over training seeds.

Systems are read seed by seed, each once, and only the cells that a contrast needs are kept meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence

from sgbench.claims.claim import Claim, Contrast, Quantity
from sgbench.claims.estimates import Estimate, difference
from sgbench.claims.logits import Untouched, logit_cell, untouched_posteriors
from sgbench.claims.pairing import Opponents, Scored, opponents
from sgbench.claims.paper import PALE_LOGIT
from sgbench.claims.verdicts import CONFIDENCE, Evidence
from sgbench.metrics.catalogue import spec_of
from sgbench.results.records import ALL, NO_SEED, REAL
from sgbench.results.scores import NOT_SCORED, Scores
from sgbench.scoring.cells import Cell
from sgbench.scoring.figures import figures
from sgbench.statistics.crossed import CrossedTable, bounded_interval, judges_priors, over_seeds
from sgbench.statistics.moderation import Prior

_Figures = Mapping[Quantity, Cell | str]
"""A system's cells, or why there is none."""
_Found = Sequence[Estimate | str]
"""Of each seed, the estimate, or why there is none."""


def measured_evidence(
    claims: Sequence[Claim],
    systems: Sequence[Scored],
    attributes: Collection[str],
    num_resamples: int,
    unfit: Mapping[str, str],
) -> dict[Claim, list[Evidence]]:
    """The evidence of each contrast of some claims.

    Args:
        attributes: of the report.
        num_resamples: of the bootstrap of figures that are no means over images.
        unfit: metric -> why its figures do not count in this report.
    """
    contests = {contrast: opponents(contrast, systems, attributes) for claim in claims for contrast in claim.contrasts}
    found = _estimates(list(contests.values()), systems, num_resamples, unfit)
    priors = _priors(found)
    return {
        claim: [
            _evidence(contests[contrast], found[contrast], priors[contrast.of.metric], len(claim.contrasts))
            for contrast in claim.contrasts
        ]
        for claim in claims
    }


def _estimates(
    contests: Sequence[Opponents], systems: Sequence[Scored], num_resamples: int, unfit: Mapping[str, str]
) -> dict[Contrast, _Found]:
    wanted: dict[Scored, set[Quantity]] = {}
    by_seed: dict[int, list[tuple[Contrast, Scored, Scored]]] = {}
    for contest in contests:
        for seed, *pair in contest.pairs():
            by_seed.setdefault(seed, []).append((contest.contrast, *pair))
            for scored in pair:
                wanted.setdefault(scored, set()).add(contest.contrast.of)
    untouched = _untouched(systems, {of for own in wanted.values() for of in own if of.metric == PALE_LOGIT})
    read: dict[Scored, _Figures] = {}
    found: dict[Contrast, list[Estimate | str]] = {contest.contrast: [] for contest in contests}
    for seed in sorted(by_seed):
        read = {scored: own for scored, own in read.items() if scored.seed == NO_SEED}
        for contrast, *pair in by_seed[seed]:
            for scored in pair:
                if scored not in read:
                    read[scored] = _figures(scored.read(), wanted[scored], untouched, unfit)
            left, right = (read[scored].get(contrast.of, "it was not measured") for scored in pair)
            found[contrast].append(_estimate(left, right, contrast.times, num_resamples))
    return found


def _untouched(systems: Sequence[Scored], quantities: Collection[Quantity]) -> Untouched:
    real = next((s for s in systems if s.method == REAL), None) if quantities else None
    return untouched_posteriors(real.read(), {of.measured_on for of in quantities}) if real else {}


def _figures(scores: Scores, wanted: Collection[Quantity], untouched: Untouched, unfit: Mapping[str, str]) -> _Figures:
    """The figures of a system that are wanted."""
    logits = [of for of in wanted if of.metric == PALE_LOGIT and of.measured_on in untouched]

    def asked(target: str, metric: str, measured_on: str, direction: str) -> bool:
        return direction == ALL and Quantity(target, metric, measured_on) in wanted

    found: dict[Quantity, Cell | str] = {}
    for figure in (*(logit_cell(scores, of, untouched) for of in logits), *figures(scores, asked)):
        about = figure.record if isinstance(figure, Cell) else figure
        quantity = Quantity(about.target, about.metric, about.measured_on)
        if quantity in wanted:
            found[quantity] = unfit.get(about.metric) or about.note.removeprefix(NOT_SCORED) or figure
    return found


def _estimate(left: Cell | str, right: Cell | str, times: float, num_resamples: int) -> Estimate | str:
    if isinstance(left, str) or isinstance(right, str):
        return left if isinstance(left, str) else right
    return difference(left, right, times, num_resamples)


def _priors(found: Mapping[Contrast, _Found]) -> dict[str, dict[int, Prior]]:
    """For each metric, what its tables have in common, by the number of judges."""
    tables: dict[str, list[tuple[str, CrossedTable]]] = {}
    for contrast, of_seeds in found.items():
        own = [estimate.table for estimate in of_seeds if isinstance(estimate, Estimate) and estimate.table]
        tables.setdefault(contrast.of.metric, []).extend((contrast.of.measured_on, table) for table in own)
    return {metric: judges_priors(own) for metric, own in tables.items()}


def _evidence(contest: Opponents, found: _Found, priors: Mapping[int, Prior], number: int) -> Evidence:
    """The evidence of one of so many contrasts."""
    contrast, of = contest.contrast, contest.contrast.of
    if contest.missing:
        return Evidence(missing=contest.missing)
    estimates = [estimate for estimate in found if isinstance(estimate, Estimate)]
    if not estimates:
        return Evidence(note=str(found[0]))
    means = [estimate.steadied(priors) for estimate in estimates]
    mean = over_seeds(means) if len(means) > 1 else means[0]
    floor, ceiling = spec_of(of.metric).bounds
    bounds, num_images = (contrast.times * floor - ceiling, contrast.times * ceiling - floor), estimates[0].num_images
    low, high = bounded_interval(mean, bounds, num_images, CONFIDENCE)
    return Evidence(
        value=mean.mean,
        low=low,
        high=high,
        surely_below=bounded_interval(mean, bounds, num_images, 1 - (1 - CONFIDENCE) / number)[1],
        variances=(mean.images, mean.judges, mean.seeds),
        num_seeds=len(means),
        num_images=num_images,
        whole=len(means) > 1 and not contest.seedless,
    )
