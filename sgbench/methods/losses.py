"""Terms of losses that methods share: pure functions of tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F


def widened(x: Tensor) -> Tensor:
    """The tensor in float32 if it has fewer digits, so that its mean has them."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def masked_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the images whose label is known.

    Args:
        logits: [B, m].
        labels: int [B]; < 0 contributes nothing.
        weights: [B], how much the term of each image counts; by default 1.

    Returns:
        Scalar: sum(mask * weight * CE) / max(1, sum(mask)).
    """
    known = labels >= 0
    terms = F.cross_entropy(logits, labels.long().clamp_min(0), reduction="none")
    if weights is not None:
        terms = terms * weights
    return (terms * known).sum() / known.sum().clamp_min(1)


def masked_binary_cross_entropy(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy: a masked mean for each entry, summed over entries.

    Args:
        logits, targets: [B, c].
        known: bool [B, c].

    Returns:
        Scalar: sum over entries of sum(known * BCE) / max(1, sum(known)).
    """
    terms = F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none")
    return ((terms * known).sum(0) / known.sum(0).clamp_min(1)).sum()


def masked_reconstruction(x: Tensor, x_rec: Tensor, known: Tensor) -> Tensor:
    """Mean absolute error over the images with ``known`` set.

    Args:
        x, x_rec: [B, C, H, W].
        known: bool [B].

    Returns:
        Scalar: sum_i known_i * mean|x_i - x_rec_i| / max(1, sum(known)).
    """
    terms = (x - x_rec).abs().flatten(1).mean(1)
    return (terms * known).sum() / known.sum().clamp_min(1)
