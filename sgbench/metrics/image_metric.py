"""The contract of a metric: it computes a row of terms for each image, and one figure from all rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class ImageMetric(ABC):
    """A metric that is a function of per-image terms, so that images can come in batches and be drawn again.

    A subclass defines the terms of an image (``terms``), and how one figure is computed from the terms of all images
    if each image counts a given number of times (``reduce``). Everything is float64.

    Attributes:
        definition: the protocol with its parameters; part of a record's key.
    """

    definition: str

    @property
    def formula(self) -> tuple[object, ...]:
        """What metrics have in common that compute the same figure of the same terms."""
        return type(self), self.definition

    @property
    def is_mean(self) -> bool:
        """Whether the figure is the mean of ``per_image``, as it is unless overridden."""
        return type(self).reduce is ImageMetric.reduce

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "ImageMetric | None":
        """Build the metric for an entry of the catalogue.

        Args:
            place: name of the place where it is measured, one of those in the catalogue.
            image_size: side of the images.
            network: definition of what the user's network measures, for a metric that needs one; else empty.

        Returns:
            None if the metric does not exist for such images, or its network is missing.
        """
        return cls()

    @abstractmethod
    def terms(self, *inputs: Tensor) -> Tensor:
        """Terms of a batch, float64 [N, K]; a row is NaN if the metric does not apply to the image.

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
            float64 [R], NaN if no image has weight.
        """
        return weighted_mean(self.per_image(terms).unsqueeze(1), weights).squeeze(1)

    def figure(self, terms: Tensor) -> float:
        """The metric over all images, each counted once."""
        return float(self.reduce(terms, terms.new_ones(1, len(terms)))[0])

    def reduce_each(self, systems: Sequence[Tensor], weights: Tensor) -> Tensor:
        """``reduce`` for several systems' terms of the same images: float64 [T, R] of T systems. No term may be NaN.

        A metric overrides this if it can share work between systems; the figures are the same, bit for bit.
        """
        return torch.stack([self.reduce(terms, weights) for terms in systems])

    def refusal(self, terms: Tensor) -> str:
        """Why no figure can be computed from these terms; empty if it can."""
        return ""

    def num_clipped(self, terms: Tensor) -> int | None:
        """How many of these terms are clipped; None for a metric that does not report it."""
        return None

    def exchanging(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Callable[[Tensor], Tensor]:
        """The figure of side a minus that of side b of several pairs, as a function of the rows that are exchanged.

        Args:
            pairs: the terms of both sides of each, float64 [N, K] and [N, K]; all pairs are of the same images.

        Returns:
            A function of swaps bool [N, R], R choices of rows; a row is exchanged with the same row of the other side.
            It gives float64 [P, R] of P pairs.
        """
        weights = pairs[0][0].new_ones(1, len(pairs[0][0]))

        def after(swaps: Tensor) -> Tensor:
            differences = []
            for terms_a, terms_b in pairs:
                for swap in swaps.T.unsqueeze(2):
                    a, b = torch.where(swap, terms_b, terms_a), torch.where(swap, terms_a, terms_b)
                    differences.append(self.reduce(a, weights) - self.reduce(b, weights))
            return torch.cat(differences).reshape(len(pairs), swaps.shape[1])

        return after

    def shares(self, terms_a: Tensor, terms_b: Tensor) -> Tensor:
        """How much each row contributes to the figure of side a minus that of side b, to first order: float64 [N].

        Derivatives are taken of the figure of both sides' rows together, which stays the same if rows are exchanged. So
        an exchange only changes the sign of a row's share. A metric for which the order of rows matters overrides this.
        """
        both = torch.cat([terms_a, terms_b])
        weights = both.new_ones(1, len(both)).requires_grad_()
        (slopes,) = torch.autograd.grad(self.reduce(both, weights)[0], weights)
        a, b = slopes[0].chunk(2)
        return 2 * (a - b)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Means over images [R, K] of values [N, K] under weights [R, N]; rows with a NaN have no weight."""
    applies = ~values.isnan().any(1)
    if not applies.all():
        values, weights = values[applies], weights[:, applies]
    return weights @ values / weights.sum(1, keepdim=True)


def check_images(**images: Tensor) -> None:
    """Refuse anything but 8-bit images of one shape, uint8 [N, 3, S, S].

    Raises:
        ValueError: an argument is anything else; the message names it and says what it is.
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
    """Refuse anything but probabilities, floating point [N, C], whose rows sum to 1 within 0.001.

    Raises:
        ValueError: it is anything else; the message says what is wrong.
    """
    if not posterior.is_floating_point() or posterior.ndim != 2 or posterior.shape[1] < 2:
        raise ValueError(f"posterior must be floating point [N, C >= 2], not {posterior.dtype} {list(posterior.shape)}")
    if not posterior.isfinite().all():
        raise ValueError("posterior holds NaN or infinite values")
    if (posterior < 0).any() or (posterior.double().sum(1) - 1).abs().gt(1e-3).any():
        raise ValueError("posterior must be probabilities: values >= 0 and rows of sum 1 (logits need a softmax first)")
