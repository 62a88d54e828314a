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


def balanced_accuracy(posterior: Tensor, labels: Tensor) -> float:
    """Mean over an attribute's values of the share of their images found, 0 to 1.

    Args:
        posterior: floating point [N, m].
        labels: integer [N]; images with a negative label are left out, and values without images.

    Returns:
        NaN where no image has a label.
    """
    _check(posterior, labels)
    known = labels >= 0
    predicted, labels = posterior.argmax(1)[known], labels[known].long()
    images = torch.bincount(labels, minlength=posterior.shape[1]).double()
    found = torch.bincount(labels[predicted == labels], minlength=posterior.shape[1]).double()
    return float((found / images)[images > 0].mean())


def _check(posterior: Tensor, labels: Tensor) -> None:
    check_posterior(posterior)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers, not {labels.dtype}")
    if labels.shape != posterior.shape[:1]:
        raise ValueError(f"labels must be [{len(posterior)}], one a row of the posterior, not {list(labels.shape)}")
    if (labels >= posterior.shape[1]).any():
        raise ValueError(f"labels hold {int(labels.max())}, but the posterior has {posterior.shape[1]} values")
