"""A metric's terms of a batch: one from outside the package gets copies, and what it gives is checked."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric
from sgbench.support.errors import UserError

_PACKAGE = __name__.partition(".")[0]


def terms_of(name: str, metric: ImageMetric, given: Sequence[Tensor]) -> Tensor:
    """Terms of a batch, float64 [N, K].

    Args:
        name: of the metric, for messages.
        given: its inputs, [N, ...] each.

    Raises:
        UserError: a metric from outside the package gives anything else, or an infinite term.
    """
    if type(metric).__module__.partition(".")[0] == _PACKAGE:
        return metric.terms(*given)
    number = len(given[0])
    terms = metric.terms(*(one.clone() for one in given))  # it may write into them
    if not isinstance(terms, Tensor) or terms.dtype != torch.float64 or terms.ndim != 2 or len(terms) != number:
        told = f"{terms.dtype} {list(terms.shape)}" if isinstance(terms, Tensor) else type(terms).__name__
        raise UserError(
            f"metric {name}: terms() must return float64 [{number}, K] for {number} images, a row for each, not {told}"
        )
    if terms.isinf().any():
        raise UserError(
            f"metric {name}: terms() returned an infinite term; NaN means that it does not apply to an image"
        )
    return terms
