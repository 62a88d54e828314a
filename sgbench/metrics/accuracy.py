"""Attribute accuracy by a judge: the share of images whose most probable value is the one expected."""

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_posterior


class Accuracy(ImageMetric):
    """Share of images classified as expected by one head of the judge.

    ``update(posterior, expected)``: posterior floating point [N, m], expected an integer [N], the value asked for (or,
    for another attribute, the source's label); negative: the metric does not apply to the image. Of equally probable
    values the first counts.
    """

    unit = "share"

    def __init__(self, definition: str = "most probable value") -> None:
        super().__init__()
        self.definition = definition

    def terms(self, posterior: Tensor, expected: Tensor) -> Tensor:
        _check(posterior, expected)
        hits = (posterior.argmax(1) == expected).double()
        return hits.masked_fill(expected < 0, torch.nan).unsqueeze(1)


class BalancedAccuracy(ImageMetric):
    """Mean over an attribute's values of the share of their images found, 0 to 1; values without images do not count.

    ``update(posterior, labels)``: posterior floating point [N, m], labels integer [N]; negative: the metric does not
    apply to the image.
    """

    unit = "share"
    definition = "mean recall over values"

    def terms(self, posterior: Tensor, labels: Tensor) -> Tensor:
        """Whether the image has each value, and whether it has it and is found: float64 [N, 2m]."""
        _check(posterior, labels)
        has = torch.nn.functional.one_hot(labels.long().clamp(min=0), posterior.shape[1]).double()
        found = has * (posterior.argmax(1) == labels).double().unsqueeze(1)
        return torch.cat([has, found], 1).masked_fill((labels < 0).unsqueeze(1), torch.nan)

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        applies = ~terms.isnan().any(1)
        images, found = (weights[:, applies] @ terms[applies]).chunk(2, 1)
        return (found / images).nanmean(1)


def balanced_accuracy(posterior: Tensor, labels: Tensor) -> float:
    """``BalancedAccuracy`` of these images; NaN where none has a label."""
    metric = BalancedAccuracy()
    terms = metric.terms(posterior, labels)
    return float(metric.reduce(terms, terms.new_ones(1, len(terms)))[0])


def _check(posterior: Tensor, labels: Tensor) -> None:
    check_posterior(posterior)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    if labels.shape != posterior.shape[:1]:
        raise ValueError(f"labels must be [{len(posterior)}], one a row of the posterior, not {list(labels.shape)}")
    if (labels >= posterior.shape[1]).any():
        raise ValueError(f"labels hold {int(labels.max())}, but the posterior has {posterior.shape[1]} values")
