"""Versions of a step: the plain reference's and ours, each carried out anew or replayed as a graph."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import count
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from benchmarks.plain.residualgan import PlainResidualGAN
from benchmarks.plain.sggan import PlainSGGAN
from benchmarks.plain.stargan import PlainStarGAN
from benchmarks.timing.cases import Case
from sgbench.data.labels import Batch
from sgbench.methods.casting import lasting_of
from sgbench.training.feeds import Feed, make_feed
from sgbench.training.optimisers import make_capturable
from sgbench.training.precision import Precision
from sgbench.training.steps import ReplayedSteps, Steps

NEEDS_A_GPU = "needs a GPU"


class Version(Protocol):
    """Carries out one iteration after another."""

    precision: Precision
    feed: Feed

    def run(self, iteration: int) -> Any:
        """One iteration on the batches that are drawn for it."""


class PlainSteps:
    """Iterations of a plain reference, on images in the layout that its layers have."""

    def __init__(self, case: Case, feed: Feed, device: torch.device, precision: Precision = "float32"):
        self.feed, self.device, self.precision = feed, device, precision
        self.optimizers, self.step = plain_step(case, device)

    def run(self, iteration: int) -> None:
        """One iteration."""
        self.feed.load(iteration)
        self.carry_out(iteration)

    def carry_out(self, iteration: int) -> None:
        """One iteration on the batches that were loaded."""
        low = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False) if low else nullcontext():
            self.step([Batch(b.images.contiguous(), b.labels) for b in self.feed.batches()])


class CapturedPlainSteps(PlainSteps):
    """The plain reference's iteration, unchanged, as one CUDA graph."""

    def __init__(self, case: Case, feed: Feed, device: torch.device, precision: Precision = "bfloat16"):
        super().__init__(case, feed, device, precision)
        if device.type != "cuda":
            raise ValueError(NEEDS_A_GPU)
        for optimizer in self.optimizers:
            make_capturable(optimizer)
        self.graph: torch.cuda.CUDAGraph | None = None

    def run(self, iteration: int) -> None:
        """Record at the first iteration, then replay."""
        self.feed.load(iteration)
        if self.graph is None:
            self._record(iteration)
        self.graph.replay()

    def _record(self, iteration: int) -> None:
        here, aside = torch.cuda.current_stream(self.device), torch.cuda.Stream(self.device)
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.carry_out(iteration)
        here.wait_stream(aside)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.carry_out(iteration)


def plain_step(case: Case, device: torch.device) -> tuple[list[Optimizer], Callable[[Sequence[Batch]], Any]]:
    """A plain reference's optimisers, and its step with everything drawn that ours draws."""
    torch.manual_seed(0)
    own = {"image_size": case.size, "learning_rate": case.settings.learning_rate, "device": device}
    own |= dict(zip(("generator_width", "discriminator_width"), case.widths, strict=True))
    if case.method == "residualgan":
        model = PlainResidualGAN(**own)
        optimizers = [*model.generator_optimizers, model.discriminator_optimizer]
        return optimizers, lambda batches: model.step(batches[0].images.chunk(2))
    own["n_critic"] = case.settings.n_critic

    def mixes(batches: Sequence[Batch], groups: int) -> list[Tensor]:
        return [torch.rand(groups * len(b.images), device=device) for b in batches]

    if case.method == "sggan":
        model = PlainSGGAN(case.values, **own)
        step = lambda batches: model.step(batches, mixes(batches, len(model.groups)))  # noqa: E731
    else:
        model = PlainStarGAN(case.values, [a.exhaustive for a in case.attributes], **own)

        def step(batches: Sequence[Batch]) -> Any:
            vectors = [model.encode(b.labels)[0] for b in batches]
            targets = [v[torch.randperm(len(v), device=device)] for v in vectors]
            return model.step(batches, targets, mixes(batches, 1))

    return [model.generator_optimizer, model.discriminator_optimizer], step


def our_steps(case: Case, device: torch.device, precision: Precision, replayed: bool, seed: int = 0) -> Steps:
    """Our step on a feed as a job has it; replayed where that is asked for and the device is a GPU."""
    method = case.make_method(device, seed)
    feed = make_feed(case.make_batches(device), method.batches_per_iteration)
    if not replayed or device.type != "cuda":
        return Steps(method, feed, precision)
    for optimizer in method.optimizers.values():
        make_capturable(optimizer)
    return ReplayedSteps(method, feed, precision)


def plain_steps(case: Case, device: torch.device, precision: Precision, replayed: bool = False) -> PlainSteps:
    """The plain reference's step on the same images.

    Raises:
        ValueError: it is to be replayed, and the device is no GPU.
    """
    number = 1 if case.method == "residualgan" else case.settings.n_critic
    feed = make_feed(case.make_batches(device), number)
    return (CapturedPlainSteps if replayed else PlainSteps)(case, feed, device, precision)


def bytes_held(version: Version) -> int:
    """Bytes of the parameters that a version trains, of casts that last, and of their optimisers' states."""
    optimizers = version.optimizers if isinstance(version, PlainSteps) else version.method.optimizers.values()
    tensors = {id(p): p for o in optimizers for group in o.param_groups for p in group["params"]}
    states = [value for o in optimizers for state in o.state.values() for value in state.values()]
    casts = [lasting.leaf for lasting in map(lasting_of, tensors.values()) if lasting is not None]
    return sum(x.nbytes for x in (*tensors.values(), *casts, *states) if isinstance(x, Tensor))


def bytes_of_images(version: Version) -> int:
    """Bytes of all images where they lie on the device."""
    images = getattr(version.feed, "images", None)
    return images.nbytes if isinstance(images, Tensor) else 0


def runner(version: Version) -> Callable[[], None]:
    """Runs the next iteration, from its seed."""
    numbers = count()

    def run() -> None:
        iteration = next(numbers)
        torch.manual_seed(iteration)
        version.run(iteration)

    return run
