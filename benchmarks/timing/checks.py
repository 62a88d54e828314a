"""Checks of every fast path against the same in float32, one operator after another, on one device and across two."""

import math
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten_with_path, tree_leaves

from benchmarks.timing.cases import Case
from benchmarks.timing.measures import full_precision
from benchmarks.timing.versions import NEEDS_A_GPU, our_steps
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.training.feeds import ResidentFeed, StreamedFeed, make_feed
from sgbench.training.loop import train
from sgbench.training.precision import Precision
from sgbench.training.steps import ReplayedSteps, Steps, kept_state, make_steps

CPU = torch.device("cpu")
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
"""Of a loss, relative to itself or to 0.1 if it is smaller."""
_BEFORE, _AFTER = 2, 2


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        passed: None if the device cannot say.
    """

    case: str
    name: str
    passed: bool | None
    detail: str


def checks_of(case: Case, device: torch.device) -> Iterator[Check]:
    """All checks of a case; one that breaks is told as such, and the next goes on."""
    for check in (allowed, feeds, losses, seeds, resuming, going_on):
        name = str(check.__doc__).splitlines()[0].rstrip(".")
        try:
            with full_precision():
                passed, detail = check(case, device)
        except Exception as error:  # of any kind: the others are still wanted
            passed, detail = False, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if device.type == "cpu" and check is not feeds:
            detail = (
                f"{NEEDS_A_GPU}; with ordinary steps on the CPU: {'as it should be' if passed else 'WRONG'}: {detail}"
            )
            passed = None if passed else False
        yield Check(str(case), name, passed, detail)


def allowed(case: Case, device: torch.device) -> tuple[bool, str]:
    """The method is replayed, with nothing said against it."""
    method = case.make_method(device)
    feed = make_feed(case.make_batches(device), method.batches_per_iteration)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        steps = make_steps(method, feed, "bfloat16", 0)
    expected = ReplayedSteps if device.type == "cuda" else Steps
    return type(steps) is expected and not told, "; ".join(str(t.message) for t in told) or type(steps).__name__


def feeds(case: Case, device: torch.device) -> tuple[bool, str]:
    """Both feeds of a device give the host's batches."""
    source, on_host = case.make_batches(device), case.make_batches(CPU)
    count, apart = 2, 0.0
    made = [ResidentFeed(source, count, source.images.to(device)), StreamedFeed(source, count, device)]
    same = True
    for iteration in (0, 3):
        expected = source.at(iteration, count)
        for feed in made:
            feed.load(iteration)
            for one, other, host in zip(feed.batches(), expected, on_host.at(iteration, count), strict=True):
                same &= torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
                same &= torch.equal(one.labels.cpu(), host.labels)
                apart = max(apart, float((one.images.cpu() - host.images).abs().max()))
    return same and apart < 1e-6, f"bit for bit on the device; from the CPU's floats at most {apart:.1e}"


def losses(case: Case, device: torch.device) -> tuple[bool, str]:
    """Losses of one iteration: CPU, carried out on the device, replayed."""
    on_cpu = losses_of(case, CPU, "float32", False, from_host=True)
    same_draws = losses_of(case, device, "float32", False, from_host=True)
    pairs = {"device against CPU, float32": (same_draws, on_cpu, "float32")}
    for precision in ("float32", "bfloat16"):
        both = [losses_of(case, device, precision, replayed) for replayed in (True, False)]
        pairs[f"replayed against carried out, {precision}"] = (*both, precision)
    apart = {name: distance(one, other) for name, (one, other, _) in pairs.items()}
    passed = all(apart[name] <= TOLERANCE[precision] for name, (*_, precision) in pairs.items())
    return passed, "; ".join(f"{name}: {value:.1e}" for name, value in apart.items())


def seeds(case: Case, device: torch.device) -> tuple[bool, str]:
    """A replay draws by the seed that is set before it."""
    with deterministic():
        steps = our_steps(case, device, "bfloat16", replayed=True)
        torch.manual_seed(1)
        steps.run(0)
        found = []
        for seed in (5, 5, 6):
            with kept_state(steps.method):
                torch.manual_seed(seed)
                found.append(steps.run(1))
    draws = case.method != "residualgan"  # which draws nothing but its batches
    same, other = torch.equal(found[0], found[1]), not torch.equal(found[0], found[2])
    return same and other == draws, f"one seed twice: {'equal' if same else 'different'}; another seed: " + (
        "different" if other else "equal"
    )


def resuming(case: Case, device: torch.device) -> tuple[bool, str]:
    """Iterations, a checkpoint and as many more are the same as all without a break."""
    with deterministic(), TemporaryDirectory() as folder:
        whole, parts = Path(folder, "whole"), Path(folder, "parts")
        trained(case, device, whole, "bfloat16", _BEFORE + _AFTER)
        trained(case, device, parts, "bfloat16", _BEFORE)
        trained(case, device, parts, "bfloat16", _BEFORE + _AFTER)
        different = differences(whole, parts)
        rows = [JobFolder(f).losses() for f in (whole, parts)]
    same_rows = rows[0].equals(rows[1])
    words = f"{len(different)} tensors differ, first {different[0]}" if different else "every tensor bit for bit"
    return not different and same_rows, f"{words}; losses {'equal' if same_rows else 'differ'}"


def going_on(case: Case, device: torch.device) -> tuple[bool, str]:
    """What a replayed training left goes on replayed, carried out, and on the CPU."""
    with TemporaryDirectory() as folder:
        begun = Path(folder, "begun", "job")
        trained(case, device, begun, "float32", _BEFORE)

        def last(name: str, where: torch.device, eager: bool, from_host: bool) -> dict[str, float]:
            own = Path(folder, name, begun.name)  # a checkpoint names its job
            shutil.copytree(begun, own)
            with carried_out() if eager else nullcontext(), HostDraws() if from_host else nullcontext():
                trained(case, where, own, "float32", _BEFORE + 1)
            rows = JobFolder(own).losses()
            return rows[rows["iteration"] == _BEFORE + 1].iloc[0].to_dict()

        replayed = last("replayed", device, eager=False, from_host=False)
        eager = last("eager", device, eager=True, from_host=False)
        same_draws = last("same-draws", device, eager=True, from_host=True)
        on_cpu = last("cpu", CPU, eager=True, from_host=True)
    apart = {
        "carried out against replayed": distance(eager, replayed),
        "CPU against device": distance(on_cpu, same_draws),
    }
    words = "; ".join(f"{name}: {value:.1e}" for name, value in apart.items())
    return all(value <= 5 * TOLERANCE["float32"] for value in apart.values()), words


class HostDraws(TorchFunctionMode):
    """Mode in which random numbers for a device are drawn on the CPU, so that every device gets the same."""

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if function in (torch.rand, torch.randint, torch.randperm) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return function(*args, **kwargs).to(device)
        return function(*args, **kwargs)


@contextmanager
def deterministic() -> Iterator[None]:
    """Context in which every operation gives the same results again; cuBLAS needs ``CUBLAS_WORKSPACE_CONFIG``."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def carried_out() -> Any:
    """Context in which the loop never replays."""
    ordinary: Callable[..., Steps] = lambda method, feed, precision, iteration: Steps(method, feed, precision)  # noqa: E731
    return mock.patch("sgbench.training.loop.make_steps", ordinary)


def losses_of(
    case: Case, device: torch.device, precision: Precision, replayed: bool, from_host: bool = False
) -> dict[str, float]:
    """Losses of the first iteration.

    Adam's eps is larger than roundings of gradients. Otherwise its first update is the sign of a gradient, and where
    that is nothing but rounding, later losses differ by more than roundings do.
    """
    steps = our_steps(case, device, precision, replayed)
    for optimizer in steps.method.optimizers.values():
        for group in optimizer.param_groups:
            group["eps"] = 1e-3
    torch.manual_seed(7)
    with HostDraws() if from_host else nullcontext():
        values = steps.run(0).tolist()
    return dict(zip(steps.names, values, strict=True))


def distance(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of two iterations' losses, relative to the loss, or to 0.1 if it is smaller."""
    if one.keys() != other.keys():
        return math.inf
    found = [abs(one[name] - other[name]) / max(abs(other[name]), 0.1) for name in one]
    return max(math.inf if math.isnan(value) else value for value in found)


def trained(case: Case, device: torch.device, folder: Path, precision: Precision, until: int) -> None:
    """Train as a job does, or go on, until so many iterations are done."""
    case = case.changed(iterations=_BEFORE + _AFTER, constant_iterations=_BEFORE)
    train(case.make_method(device), case.make_batches(device), JobFolder(folder), 0, precision, until=until)


def differences(one: Path, other: Path) -> Sequence[str]:
    """Names of what differs in two folders' checkpoints."""
    first, second = (read_checkpoint(JobFolder(folder)) for folder in (one, other))
    states = [[c.iteration, dict(c.method), dict(c.optimizers)] for c in (first, second)]
    named, _ = tree_flatten_with_path(states[0])
    values = tree_leaves(states[1])
    if len(named) != len(values):
        return ["their number"]
    return ["".join(map(str, path)) for (path, a), b in zip(named, values, strict=True) if not _equal(a, b)]


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b
