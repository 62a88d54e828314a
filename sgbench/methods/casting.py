"""Weights in autocast's precision, cast once between two changes of them instead of at every use."""

from types import TracebackType

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

_kept: dict[tuple[int, bool], tuple[int, Tensor]] | None = None


class cast_once:
    """Context in which ``lowered`` keeps what it has cast until the parameter changes.

    Parameters must live as long as the context does. A parameter's version says whether it has changed, so that no
    stale weight can be used: torch raises it with every change in place, and the context with an optimiser's steps,
    since fused ones do not.
    """

    def __enter__(self) -> None:
        global _kept
        self.before, _kept = _kept, {}
        self.hook = register_optimizer_step_post_hook(_raise_versions)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        global _kept
        _kept = self.before
        self.hook.remove()


def lowered(parameter: Tensor) -> Tensor:
    """A parameter in the precision that autocast computes in; outside autocast the parameter itself."""
    device = parameter.device.type
    if not torch.is_autocast_enabled(device):
        return parameter
    if _kept is None:
        return parameter.to(torch.get_autocast_dtype(device))
    key = id(parameter), parameter.requires_grad and torch.is_grad_enabled()
    version, cast = _kept.get(key, (None, None))
    if version != parameter._version:
        cast = parameter.to(torch.get_autocast_dtype(device))
        _kept[key] = parameter._version, cast
    return cast


def _raise_versions(optimizer: Optimizer, *_: object) -> None:
    increment_version([p for group in optimizer.param_groups for p in group["params"]])
