"""Base class of distances between two sets of images. It collects features of real and generated images in batches."""

from abc import ABC, abstractmethod

import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat


class SetDistance(torchmetrics.Metric, ABC):
    """A distance between real and generated images by their features, 0 for the same distribution.

    Unlike an ``ImageMetric`` it has no terms of single images. Everything after the features is float64.

    Attributes:
        definition: the protocol with its parameters; part of a record's key.
    """

    full_state_update = False
    definition: str

    def __init__(self) -> None:
        super().__init__()
        self.add_state("real_rows", default=[], dist_reduce_fx="cat")
        self.add_state("generated_rows", default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Add a batch of real or of generated images.

        Args:
            features: floating point [N, d].

        Raises:
            ValueError: features have the wrong type or shape, are not finite, or d is not that of earlier batches.
        """
        if not features.is_floating_point() or features.ndim != 2:
            raise ValueError(f"features must be floating point [N, d], not {features.dtype} {list(features.shape)}")
        if not features.isfinite().all():
            raise ValueError("features hold NaN or infinite values")
        for earlier in [*self.real_rows, *self.generated_rows][:1]:
            if features.shape[1] != earlier.shape[1]:
                raise ValueError(f"features must be [N, {earlier.shape[1]}] as before, not {list(features.shape)}")
        (self.real_rows if real else self.generated_rows).append(features)

    def features(self, real: bool) -> Tensor:
        """Features of all real or of all generated images so far, float64 [N, d].

        Raises:
            ValueError: too few images.
        """
        rows = self.real_rows if real else self.generated_rows
        number = sum(len(part) for part in rows)
        if number < self.min_images:
            kind = "real" if real else "generated"
            raise ValueError(f"{number} {kind} images are too few: at least {self.min_images} are needed")
        return dim_zero_cat(rows).double()

    @property
    def min_images(self) -> int:
        """The smallest number of images of each kind that is enough."""
        return 2

    @abstractmethod
    def compute(self) -> Tensor:
        """The distance between all images so far: float64 scalar.

        Raises:
            ValueError: too few real or generated images.
        """
