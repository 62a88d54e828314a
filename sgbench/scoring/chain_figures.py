"""Figures of chains of edits: composition and reversal. A system that could not give them has a record that says so."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from sgbench.metrics.catalogue import metrics_of_results
from sgbench.metrics.implementations import build
from sgbench.results.chains import Chain
from sgbench.results.records import Record
from sgbench.results.scores import NOT_SCORED, Scores
from sgbench.scoring.cells import Cell, Rows
from sgbench.scoring.jury_figures import by_jury

_STORED = f"{NOT_SCORED}results that are kept as files cannot be edited again"
_NOBODY = torch.zeros(0, dtype=torch.int64)


def chain_figures(scores: Scores, target: int, asks: Callable[[str, str], bool]) -> Iterator[Cell | Record]:
    """Every figure of a target's chains that is asked for; none if they do not belong to the protocol.

    Args:
        asks: whether a figure is wanted, given its metric and what is measured.
    """
    about = scores.definitions.get("chains")
    if about is None:
        return
    name = scores.attributes[target].name
    base = replace(scores.base, target=name)
    chains = [chain for chain in scores.chains if chain.request.target == target]
    missing = Rows(base, _NOBODY, _NOBODY)
    for spec in metrics_of_results().values():
        for place in (place.name for place in spec.places if place.of_chains and asks(spec.name, place.name)):
            metric = build(spec, place, base.image_size, scores.definitions)
            metric.definition += f", {about}"
            chain = next((chain for chain in chains if (spec.name, place) in chain.terms), None)
            if chain is None:
                fields = {"definition": metric.definition, "measured_on": place}
                yield missing.figure(spec.name, math.nan, note=_STORED, **fields)
            else:
                terms = chain.terms[spec.name, place]
                yield _rows(base, chain).cell(metric, terms, spec.name, metric.refusal(terms), measured_on=place)
    if asks("reversal_accuracy", name):
        reversal = next((chain for chain in chains if chain.kind == "reversal"), None)
        yield (
            _seen_again(scores, reversal, base, target, about)
            if reversal
            else missing.figure(
                "reversal_accuracy", math.nan, note=_STORED, definition=f"by a jury, {about}", measured_on=name
            )
        )


def _seen_again(scores: Scores, chain: Chain, base: Record, target: int, about: str) -> Cell:
    """Whether the judges that sit see the image's own value again."""
    own = scores.labels[chain.request.positions, target]
    _, metric, terms, refusal = by_jury(scores.judges, target, chain.posteriors, own)[0]
    metric.definition += f", {about}"
    return _rows(base, chain).cell(metric, terms, "reversal_accuracy", refusal, measured_on=base.target)


def _rows(base: Record, chain: Chain) -> Rows:
    return Rows(base, chain.request.positions, chain.request.values)
