"""Somebody else's model as a Python function: images, labels and groups in, results out.

``function(images float32 [n, 3, S, S] in [-1, 1], labels int8 [n, J], groups) -> float [n, 3, S, S] in [-1, 1]``, or
uint8 results, taken as they are. Floats are clamped and rounded as the study's own results are.
"""

import functools
import hashlib
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from sgbench.data.labels import Group
from sgbench.data.references import make_requests
from sgbench.errors import UserError
from sgbench.translation import to_bytes
from sgbench.translations.inputs import Inputs
from sgbench.translations.results import Results

_FAR = 1.5
_TRIED = 4
"""Results beyond this on either side are not in [-1, 1] by another scale, not by a little overshoot."""

Translator = Callable[[Tensor, Tensor, Sequence[Group]], Tensor]


def load_function(name: str) -> Callable:
    """The function that ``package.module:function`` names.

    Raises:
        UserError: there is no such module, or nothing in it that can be called.
    """
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError, TypeError) as error:  # the last two: an empty or a relative name
        raise UserError(f"'{name}' cannot be imported: {error}; give package.module:function") from error
    found = getattr(module, function_name, None)
    if not callable(found) or inspect.isclass(found):
        raise UserError(f"'{name}': {module_name} has no function '{function_name}'")
    return found


def open_function(function: Callable, inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    """Results of a function, a method or a callable object such as an nn.Module.

    The fingerprint is of the source file, the qualified name, an nn.Module's state, and a few results for every group,
    so that other weights which a function loads by itself make other results.

    Raises:
        UserError: it has no source file, or returns something else than results; tried here with a few test images.
    """
    name = _name(function)
    return serve_model(function, name, _fingerprint(function, name), inputs, device, batch_size)


def serve_model(
    model: Translator, name: str, fingerprint: str, inputs: Inputs, device: torch.device, batch_size: int
) -> Results:
    """Results of a model made when they are asked for, at most ``batch_size`` at a time."""

    def edit(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        images = inputs.images[positions].to(device).float().div(127.5).sub(1)
        shape = tuple(images.shape)
        with torch.no_grad():
            results = model(images, inputs.labels[positions].to(device), tuple(groups))
        if isinstance(results, Tensor) and results.dtype == torch.uint8 and results.shape == shape:
            return results.cpu()
        return to_bytes(checked(results, shape, name))

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return torch.cat([edit(part, groups) for part in positions.split(batch_size)])

    def has(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return torch.ones(len(positions), dtype=torch.bool)

    key = hashlib.sha256(fingerprint.encode())
    for request in make_requests(inputs.labels, inputs.attributes):
        for group, rows in request.by_value():  # a wrong model is refused before anything is scored
            key.update(translate(request.positions[rows][:_TRIED], [group]).numpy().tobytes())
    return Results(translate, has, key.hexdigest())


def checked(results: object, shape: tuple[int, ...], name: str) -> Tensor:
    """What a model returned, as float32.

    Raises:
        UserError: it is no finite float tensor of this shape, or its range is not [-1, 1].
    """
    wanted = f"expected are floats {list(shape)} in [-1, 1]"
    if not isinstance(results, Tensor):
        raise UserError(f"{name} returned {type(results).__name__}; {wanted} as a torch.Tensor")
    if results.shape != shape or not results.is_floating_point():
        raise UserError(f"{name} returned {str(results.dtype).removeprefix('torch.')} {list(results.shape)}; {wanted}")
    results = results.detach().float()
    if not results.isfinite().all():
        raise UserError(f"{name} returned NaN or infinity; {wanted}")
    low, high = results.min().item(), results.max().item()
    if low < -_FAR or high > _FAR:
        raise UserError(f"{name} returned values from {low:.4g} to {high:.4g}; {wanted}: scale them")
    return results


def _name(function: Callable) -> str:
    subject = function if hasattr(function, "__qualname__") else type(function)
    return f"{subject.__module__}:{subject.__qualname__}"


def _fingerprint(function: Callable, name: str) -> str:
    plain = inspect.unwrap(function)
    subject = plain if inspect.isfunction(plain) or inspect.ismethod(plain) else type(plain)
    try:
        if isinstance(plain, functools.partial):
            raise TypeError("a partial")
        source = Path(inspect.getsourcefile(subject) or "").read_bytes()
    except (OSError, TypeError) as error:
        raise UserError(f"{name}: has no source file to know it by; define it as a function in a module") from error
    key = hashlib.sha256(f"{name}\n{hashlib.sha256(source).hexdigest()}\n".encode())
    owner = getattr(plain, "__self__", plain)
    if isinstance(owner, nn.Module):
        for part, tensor in owner.state_dict().items():
            key.update(f"{part} {tensor.dtype} {list(tensor.shape)}\n".encode())
            key.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return key.hexdigest()
