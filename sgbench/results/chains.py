"""Scores of chains of edits, in which each result is the next input: kept beside the scores of single edits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sgbench.data.requests import Requests

Kind = Literal["composition", "reversal"]
"""To the value that the image has, again and again; or to another value and back."""


@dataclass(frozen=True)
class Chain:
    """Scores of a target's chains, a row each.

    Attributes:
        request: the images, and the value that each was sent to first.
        terms: float64 [M, K] by the metric's name and the place where it is measured, as the catalogue has them.
        posteriors: of a reversal, for each judge float64 [M, m]: what it sees of the target when the way back is done.
    """

    kind: Kind
    request: Requests
    terms: Mapping[tuple[str, str], Tensor]
    posteriors: tuple[Tensor, ...] = ()


def prefix_of(kind: str, target: int) -> str:
    """How the names of a chain's arrays begin."""
    return f"{kind}/{target}/"


def arrays_of_chain(chain: Chain) -> dict[str, np.ndarray]:
    """Arrays by name: ``<kind>/<t>/positions``, ``values``, ``terms/<metric>/<place>``, ``posterior/<judge>``."""
    start = prefix_of(chain.kind, chain.request.target)
    arrays = {f"{start}positions": chain.request.positions.numpy(), f"{start}values": chain.request.values.numpy()}
    arrays |= {f"{start}terms/{metric}/{place}": terms.numpy() for (metric, place), terms in chain.terms.items()}
    return arrays | {f"{start}posterior/{k}": posterior.numpy() for k, posterior in enumerate(chain.posteriors)}


def chain_of_arrays(kind: Kind, target: int, arrays: Mapping[str, np.ndarray]) -> Chain:
    """The chain that ``arrays_of_chain`` took apart, from the arrays of a whole file.

    Raises:
        KeyError: one is missing.
    """
    start = prefix_of(kind, target)
    own = {name.removeprefix(start): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(start)}
    terms = {tuple(name.split("/")[1:]): a for name, a in own.items() if name.startswith("terms/")}
    judges = range(sum(name.startswith("posterior/") for name in own))
    posteriors = tuple(own[f"posterior/{k}"] for k in judges)
    return Chain(kind, Requests(target, own["positions"], own["values"]), terms, posteriors)
