"""One iteration after another: each carried out anew, or recorded once and replayed on a GPU."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from sgbench.data.checked import check_called
from sgbench.methods.casting import cast_once
from sgbench.methods.contract import Method
from sgbench.support.errors import UserError, shown
from sgbench.training.breaches import find_breach
from sgbench.training.feeds import Feed
from sgbench.training.optimisers import make_capturable
from sgbench.training.precision import Precision

_WARM_UP = 3
"""Iterations before recording, as torch's documentation asks for."""


class Steps:
    """Carries out iterations of a method.

    Attributes:
        names: of the losses, known after the first iteration.
    """

    def __init__(self, method: Method, feed: Feed, precision: Precision):
        self.method, self.feed, self.precision = method, feed, precision
        self.device = next(method.parameters()).device
        self.names: tuple[str, ...] = ()

    def run(self, iteration: int) -> Tensor:
        """One iteration, on the batches that are drawn for it; the caller has seeded torch's generators.

        Returns:
            Its losses, float32 [L], on the method's device.
        """
        self.feed.load(iteration)
        return self.carry_out(iteration)

    def carry_out(self, iteration: int) -> Tensor:
        """One iteration on the batches that were loaded."""
        low = self.precision == "bfloat16"
        precision = torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False) if low else nullcontext()
        with precision, cast_once():
            losses = self.method.step(self.feed.batches(), iteration)
        check_called(losses, f"{type(self.method).__name__}.step()")
        _check_losses(losses, type(self.method).__name__)
        self.names = tuple(losses)
        return torch.stack([value.float() for value in losses.values()])


def _check_losses(losses: object, name: str) -> None:
    """Refuse what is no dictionary of losses.

    Raises:
        UserError: says what ``step`` of a method must return.
    """
    kept = isinstance(losses, Mapping) and losses and all(isinstance(key, str) for key in losses)
    if not kept or not all(isinstance(value, Tensor) and value.ndim == 0 for value in losses.values()):
        raise UserError(
            f"{name}.step() must return tensors of one number by their names, not {shown(losses)}; return a dictionary "
            'such as {"g_rec": loss.mean().detach()}'
        )


class ReplayedSteps(Steps):
    """Iterations as one CUDA graph: recorded at the first, then replayed.

    Everything that an iteration reads and writes stays where it was when it was recorded: parameters, the optimisers'
    moments and rates, the feed's memory.
    """

    def __init__(self, method: Method, feed: Feed, precision: Precision):
        super().__init__(method, feed, precision)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.losses: Tensor | None = None

    def run(self, iteration: int) -> Tensor:
        """As ``Steps.run``."""
        self.feed.load(iteration)
        if self.graph is None:
            self._record(iteration)
        self.graph.replay()
        return self.losses.clone()

    def _record(self, iteration: int) -> None:
        """Recording carries nothing out: the caller replays this iteration too, from the seed that it has set.

        So what the warm-up draws is given back to the generators: a job that goes on from a checkpoint draws, in the
        iteration that it records, what it would have drawn without a break.
        """
        here = torch.cuda.current_stream(self.device)
        aside = torch.cuda.Stream(self.device)
        aside.wait_stream(here)
        with kept_state(self.method), _kept_draws(self.device), torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self.carry_out(iteration)
        here.wait_stream(aside)
        for optimizer in self.method.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.losses = self.carry_out(iteration)


def make_steps(method: Method, feed: Feed, precision: Precision, iteration: int) -> Steps:
    """Replayed steps on a GPU if the method allows it, else ordinary ones, with a warning that says why.

    Args:
        iteration: the first that will be run.
    """
    plain = Steps(method, feed, precision)
    if plain.device.type != "cuda":
        return plain
    capturable = [make_capturable(optimizer) for optimizer in method.optimizers.values()]
    breach = breach_of(plain, iteration) if all(capturable) else "an optimiser has no option `capturable`"
    if breach:
        warnings.warn(f"{method.display_name} is trained without replaying, which is slower: {breach}", stacklevel=2)
        return plain
    return ReplayedSteps(method, feed, precision)


def breach_of(steps: Steps, iteration: int) -> str | None:
    """What keeps a method from being replayed, in words; the method is afterwards as it was before."""
    with kept_state(steps.method), _kept_draws(steps.device):
        steps.run(iteration)  # makes what is made once, such as an optimiser's moments
        return find_breach(steps.feed.load, steps.carry_out, iteration)


@contextmanager
def kept_state(method: Method) -> Iterator[None]:
    """Context after which a method's parameters, buffers and moments are what they were, in the same memory.

    Moments that an optimiser had not made yet are there afterwards, as zeros, which is how they begin.
    """
    tensors = [*method.parameters(), *method.buffers()]
    kept = [tensor.detach().clone() for tensor in tensors]
    moments = {name: deepcopy(optimizer.state_dict()["state"]) for name, optimizer in method.optimizers.items()}
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, kept, strict=True):
                tensor.copy_(value)
            for name, optimizer in method.optimizers.items():
                _put_back(optimizer.state_dict()["state"], moments[name])


def _kept_draws(device: torch.device) -> AbstractContextManager:
    """Context after which torch's generators draw as if nothing had been drawn in it."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _put_back(now: dict[int, dict[str, Any]], before: dict[int, dict[str, Any]]) -> None:
    for index, state in now.items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                value.copy_(before[index][name]) if index in before else value.zero_()
