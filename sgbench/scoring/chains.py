"""Makes and scores chains of edits: each result, as an 8-bit image, is the next input.

**Composition**: an image is sent again and again to the value that it has, which an ideal editor leaves alone.
**Reversal**: an image is sent to another value and back to its own. A method that reads labels is told the image's true
ones; on the way back its target is what was asked for before.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.judges.judge import Judge
from sgbench.metrics.catalogue import metrics_of_results
from sgbench.metrics.implementations import build
from sgbench.metrics.spec import AFTER_ROUNDS, SOURCE, WAY_BACK
from sgbench.results.chains import Chain
from sgbench.scoring.evaluation_set import EvaluationSet
from sgbench.scoring.scorer import num_at_once
from sgbench.scoring.translator import Edit

_NUM_ROUNDS = max(AFTER_ROUNDS)
_Key = tuple[str, str]
Advance = Callable[[int], None]
"""Called with the number of edits since the last call."""


def score_chains(
    edit: Edit,
    test: EvaluationSet,
    judges: Sequence[Judge],
    num_images: int,
    batch_size: int,
    advance: Advance = lambda number: None,
) -> tuple[Chain, ...]:
    """For each target a composition and a reversal.

    Args:
        judges: the paper's, then the jury.
        num_images: so many images of each target are edited: the first that have a value of it.
    """
    at_once = num_at_once(batch_size, test.image_size)
    chains = []
    for request in test.requests:
        same, others = chained_requests(test.labels, request, num_images)
        chains.append(_composition(edit, test, same, at_once, advance))
        chains.append(_reversal(edit, test, others, judges, at_once, advance))
    return tuple(chains)


def num_edits(test: EvaluationSet, num_images: int) -> int:
    """How many edits ``score_chains`` makes."""
    both = [chained_requests(test.labels, request, num_images) for request in test.requests]
    return sum(_NUM_ROUNDS * len(same.positions) + 2 * len(others.positions) for same, others in both)


def chained_requests(labels: Tensor, request: Requests, num_images: int) -> tuple[Requests, Requests]:
    """For the first images that have a value of the target: their own values, and of the requests those of theirs.

    Args:
        labels: int8 [N, J], the test images'.
        request: all requests of the target.
    """
    own = labels[:, request.target]
    first = (own >= 0).nonzero().flatten()[:num_images]
    first_by_value = first[own[first].argsort(stable=True)]
    kept = torch.isin(request.positions, first)
    others = Requests(request.target, request.positions[kept], request.values[kept])
    return Requests(request.target, first_by_value, own[first_by_value]), others


def _composition(edit: Edit, test: EvaluationSet, request: Requests, at_once: int, advance: Advance) -> Chain:
    parts = []
    for group, rows in request.by_value():
        for positions in request.positions[rows].split(at_once):
            results = test.images[positions]
            known = {SOURCE: test.images[positions]}
            for number in range(1, _NUM_ROUNDS + 1):
                results = edit(results, test.labels[positions], [group], int(positions[0]) + number).contiguous()
                advance(len(positions))
                if number in AFTER_ROUNDS:
                    known[AFTER_ROUNDS[number]] = results
            parts.append(_terms(known, test.image_size))
    return Chain("composition", request, _joined(parts))


def _reversal(
    edit: Edit, test: EvaluationSet, request: Requests, judges: Sequence[Judge], at_once: int, advance: Advance
) -> Chain:
    parts, seen = [], []
    for group, rows in request.by_value():
        for positions in request.positions[rows].split(at_once):
            results = _there_and_back(edit, test, positions, group).contiguous()
            advance(2 * len(positions))
            parts.append(_terms({SOURCE: test.images[positions], WAY_BACK: results}, test.image_size))
            seen.append([judge.posteriors(results)[request.target] for judge in judges])
    posteriors = tuple(torch.cat(of_judge) for of_judge in zip(*seen, strict=True))
    return Chain("reversal", request, _joined(parts), posteriors)


def _there_and_back(edit: Edit, test: EvaluationSet, positions: Tensor, group: Group) -> Tensor:
    """Results uint8 [n, 3, S, S] of the way back to the images' own values."""
    labels, own, seed = test.labels[positions], test.labels[positions, group.attribute], int(positions[0])
    there = edit(test.images[positions], labels.clone(), [group], seed)
    labels[:, group.attribute] = group.value
    back = torch.empty_like(there)
    for value in own.unique().tolist():
        rows = own == value
        back[rows] = edit(there[rows], labels[rows], [Group(group.attribute, value)], seed + 1)
    return back


def _terms(known: Mapping[str, Tensor], image_size: int) -> dict[_Key, Tensor]:
    """The terms of every metric of chains whose inputs are known."""
    return {
        (spec.name, place.name): build(spec, place.name, image_size, {}).terms(*(known[name] for name in place.needs))
        for spec in metrics_of_results().values()
        for place in spec.places
        if place.of_chains and known.keys() >= set(place.needs)
    }


def _joined(parts: Sequence[Mapping[_Key, Tensor]]) -> dict[_Key, Tensor]:
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
