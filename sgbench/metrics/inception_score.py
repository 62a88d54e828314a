"""Inception Score: exp of the mean Kullback-Leibler divergence of an image's posterior from the mean posterior.

Source: Salimans et al., "Improved techniques for training GANs" (2016), as in torch-fidelity: rows are permuted
by NumPy's RandomState(2020), splits i*N//10 to (i+1)*N//10, mean and population standard deviation over the splits. On
the judge's joint posterior, the same formula gives the Judge Score, which is never called Inception Score.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_posterior

INCEPTION = "2015 Inception, images resized to 299 as TensorFlow 1 does, 1008 unbiased logits"
"""Which network and which of its outputs give an Inception Score; the weights are named separately."""
_LEAST = 1e-300
"""Stands for a probability of 0, whose logarithm has no value; it adds nothing to a sum."""
_SUMS_AT_ONCE = 2**18
"""Numbers, of all pairs and swaps, that stay in the processor's cache."""


class InceptionScore(ImageMetric):
    """Mean over splits of exp(mean KL), from 1 to C.

    ``terms(posterior)``: floating point [N, C]. An image's terms are its posterior. The place of an image decides
    in which split it falls, so images must come in the same order for every system. With one split the order does not
    matter.
    """

    def __init__(self, num_splits: int = 10, seed: int = 2020) -> None:
        self.num_splits = num_splits
        self.seed = seed
        self.definition = f"mean of {num_splits} splits, rows permuted by RandomState({seed})"

    def terms(self, posterior: Tensor) -> Tensor:
        check_posterior(posterior)
        return posterior.double()

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        """Mean over splits [R]; a split without weight is left out.

        Raises:
            ValueError: fewer images than splits.
        """
        return self._splits([terms], weights)[0].nanmean(1)

    def reduce_each(self, systems: Sequence[Tensor], weights: Tensor) -> Tensor:
        return torch.stack([splits.nanmean(1) for splits in self._splits(systems, weights)])

    def spread(self, terms: Tensor) -> float:
        """Population standard deviation over the splits, of terms [N, C]."""
        return float(self._splits([terms], terms.new_ones(1, len(terms)))[0].std(correction=0))

    def exchanging(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Callable[[Tensor], Tensor]:
        """Keep means over each split, which are linear in its rows, so no swap is scored anew. No term may be NaN."""
        splits = [(rows, *_means_and_gaps(pairs, rows)) for rows in self._rows(pairs[0][0])]
        at_once = max(1, _SUMS_AT_ONCE // splits[0][1].numel())

        def after(swaps: Tensor) -> Tensor:
            pieces = swaps.chunk(math.ceil(swaps.shape[1] / at_once), 1)
            return torch.cat([_exchanged(splits, some) for some in pieces], 1)

        return after

    def shares(self, terms_a: Tensor, terms_b: Tensor) -> Tensor:
        """Go split by split, because rows of both sides together would fall into other splits. No term may be NaN."""
        shares = terms_a.new_empty(len(terms_a))
        for rows in self._rows(terms_a):
            a, b = terms_a[rows], terms_b[rows]
            marginal = (a.mean(0) + b.mean(0)) / 2
            kl_a, kl_b = ((torch.xlogy(p, p) - torch.xlogy(p, marginal)).sum(1) for p in (a, b))
            score = ((kl_a.mean() + kl_b.mean()) / 2).exp()
            shares[rows] = score * (kl_a - kl_b) / len(rows) / self.num_splits
        return shares

    def _splits(self, systems: Sequence[Tensor], weights: Tensor) -> list[Tensor]:
        """Each system's score of each split under each weighting, [R, num_splits]; NaN where a split has no weight."""
        applies = ~torch.stack([terms.isnan().any(1) for terms in systems]).any(0)
        if not applies.all():
            systems, weights = [terms[applies] for terms in systems], weights[:, applies]
        n = len(systems[0])
        if n < self.num_splits:
            raise ValueError(f"{n} images are too few for {self.num_splits} splits")
        scores: list[list[Tensor]] = [[] for _ in systems]
        for rows in self._rows(systems[0]):
            w = weights[:, rows]
            w = w / w.sum(1, keepdim=True)
            for terms, own in zip(systems, scores, strict=True):
                p = terms[rows]
                marginal = w @ p
                divergence = w @ torch.xlogy(p, p).sum(1) - torch.xlogy(marginal, marginal).sum(1)
                own.append(divergence.exp())
        return [torch.stack(own, 1) for own in scores]

    def _rows(self, terms: Tensor) -> Iterator[Tensor]:
        """The rows of each split, int64."""
        n = len(terms)
        order = torch.from_numpy(np.random.RandomState(self.seed).permutation(n)).to(terms.device)
        for i in range(self.num_splits):
            yield order[i * n // self.num_splits : (i + 1) * n // self.num_splits]


def _means_and_gaps(pairs: Sequence[tuple[Tensor, Tensor]], rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the score of a split is made of: the mean posterior and, after it, the mean of sum p log p.

    Returns:
        Means of side a and of side b, [P, C + 1, 1]; what exchanging a row adds to those of a and takes from those of
        b, [P (C + 1), n].
    """
    sides = (torch.stack([terms[rows] for terms in side]) for side in zip(*pairs, strict=True))
    a, b = (torch.cat([p, _sum_of_logs(p.clamp(min=_LEAST), 2).unsqueeze(2)], 2).transpose(1, 2) for p in sides)
    return a.mean(2, keepdim=True), b.mean(2, keepdim=True), ((b - a) / len(rows)).flatten(0, 1)


def _exchanged(splits: Sequence[tuple[Tensor, ...]], swaps: Tensor) -> Tensor:
    """Score of side a minus that of side b after each swap [N, R]: [P, R]. It works in memory that it takes once."""
    num_pairs, num_sums, _ = splits[0][1].shape
    shift, means, logs = (splits[0][1].new_empty(num_pairs, num_sums - k, swaps.shape[1]) for k in (0, 0, 1))
    totals = torch.zeros_like(means[:, 0])
    for rows, of_a, of_b, gaps in splits:
        torch.mm(gaps, swaps[rows].to(gaps), out=shift.view(len(gaps), -1))
        for own, sign in ((of_a, 1), (of_b, -1)):
            torch.add(own, shift, alpha=sign, out=means)
            divergence = means[:, -1] - _sum_of_logs(means[:, :-1].clamp_(min=_LEAST), 1, logs)
            totals.add_(divergence.exp_(), alpha=sign)
    return totals / len(splits)


def _sum_of_logs(p: Tensor, dim: int, logs: Tensor | None = None) -> Tensor:
    """Sum of p log p; no p may be 0.

    Args:
        logs: memory for the logarithms.
    """
    return torch.log(p, out=logs).mul_(p).sum(dim)


def inception_posterior(logits: Tensor) -> Tensor:
    """Posteriors float64 [N, 1008] of Inception's unbiased logits."""
    return logits.double().softmax(1)


def joint_posterior(heads: Sequence[Tensor]) -> Tensor:
    """The judge's joint posterior: for each image the product of its heads; the last head's value changes fastest.

    Args:
        heads: floating point [N, m_j] for each attribute j.

    Returns:
        float64 [N, prod m_j].

    Raises:
        ValueError: a head is not a posterior, or the heads differ in N.
    """
    if len({len(head) for head in heads}) != 1:
        raise ValueError(f"heads must be posteriors of the same images, have {[list(h.shape) for h in heads]}")
    joint = heads[0].new_ones(len(heads[0]), 1, dtype=torch.float64)
    for head in heads:
        check_posterior(head)
        joint = (joint.unsqueeze(2) * head.double().unsqueeze(1)).flatten(1)
    return joint
