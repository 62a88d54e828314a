"""The contract of every metric: a function of terms, one row of them an image."""

from abc import ABC, abstractmethod

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat


class ImageMetric(torchmetrics.Metric, ABC):
    """A metric that is a function of per-image terms, so that batches, order and resampling are all the same thing.

    A metric says what the terms of an image are and how terms, each image counted so many times, become one figure.
    Everything is float64.

    Attributes:
        unit: ``share`` (0 to 1), ``score``, ``levels`` (of 255) or ``dB``.
        definition: what fixes the protocol, with its parameters; part of a record's key.
    """

    full_state_update = False
    unit: str
    definition: str

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "ImageMetric | None":
        """The metric as the catalogue has it built.

        Args:
            place: where it is measured, one of its places in the catalogue.
            image_size: side of the images.
            network: what a network of the user's measures, for metrics that need one; else empty.

        Returns:
            None where it does not exist for such images.
        """
        return cls()

    @abstractmethod
    def terms(self, *inputs: Tensor) -> Tensor:
        """Terms of a batch, float64 [N, K]; a row of NaN where the metric does not apply to the image.

        Raises:
            ValueError: an input has the wrong type, shape or range.
        """

    def per_image(self, terms: Tensor) -> Tensor:
        """The value of each image, [N]: the first term, unless overridden."""
        return terms[:, 0]

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        """The metric for R weightings of the same images: the weighted mean of ``per_image``, unless overridden.

        Args:
            terms: float64 [N, K].
            weights: float64 [R, N], how many times each image counts; rows of NaN have no weight.

        Returns:
            float64 [R], NaN where no image has weight.
        """
        return weighted_mean(self.per_image(terms).unsqueeze(1), weights).squeeze(1)

    def refusal(self, terms: Tensor) -> str:
        """Why these terms have no figure; empty where they have one."""
        return ""

    def num_clipped(self, terms: Tensor) -> int | None:
        """How many of these terms count otherwise than they are; None for a metric that leaves terms as they are."""
        return None

    def exchanged(self, terms_a: Tensor, terms_b: Tensor, swaps: Tensor) -> Tensor:
        """The figure of one side less that of the other after each exchange of rows between them.

        Args:
            terms_a: float64 [N, K].
            terms_b: float64 [N, K].
            swaps: bool [R, N], which rows are exchanged; rows keep their places.

        Returns:
            float64 [R].
        """
        weights = terms_a.new_ones(1, len(terms_a))
        differences = []
        for swap in swaps.unsqueeze(2):
            a, b = torch.where(swap, terms_b, terms_a), torch.where(swap, terms_a, terms_b)
            differences.append(self.reduce(a, weights) - self.reduce(b, weights))
        return torch.cat(differences)

    def shares(self, terms_a: Tensor, terms_b: Tensor) -> Tensor:
        """Of each row in the figure of one side less that of the other, to first order: float64 [N].

        The slopes are those of the figure of both sides' rows together, which an exchange of rows does not touch: it
        changes the sign of a row's share and nothing else. A metric in which the place of a row counts has its own.
        """
        both = torch.cat([terms_a, terms_b])
        weights = both.new_ones(1, len(both)).requires_grad_()
        (slopes,) = torch.autograd.grad(self.reduce(both, weights)[0], weights)
        a, b = slopes[0].chunk(2)
        return 2 * (a - b)

    def update(self, *inputs: Tensor) -> None:
        """Add a batch; ``inputs`` are those of ``terms``."""
        self.rows.append(self.terms(*inputs))

    def compute(self) -> Tensor:
        """The metric over all images, each counted once: float64 scalar."""
        terms = self.collected
        return self.reduce(terms, terms.new_ones(1, len(terms)))[0]

    @property
    def collected(self) -> Tensor:
        """Terms of all images so far in the order they came, float64 [N, K]."""
        return dim_zero_cat(self.rows)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Means over images [R, K] of values [N, K] under weights [R, N]; rows with a NaN have no weight."""
    applies = ~values.isnan().any(1)
    weights = weights[:, applies]
    return weights @ values[applies] / weights.sum(1, keepdim=True)


def check_images(**images: Tensor) -> None:
    """Refuse anything but 8-bit images of one shape, uint8 [N, 3, S, S].

    Raises:
        ValueError: names the argument, and what it is.
    """
    first = next(iter(images.values()))
    for name, x in images.items():
        if x.dtype != torch.uint8:
            raise ValueError(f"{name}: images must be uint8 (rounded to 8 bits, 0 to 255), not {x.dtype}")
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] != x.shape[3]:
            raise ValueError(f"{name}: images must be [N, 3, S, S], not {list(x.shape)}")
        if x.shape != first.shape:
            raise ValueError(f"{name}: {list(x.shape)} does not match {list(first.shape)} of {next(iter(images))}")


def check_posterior(posterior: Tensor) -> None:
    """Refuse anything but probabilities, floating point [N, C], each row of sum 1 within 0.001.

    Raises:
        ValueError: says what is wrong.
    """
    if not posterior.is_floating_point() or posterior.ndim != 2 or posterior.shape[1] < 2:
        raise ValueError(f"posterior must be floating point [N, C >= 2], not {posterior.dtype} {list(posterior.shape)}")
    if not posterior.isfinite().all():
        raise ValueError("posterior holds NaN or infinite values")
    if (posterior < 0).any() or (posterior.double().sum(1) - 1).abs().gt(1e-3).any():
        raise ValueError("posterior must be probabilities: values >= 0 and rows of sum 1 (logits need a softmax first)")
