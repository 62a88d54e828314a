"""A method that is being trained, tried on a few training images: pictures of its results, and whether they will last.

What is scored is a new one that loads what was saved. Its results are held against those of the one that was trained,
before the last checkpoint is written and the job is done.
"""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import Optimizer

from sgbench.data.checked import check_scale, checked
from sgbench.data.labels import HIDDEN, all_groups
from sgbench.data.pixels import LEVEL, to_bytes
from sgbench.launching.sample_grid import draw_grid, headings
from sgbench.methods.contract import Method
from sgbench.plan.job import Job
from sgbench.results.job_folder import JobFolder
from sgbench.support.atomic import replacing, write_buffered
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, one_line

_APART = 0.5 * LEVEL
"""Results that are further apart, on average, differ by more than rounding."""
BUFFER = "register it as a buffer, and train again"
_SHOWN = 200
"""Letters of an error of torch, which can be long."""


@dataclass(frozen=True)
class LastingCheck:
    """What a job's method is tried on.

    Attributes:
        x: training images, float32 [n, 3, S, S] on the device.
        labels: int8 [n, J], as the level reveals them.
    """

    job: Job
    folder: JobFolder
    x: Tensor
    labels: Tensor

    @torch.no_grad()
    def run(self, method: Method, done: int) -> Image.Image:
        """Write the results after so many iterations, and refuse a method that could not be scored.

        Returns:
            The grid of results.

        Raises:
            UserError: a result is none, is in [0, 1] at the end, or is another one when what was saved is loaded: that
                is refused here, not after every job is trained.
        """
        name = f"{self.folder.path}: iteration {done}: {method.display_name}"
        with _modes_of(method):
            results = self._results(method, name)
            grid = self._write(results, done)
            loaded = self._results(loaded_again(self.job, method, self.x.device, name), name)
            # one that gives others each time draws at random, which scoring tells
            if _apart(results, loaded) and not _apart(results, self._results(method, name)):
                told = "keeps state that edit needs outside its state dict, where it is lost"
                raise UserError(f"{name}: {told}; {BUFFER}")
        if done == method.settings.iterations:
            check_scale(float(results.min()), float(results.max()), int(to_bytes(self.x).min()), name)
        return grid

    def lost(self, method: Method) -> str:
        """What a method changed in training outside its state dict, which was lost when it was resumed, by name."""
        return ", ".join(unkept(method, self.job.build()))

    def _results(self, method: Method, name: str) -> Tensor:
        """As in scoring, [G, n, 3, S, S]."""
        labels = self.labels if self.job.entry.source_labels == "true" else torch.full_like(self.labels, HIDDEN)
        lower = self.job.precision == "bfloat16"
        made = []
        with torch.autocast(self.x.device.type, torch.bfloat16) if lower else nullcontext():
            method.eval()
            for group in all_groups(method.attributes):  # it may change what it is given, or reuse what it returns
                seed_draws(0)
                result = method.edit(self.x.clone(), labels.clone(), group)
                made.append(checked(result, tuple(self.x.shape), name).clone())
        return torch.stack(made)

    def _write(self, results: Tensor, done: int) -> Image.Image:
        """A row of the images, then a row for each group."""
        rows = [to_bytes(self.x), *map(to_bytes, results)]
        title = f"{self.job.title}: iteration {done:,} of {self.job.entry.settings.iterations:,}"
        grid, about = draw_grid(rows, headings(self.job.attributes), title)
        with replacing(self.folder.sample(done)) as partial:
            write_buffered(partial, lambda file: grid.save(file, format="PNG", pnginfo=about))
        return grid


def loaded_again(job: Job, method: Method, device: torch.device, name: str) -> Method:
    """A new instance of a job's method that takes over the state of one.

    Args:
        name: of the method, in messages.

    Raises:
        UserError: the state does not fit a new instance.
    """
    fresh = job.build().to(device, memory_format=torch.channels_last)
    try:
        fresh.load_state_dict(method.state_dict())
    except RuntimeError as error:
        told = f"{name}: its state cannot be loaded into a new instance ({one_line(error, _SHOWN)})"
        raise UserError(f"{told}; make in __init__ all that state_dict() names") from error
    return fresh


def unkept(method: nn.Module, fresh: nn.Module) -> list[str]:
    """Names of what a module holds outside its state dict that is other than in a module as it is built.

    Compared are numbers, texts, tensors, generators, and lists, mappings and objects of these; optimisers are kept.
    """
    kept = frozenset(map(id, (*method.modules(), *method.parameters(), *method.buffers())))
    known = {name: dict(_values(part)) for name, part in fresh.named_modules()}
    return [
        f"{place}.{name}".lstrip(".")
        for place, part in method.named_modules()
        for name, value in _values(part)
        if place in known and not _same(value, known[place].get(name), kept)
    ]


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def _values(module: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in vars(module).items() if name not in _OF_EVERY_MODULE)


def _same(a: Any, b: Any, kept: frozenset[int]) -> bool:
    """Whether two values are the same as far as they can be compared.

    Args:
        kept: ids of what a state dict holds, and of objects that are being compared already.
    """
    if id(a) in kept or isinstance(a, Optimizer | type | ModuleType):
        return True
    if isinstance(a, Tensor | np.ndarray):
        return (
            type(a) is type(b)
            and a.shape == b.shape
            and bool((torch.as_tensor(a).cpu() == torch.as_tensor(b).cpu()).all())
        )
    if isinstance(a, bool | int | float | complex | str | bytes | None):
        return a == b or a != a
    if isinstance(a, list | tuple | deque):
        return type(a) is type(b) and len(a) == len(b) and all(_same(x, y, kept) for x, y in zip(a, b, strict=True))
    if isinstance(a, set | frozenset):
        return a == b
    kept |= {id(a)}
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[key], b[key], kept) for key in a)
    return type(a) is not type(b) or _same(_state_of(a), _state_of(b), kept)  # what is made when it is used is no state


def _state_of(value: object) -> object:
    """What an object remembers, as far as that can be told."""
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.getstate() if isinstance(value, random.Random) else getattr(value, "__dict__", None)


def _apart(results: Tensor, others: Tensor) -> bool:
    """Whether the results to a group differ by more than rounding, on average."""
    return bool(((results - others).abs().mean(dim=(1, 2, 3, 4)) > _APART).any())


@contextmanager
def _modes_of(method: nn.Module) -> Iterator[None]:
    """Put every part of a method back into the mode, of training or not, that it was in."""
    modes = {part: part.training for part in method.modules()}
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
