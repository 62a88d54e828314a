"""What a model must return, whoever made it: checked before floats become pixels, in which nothing of it would show."""

import inspect
import math

import torch
from torch import Tensor

from sgbench.support.errors import UserError

_FAR = 1.5
"""Results below -1.5 or above 1.5 have another scale than [-1, 1]; smaller ones are only clamped."""
_BRIGHT, _DARK = 0.5, 100


def check_called(result: object, name: str) -> None:
    """Refuse what an asynchronous function or a generator gives when it is called: nothing of it was run.

    Args:
        name: of the function, in messages.

    Raises:
        UserError: it is such.
    """
    if inspect.isawaitable(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # or Python warns, when it is thrown away, that nobody has awaited it
        raise UserError(f"{name} is asynchronous; give a plain function (def, not async def) that returns its results")
    if inspect.isgenerator(result):
        raise UserError(f"{name} is a generator; give a plain function that returns its results (return, not yield)")


def checked(results: object, shape: tuple[int, ...], name: str) -> Tensor:
    """Check what a model returned, and convert it to float32.

    Args:
        name: of the model, in messages.

    Raises:
        UserError: it is not a finite float tensor of this shape, or its values are far outside [-1, 1].
    """
    wanted = f"expected are floats {list(shape)} in [-1, 1]"
    check_called(results, name)
    if not isinstance(results, Tensor):
        raise UserError(f"{name} returned {type(results).__name__}; {wanted} as a torch.Tensor")
    if results.is_nested or results.shape != shape or not results.is_floating_point():
        dtype, size = str(results.dtype).removeprefix("torch."), "nested" if results.is_nested else list(results.shape)
        raise UserError(f"{name} returned {dtype} {size}; {wanted}")
    if results.layout != torch.strided or results.is_meta:
        raise UserError(
            f"{name} returned a tensor {'without values' if results.is_meta else 'that is sparse'}; {wanted}"
        )
    results = results.detach().float()
    low, high = torch.stack(results.aminmax()).tolist()  # NaN if any value is; read together, for reading waits
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f"{name} returned NaN or infinity; {wanted}")
    if low < -_FAR or high > _FAR:
        raise UserError(f"{name} returned values from {low:.4g} to {high:.4g}; {wanted}: scale them")
    return results


def never_below_zero(low: float, high: float, darkest: int) -> bool:
    """Whether results look as if they were in [0, 1]: nothing below 0, something above 0.5, though images are dark.

    Args:
        low, high: of all results.
        darkest: the smallest level of the images, of 255; of bright images alone nothing is known.
    """
    return low >= 0 and high > _BRIGHT and darkest < _DARK


def check_scale(low: float, high: float, darkest: int, name: str) -> None:
    """Refuse results in [0, 1], of several images and all groups: nothing below 0, something above 0.5.

    Args:
        low, high: of all results.
        darkest: the smallest level of the images, of 255; of bright images alone nothing is known.

    Raises:
        UserError: they are.
    """
    if never_below_zero(low, high, darkest):
        raise UserError(f"{name} returned nothing below 0: expected are floats in [-1, 1], not in [0, 1]: scale them")
