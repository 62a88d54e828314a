"""Weights in autocast's precision, cast once between two changes of them instead of at every use."""

from types import TracebackType

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

_kept: dict[int, tuple[int, Tensor]] | None = None


class cast_once:
    """Context in which ``lowered`` keeps what it has cast until the parameter changes.

    An optimiser's step ends what is kept of its parameters (not every optimiser raises their versions); other changes
    in place raise a parameter's version, which is looked at. So no stale weight can be used. Parameters must live as
    long as the context does.
    """

    def __enter__(self) -> None:
        global _kept
        self.before, _kept = _kept, {}
        self.hook = register_optimizer_step_post_hook(_forget)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        global _kept
        self.hook.remove()
        _kept = self.before


def lowered(parameter: Tensor) -> Tensor:
    """A parameter in the precision that autocast computes in; outside autocast the parameter itself."""
    device = parameter.device.type
    if not torch.is_autocast_enabled(device):
        return parameter
    precision = torch.get_autocast_dtype(device)
    if _kept is None:
        return parameter.to(precision)
    version, cast = _kept.get(id(parameter), (None, None))
    if version != parameter._version or parameter.requires_grad > cast.requires_grad:
        with torch.enable_grad():
            cast = parameter.to(precision)
        _kept[id(parameter)] = parameter._version, cast
    return cast if parameter.requires_grad and torch.is_grad_enabled() else cast.detach()


def _forget(optimizer: Optimizer, *step: object) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            _kept.pop(id(parameter), None)
