"""How far results are from their sources on an attribute that nobody asked to change, as the jury sees it.

A judge that is sure has a logit without a limit, and of two sure judgements neither is ten times as sure as the other.
So probabilities are taken for no smaller than one in a thousand, which is about what verdicts on real faces bear out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sgbench.claims.claim import Quantity
from sgbench.metrics.image_metric import ImageMetric
from sgbench.results.scores import UNTOUCHED, Scores, sitting
from sgbench.scoring.cells import Cell

_SMALLEST = 1e-3
"""The least probability of either value."""
Untouched = Mapping[str, Sequence[Tensor]]
"""Attribute -> each judge's posteriors of the source images, float64 [N, m], by their place in the test set."""


class LogitChange(ImageMetric):
    """Mean over judges and results of the distance between a value's logits in result and source.

    ``update(posteriors, before)``: of each judge, of results and of their sources, floating point [N, m]. The value is
    the attribute's last one. An image's terms are the judges' distances.
    """

    definition = f"|logit of the result - logit of the source|, probabilities within {_SMALLEST:g}, mean over a jury"

    def terms(self, posteriors: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
        pairs = zip(posteriors, before, strict=True)
        return torch.stack([(_logit(after) - _logit(source)).abs() for after, source in pairs], 1)

    def per_image(self, terms: Tensor) -> Tensor:
        return terms.mean(1)


def untouched_posteriors(real: Scores, attributes: Collection[str]) -> Untouched:
    """What judges say of the source images.

    Args:
        real: scores of the control of untouched images.
    """
    request, own = next(pair for pair in zip(real.requests, real.targets, strict=True) if pair[0].target == UNTOUCHED)
    found = {}
    for j, attribute in enumerate(real.attributes):
        if attribute.name in attributes:
            blank = torch.full((len(real.ids), len(attribute.values)), torch.nan, dtype=torch.float64)
            found[attribute.name] = [blank.index_copy(0, request.positions, heads[j]) for heads in own.posteriors]
    return found


def logit_cell(scores: Scores, quantity: Quantity, untouched: Untouched) -> Cell:
    """A system's cell of ``LogitChange``, with a note where too few judges see the attribute."""
    names = [attribute.name for attribute in scores.attributes]
    target, attribute = names.index(quantity.target), names.index(quantity.measured_on)
    k = [request.target for request in scores.requests].index(target)
    request, posteriors = scores.requests[k], scores.targets[k].posteriors
    sit, note = sitting(scores.judges, attribute)
    metric, before = LogitChange(), untouched[quantity.measured_on]
    after = [posteriors[judge][attribute] for judge in sit]
    terms = metric.terms(after, [before[judge][request.positions] for judge in sit]) if not note else torch.empty(0, 0)
    about = {"target": quantity.target, "metric": quantity.metric, "measured_on": quantity.measured_on}
    record = replace(scores.base, **about, definition=metric.definition, num_images=len(terms), note=note)
    return Cell(record, metric, terms, request.positions.numpy(), request.values.numpy())


def _logit(posterior: Tensor) -> Tensor:
    probability = posterior[:, -1].clamp(_SMALLEST, 1 - _SMALLEST)
    return probability.logit()
