"""Mean absolute distances between images in levels of 255, over a region or the whole image.

Counterfactual error (inside and outside ``changed_region``), true-background error (results against source images,
within the renderer's mask) and mean |result - source| are this one metric with different references and regions. The
background's tint is the signed difference.
"""

from typing import ClassVar

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_images, weighted_mean

CHANGED_LEVELS = 2


class MeanAbsoluteDistance(ImageMetric):
    """Mean absolute difference over a region's pixels and channels per image, in levels, then the mean over images.

    ``terms(results, references, region)``: uint8 [N, 3, S, S] both; region bool [N, S, S], or None (the default)
    for the whole image. The metric does not apply to an image whose region is empty.
    """

    def __init__(self, definition: str) -> None:
        self.definition = definition

    def terms(self, results: Tensor, references: Tensor, region: Tensor | None = None) -> Tensor:
        check_images(results=results, references=references)
        n, channels, height, width = results.shape
        if region is None:
            region = torch.ones(n, height, width, dtype=torch.bool, device=results.device)
        _check_region(region, results)
        distances = (results.short() - references.short()).abs().sum(1)
        total = (distances * region).sum((1, 2)).double()
        return (total / (channels * region.sum((1, 2)))).unsqueeze(1)


class Change(MeanAbsoluteDistance):
    """How far a result is from its source image."""

    def __init__(self) -> None:
        super().__init__("mean |result - source|")


class CounterfactualError(MeanAbsoluteDistance):
    """How far a result is from the same face with only the target changed, ``inside`` or ``outside`` of that change."""

    WHERE: ClassVar[dict[str, str]] = {
        "inside": "against the counterfactual, where it differs from the source by "
        f"> {CHANGED_LEVELS} levels in a channel",
        "outside": "against the counterfactual, where it is within "
        f"{CHANGED_LEVELS} levels of the source in every channel",
    }

    def __init__(self, place: str) -> None:
        super().__init__(self.WHERE[place])

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "CounterfactualError":
        return cls(place)


class TrueBackgroundError(MeanAbsoluteDistance):
    """How far a result is from its source image where the renderer drew background."""

    def __init__(self) -> None:
        super().__init__("against the source, within the renderer's background mask")


class BackgroundTint(ImageMetric):
    """How far the colour of the background drifts: the mean signed change of the channel that changes most.

    ``terms(results, sources, mask)``: uint8 [N, 3, S, S] both; mask bool [N, S, S]. An image's terms are its mean
    signed changes of red, green and blue within the mask, in levels; the figure is the largest of their means over
    images, without its sign. Noise that goes both ways cancels, a cast does not. Images drawn again raise the figure,
    so its interval needs recentring. The metric does not apply to an image whose mask is empty.
    """

    definition = "largest channel's |mean signed change|, within the renderer's background mask"

    def terms(self, results: Tensor, sources: Tensor, mask: Tensor) -> Tensor:
        check_images(results=results, sources=sources)
        _check_region(mask, results)
        total = ((results.short() - sources.short()) * mask.unsqueeze(1)).sum((2, 3)).double()
        return total / mask.sum((1, 2)).unsqueeze(1)

    def per_image(self, terms: Tensor) -> Tensor:
        return terms.abs().amax(1)

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        return weighted_mean(terms, weights).abs().amax(1)


def changed_region(sources: Tensor, counterfactuals: Tensor) -> Tensor:
    """Pixels that differ by more than 2 levels in any channel: bool [N, S, S] of two uint8 [N, 3, S, S].

    The region outside of the change is the complement.
    """
    check_images(sources=sources, counterfactuals=counterfactuals)
    return (sources.short() - counterfactuals.short()).abs().amax(1) > CHANGED_LEVELS


def _check_region(region: Tensor, images: Tensor) -> None:
    expected = [len(images), *images.shape[2:]]
    if region.dtype != torch.bool or list(region.shape) != expected:
        raise ValueError(f"region must be bool {expected}, not {region.dtype} {list(region.shape)}")
