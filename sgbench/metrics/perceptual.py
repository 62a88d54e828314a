"""Perceptual distance of a result from its source image, by a network that looks at both (LPIPS)."""

from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric


class PerceptualDistance(ImageMetric):
    """Mean over images of the distances that a network gave; 0 for identical images, without upper bound.

    ``terms(distances)``: floating point [N], finite.
    """

    def __init__(self, definition: str) -> None:
        self.definition = definition

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "PerceptualDistance | None":
        return cls(network) if network else None

    def terms(self, distances: Tensor) -> Tensor:
        if not distances.is_floating_point() or distances.ndim != 1:
            raise ValueError(f"distances must be floating point [N], not {distances.dtype} {list(distances.shape)}")
        if not distances.isfinite().all():
            raise ValueError("distances hold NaN or infinite values")
        return distances.double().unsqueeze(1)
