"""Accuracy by the source images' other attributes: labels are biased, and so are editors.

For each target, attribute and value: target accuracy by the jury, and the mean accuracy of all other attributes, which
should be kept. The gap between an attribute's values is tested as a mean over images and judges: both groups are seen
by the same judges, and share no image.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sgbench.metrics.jury import JuryAccuracy
from sgbench.report.layout import apart
from sgbench.report.members import Member
from sgbench.results.records import CONTROLS
from sgbench.results.scores import MIN_SITTING, UNTOUCHED, Scores, sitting
from sgbench.scoring.jury_figures import by_jury
from sgbench.statistics.corrections import at_level, holm, holm_factors
from sgbench.statistics.crossed import (
    CrossedMean,
    CrossedTable,
    crossed_difference,
    crossed_table,
    judges_priors,
    over_seeds,
)
from sgbench.statistics.intervals import exact_interval

MIN_IMAGES = 20
"""Source images that a value needs: the accuracy of fewer says little."""
OTHERS = "others"
GAP = "gap"
_OTHERS, _GAP = "", ""
"""What stands for them while figures are made: no attribute and no value is called so."""
_CONFIDENCE = 0.95
_DECIMALS = 9
"""Further digits depend on the processor."""


class _Where(NamedTuple):
    """Of a target's results: what is measured, the target's accuracy or the others', by an attribute of the sources."""

    target: str
    measured_on: str
    attribute: str


@dataclass(frozen=True)
class _Hits:
    """Hits of the judges on the results of one value.

    Attributes:
        terms: float64 [M, K].
        sources: int64 [M], the source image of each result.
    """

    terms: np.ndarray
    sources: np.ndarray

    @property
    def num_images(self) -> int:
        return len(np.unique(self.sources))


_OfSystem = dict[_Where, dict[str, _Hits]]
"""The hits by value; no value has too few images."""


class _Figures(NamedTuple):
    """A system's means by value, and its gaps by pair of values (the first less the second)."""

    means: dict[tuple[_Where, str], CrossedMean]
    gaps: dict[tuple[_Where, str, str], CrossedMean]
    images: dict[tuple[_Where, str], int]


def by_subgroups(systems: Iterable[tuple[Member, Scores]]) -> pd.DataFrame:
    """The figures of all systems, with seeds taken together; each system's scores are read once and not kept.

    Returns:
        A row for each figure: row, target, method, variant, level, measured_on (the target, or ``OTHERS``), attribute,
        values (one, or ``GAP``), metric, unit, origin, value, low, high, p_adjusted (by Holm's procedure over all gaps
        but those of controls), low_adjusted and high_adjusted (the ends of the interval at the level at which this
        procedure tests), num_images (the fewest of any value in it), num_seeds, note, least. ``OTHERS`` and ``GAP`` are
        in parentheses where the data have an attribute or a value of this name.
    """
    of_rows: dict[str, tuple[Member, list[_Figures]]] = {}
    attributes: dict[str, tuple[str, ...]] = {}
    for member, scores in systems:
        attributes |= {attribute.name: attribute.values for attribute in scores.attributes}
        of_rows.setdefault(member.row, (member, []))[1].append(_figures(dict(_hits(scores))))
    rows = [row for member, seeds in of_rows.values() for row in _rows(member, seeds)]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    others, gap = apart(OTHERS, attributes), apart(GAP, chain.from_iterable(attributes.values()))
    frame = frame.assign(
        measured_on=frame["measured_on"].replace(_OTHERS, others), values=frame["values"].replace(_GAP, gap)
    )
    p, ends_of = frame.pop("p").to_numpy(dtype=float), frame.pop("ends")
    nothing = math.nan, math.nan
    ends = [
        nothing if math.isnan(factor) else of(at_level(_CONFIDENCE, factor))
        for of, factor in zip(ends_of, holm_factors(p), strict=True)
    ]
    adjusted = {"low_adjusted": [low for low, _ in ends], "high_adjusted": [high for _, high in ends]}
    frame = frame.assign(p_adjusted=holm(p), **adjusted, least=MIN_IMAGES)
    return frame.round(dict.fromkeys(("value", "low", "high", "p_adjusted", *adjusted), _DECIMALS))


def _hits(scores: Scores) -> Iterator[tuple[_Where, dict[str, _Hits]]]:
    """Everything that has at least two values with enough images, and a jury."""
    for request, own in zip(scores.requests, scores.targets, strict=True):
        if request.target == UNTOUCHED:
            continue
        name, sources = scores.attributes[request.target].name, request.positions.numpy()
        labels = scores.labels[request.positions].numpy()
        posteriors = [heads[request.target] for heads in own.posteriors]
        _, _, terms, refusal = by_jury(scores.judges, request.target, posteriors, request.values)[0]
        measured = {} if refusal else {name: terms.numpy()}
        if (kept := _kept(scores, request.target, own.posteriors, labels)) is not None:
            measured[_OTHERS] = kept
        for measured_on, hits in measured.items():
            for j, attribute in enumerate(scores.attributes):
                if j != request.target:
                    values = _by_value(hits, sources, labels[:, j], attribute.values)
                    if len(values) > 1:
                        yield _Where(name, measured_on, attribute.name), values


def _by_value(hits: np.ndarray, sources: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict[str, _Hits]:
    applies = ~np.isnan(hits).any(1)
    rows = {name: applies & (labels == v) for v, name in enumerate(names)}
    values = {name: _Hits(hits[own], sources[own]) for name, own in rows.items()}
    return {name: own for name, own in values.items() if own.num_images >= MIN_IMAGES}


def _kept(
    scores: Scores, target: int, posteriors: tuple[tuple[torch.Tensor, ...], ...], labels: np.ndarray
) -> np.ndarray | None:
    """Mean hits on the other attributes, float64 [M, K], by the judges that sit for all that the jury can score."""
    sit = {j: set(sitting(scores.judges, j)[0]) for j in range(len(scores.attributes)) if j != target}
    scored = {j: judges for j, judges in sit.items() if len(judges) >= MIN_SITTING}
    looking = sorted(set.intersection(*scored.values())) if scored else []
    if len(looking) < MIN_SITTING:
        return None
    metric, expected = JuryAccuracy(), torch.from_numpy(labels)
    hits = torch.stack([metric.terms([posteriors[k][j] for k in looking], expected[:, j]) for j in scored])
    return hits.nanmean(0).numpy()


def _figures(hits: _OfSystem) -> _Figures:
    """Means and gaps; what judges differ by is steadied within each kind of figure of the system."""
    means, gaps, images = {}, {}, {}
    kinds = {where.measured_on == _OTHERS for where in hits}
    for kind in kinds:
        own = {where: values for where, values in hits.items() if (where.measured_on == _OTHERS) == kind}
        single = {(w, v): crossed_table(h.terms, h.sources) for w, values in own.items() for v, h in values.items()}
        pairs = {
            (w, a, b): crossed_difference((x.terms, x.sources), (y.terms, y.sources))
            for w, values in own.items()
            for (a, x), (b, y) in combinations(values.items(), 2)
        }
        images |= {key: table.num_images for key, table in single.items()}
        means |= _steadied(single)
        gaps |= _steadied(pairs)
    return _Figures(means, gaps, images)


def _steadied(tables: Mapping[tuple, CrossedTable]) -> dict[tuple, CrossedMean]:
    priors = judges_priors((where.target, table) for (where, *_), table in tables.items())
    return {key: table.crossed_mean(priors.get(table.num_judges)) for key, table in tables.items()}


def _rows(member: Member, seeds: list[_Figures]) -> Iterator[dict]:
    """The rows of one row of the tables: for each attribute of the sources its values, then its largest gap."""
    about = {"row": member.row, "method": member.method, "variant": member.variant, "level": member.level}
    control = member.method in CONTROLS  # its gaps are those of the judges: they are no tests of an editor
    about |= {"metric": "jury_accuracy", "unit": "share", "origin": "control" if control else "measured", "note": ""}
    wheres = dict.fromkeys(where for figures in seeds for where, _ in figures.means)
    for where in wheres:
        values = dict.fromkeys(v for f in seeds for w, v in f.means if w == where)
        having = {v: [f for f in seeds if (where, v) in f.means] for v in values}  # a seed may lack results of some
        images = {v: min(f.images[where, v] for f in own) for v, own in having.items()}
        means = {v: _together([f.means[where, v] for f in own]) for v, own in having.items()}
        for value, mean in means.items():
            low, high = _ends(mean, images[value], _CONFIDENCE)
            fields = {"values": value, "value": mean.mean, "low": low, "high": high, "p": math.nan, "ends": None}
            number = {"num_images": images[value], "num_seeds": len(having[value])}
            yield about | where._asdict() | fields | number
        both = {(a, b): [f for f in having[a] if (where, b) in f.means] for a, b in combinations(means, 2)}
        both = {pair: own for pair, own in both.items() if own}
        if not both:
            continue
        pairs = len(both)
        widest = max(both, key=lambda pair: abs(means[pair[0]].mean - means[pair[1]].mean))
        most, least = sorted(widest, key=lambda v: means[v].mean, reverse=True)
        gap = _together([_gap(f, where, most, least) for f in both[widest]])
        ends = partial(_ends_of_gap, gap, [(means[v], images[v]) for v in (most, least)], pairs)
        low, high = ends(_CONFIDENCE)
        fields = {"values": _GAP, "value": gap.mean, "low": low, "high": high, "ends": ends}
        fields |= {"p": math.nan if control else min(1.0, pairs * gap.p)}
        fields |= {"num_images": min(images[most], images[least]), "num_seeds": len(both[widest])}
        yield about | where._asdict() | fields


def _gap(figures: _Figures, where: _Where, most: str, least: str) -> CrossedMean:
    found = figures.gaps.get((where, most, least))
    if found:
        return found
    other = figures.gaps[where, least, most]
    return CrossedMean(-other.mean, other.images, other.judges, other.freedom)


def _together(seeds: list[CrossedMean]) -> CrossedMean:
    return seeds[0] if len(seeds) == 1 else over_seeds(seeds)


def _ends_of_gap(
    gap: CrossedMean, of: Sequence[tuple[CrossedMean, int]], pairs: int, confidence: float
) -> tuple[float, float]:
    """The interval of a gap, which holds for all pairs of values at once.

    Args:
        of: the share and the number of images of both of its values, the larger share first.
    """
    low, high = gap.interval(at_level(confidence, pairs))
    if not gap.variance:
        most, least = (_ends(mean, number, confidence) for mean, number in of)
        low, high = most[0] - least[1], most[1] - least[0]
    return max(low, -1.0), min(high, 1.0)


def _ends(mean: CrossedMean, num_images: int, confidence: float) -> tuple[float, float]:
    """The interval of a share, exact where it is 0 or 1."""
    if mean.mean in (0.0, 1.0):
        return exact_interval(mean.mean, num_images, confidence)
    low, high = mean.interval(confidence)
    return max(low, 0.0), min(high, 1.0)
