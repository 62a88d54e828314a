"""Attribute accuracy by a judge: the share of images whose most probable value is the one expected."""

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_posterior


class Accuracy(ImageMetric):
    """Share of images classified as expected by one head of the judge.

    ``terms(posterior, expected)``: posterior floating point [N, m]; expected integer [N], the value asked for (or,
    for another attribute, the source image's label). The metric does not apply to an image where it is negative. If
    several values are equally probable, the first one counts.
    """

    def __init__(self, definition: str = "most probable value") -> None:
        self.definition = definition

    def terms(self, posterior: Tensor, expected: Tensor) -> Tensor:
        _check(posterior, expected)
        hits = (posterior.argmax(1) == expected).double()
        return hits.masked_fill(expected < 0, torch.nan).unsqueeze(1)


class BalancedAccuracy(ImageMetric):
    """Mean recall over an attribute's values, from 0 to 1; values without images do not count.

    ``terms(posterior, labels)``: posterior floating point [N, m], labels integer [N]. The metric does not apply to an
    image with a negative label.
    """

    definition = "mean recall over values"

    def terms(self, posterior: Tensor, labels: Tensor) -> Tensor:
        """For each value, whether the image has it, and whether it is also the prediction: float64 [N, 2m]."""
        _check(posterior, labels)
        has = torch.nn.functional.one_hot(labels.long().clamp(min=0), posterior.shape[1]).double()
        correct = has * (posterior.argmax(1) == labels).double().unsqueeze(1)
        return torch.cat([has, correct], 1).masked_fill((labels < 0).unsqueeze(1), torch.nan)

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        applies = ~terms.isnan().any(1)
        images, correct = (weights[:, applies] @ terms[applies]).chunk(2, 1)
        return (correct / images).nanmean(1)


def balanced_accuracy(posterior: Tensor, labels: Tensor) -> float:
    """``BalancedAccuracy`` of these images; NaN if none has a label."""
    metric = BalancedAccuracy()
    return metric.figure(metric.terms(posterior, labels))


def _check(posterior: Tensor, labels: Tensor) -> None:
    check_posterior(posterior)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    if labels.shape != posterior.shape[:1]:
        raise ValueError(f"labels must be [{len(posterior)}], one per row of the posterior, not {list(labels.shape)}")
    if (labels >= posterior.shape[1]).any():
        raise ValueError(f"labels hold {int(labels.max())}, but the posterior has {posterior.shape[1]} values")
