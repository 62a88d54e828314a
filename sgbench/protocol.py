"""Which figures are made of an image's pixels: the metrics by the name of their terms, and what each is measured on."""

from collections.abc import Mapping

from sgbench.metrics.background import BackgroundMAE, BackgroundMSSSIM, BackgroundPSNR
from sgbench.metrics.distance import MeanAbsoluteDistance
from sgbench.metrics.identity import IdentitySimilarity
from sgbench.metrics.image_metric import ImageMetric, MeanOverImages
from sgbench.metrics.similarity import MSSSIM, PSNR, SSIM, ms_ssim_window

OF_SOURCES = ("background_ms_ssim", "background_mae", "background_psnr", "change", "psnr", "ssim", "ms_ssim")
"""Metrics of a result and its source alone; ``ms_ssim`` where one fits the image."""
VERSIONS = {"ms_ssim": 2}
"""Of the metrics whose code has given other figures of the same images before; all others are at 1."""
INCEPTION = "2015 Inception, images resized to 299 as TensorFlow 1 does, 1008 unbiased logits"
"""What an Inception Score is a score of, but for the weights."""


def image_metrics(size: int, definitions: Mapping[str, str]) -> dict[str, ImageMetric]:
    """The metrics of a result's pixels for images of side ``size``, by the name of their terms.

    Args:
        definitions: of ``lpips`` and ``identity``, where a user has the networks.
    """
    metrics: dict[str, ImageMetric] = {
        "background_ms_ssim": BackgroundMSSSIM(size),
        "background_mae": BackgroundMAE(size),
        "background_psnr": BackgroundPSNR(size),
        "change": MeanAbsoluteDistance("mean |result - source|"),
        "counterfactual_error_inside": MeanAbsoluteDistance(
            "against the counterfactual, where it differs from the source by > 2 levels in a channel"
        ),
        "counterfactual_error_outside": MeanAbsoluteDistance(
            "against the counterfactual, where it is within 2 levels of the source in every channel"
        ),
        "true_background_error": MeanAbsoluteDistance("against the source, within the renderer's background mask"),
        "psnr": PSNR(),
        "ssim": SSIM(),
    }
    if ms_ssim_window(size) >= 3:
        metrics["ms_ssim"] = MSSSIM(size)
    if "lpips" in definitions:
        metrics["lpips"] = MeanOverImages("score", definitions["lpips"])
    if "identity" in definitions:
        metrics["identity"] = IdentitySimilarity(definitions["identity"])
    return metrics


def place_of(name: str) -> tuple[str, str]:
    """A record's metric and what it was measured on, from the name of the terms."""
    for ending in ("inside", "outside"):
        if name.endswith(f"_{ending}"):
            return name.removesuffix(f"_{ending}"), ending
    return name, "background" if "background" in name else "image"
