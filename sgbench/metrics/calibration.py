"""Expected calibration error of a judge: how far its confidence is from the share of its verdicts that are right.

Source: Guo et al., "On calibration of modern neural networks" (2017), equation 3, with 15 bins of equal width. A bin
includes its upper end but not its lower end.
"""

import torch
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.image_metric import ImageMetric

BINS = 15


class ExpectedCalibrationError(ImageMetric):
    """Mean over bins of |accuracy - mean confidence|, each bin weighted by its number of images; from 0 to 1.

    ``terms(posterior, labels)``: posterior floating point [N, m], labels integer [N]; images with a negative label are
    left out. The confidence is the probability of the predicted value, which is the first of equally probable ones. An
    image has two terms: its confidence, and 1 if the prediction is right, else 0. Images that a bootstrap draws several
    times raise the figure, so its interval needs recentring.
    """

    definition = f"of the most probable value, {BINS} bins of equal width with their upper ends"

    def terms(self, posterior: Tensor, labels: Tensor) -> Tensor:
        hits = Accuracy().terms(posterior, labels)
        confidence = posterior.double().amax(1, keepdim=True).masked_fill(hits.isnan(), torch.nan)
        return torch.cat([confidence, hits], 1)

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        applies = ~terms.isnan().any(1)
        (confidence, hits), weights = terms[applies].unbind(1), weights[:, applies]
        edges = torch.arange(1, BINS, dtype=terms.dtype, device=terms.device) / BINS
        gaps = terms.new_zeros(len(hits), BINS)
        bins = torch.bucketize(confidence.contiguous(), edges).unsqueeze(1)
        gaps.scatter_(1, bins, (hits - confidence).unsqueeze(1))
        return (weights @ gaps).abs().sum(1) / weights.sum(1)
