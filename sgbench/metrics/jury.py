"""Attribute accuracy by a jury: the share of verdicts, over judges and images, that see the value expected."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.image_metric import ImageMetric


class JuryAccuracy(ImageMetric):
    """Mean over judges and images of whether a judge's most probable value is the one expected, from 0 to 1.

    ``terms(posteriors, expected)``: one posterior for each judge, floating point [N, m]; expected integer [N], as for
    ``Accuracy``. An image's terms are the judges' hits, so that the variance of judges can be taken apart from that of
    images.
    """

    def __init__(self, definition: str = "most probable value, mean over a jury") -> None:
        self.definition = definition

    def terms(self, posteriors: Sequence[Tensor], expected: Tensor) -> Tensor:
        """Hits of each judge, float64 [N, K]."""
        accuracy = Accuracy()
        return torch.cat([accuracy.terms(posterior, expected) for posterior in posteriors], 1)

    def per_image(self, terms: Tensor) -> Tensor:
        return terms.mean(1)


class JuryAgreement(JuryAccuracy):
    """Share of images for which every judge's most probable value is the one expected, from 0 to 1."""

    def __init__(self, definition: str = "most probable value, by every judge of a jury") -> None:
        super().__init__(definition)

    def per_image(self, terms: Tensor) -> Tensor:
        return terms.amin(1)
