"""Weights in autocast's precision, cast once between two changes of them instead of at every use.

On a CPU an optimiser can write the cast itself (``lasting``): then nothing is cast while its parameters do not change
otherwise, and gradients stay in the precision in which they were computed.
"""

import weakref
from collections.abc import Callable
from types import TracebackType

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

_kept: dict[int, tuple[int, Tensor]] | None = None
_LASTING = "_sgbench_lasting"
"""The attribute of a parameter that says that its cast lasts."""


class cast_once:
    """Context in which ``lowered`` keeps what it has cast until the parameter changes.

    An optimiser's step ends what is kept of its parameters (not every optimiser raises their versions); other changes
    in place raise a parameter's version, which is looked at. So no stale weight can be used. Parameters must live as
    long as the context does.
    """

    def __enter__(self) -> None:
        global _kept
        self.is_within, _kept = _kept is not None, {}
        self.hook = register_optimizer_step_post_hook(_forget)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        global _kept
        self.hook.remove()
        _kept = {} if self.is_within else None  # what was kept before may have changed since


def lowered(parameter: Tensor) -> Tensor:
    """A parameter in the precision that autocast computes in; outside autocast the parameter itself."""
    device = parameter.device.type
    if not torch.is_autocast_enabled(device):
        return parameter
    precision = torch.get_autocast_dtype(device)
    lasting = lasting_of(parameter)
    if lasting is not None and device == "cpu" and precision == torch.bfloat16 and not _has_hooks(parameter):
        if lasting.written != (parameter._version, parameter.data_ptr()):
            lasting.write(parameter)
        return lasting.leaf if parameter.requires_grad and torch.is_grad_enabled() else lasting.constant
    if _kept is None:
        return parameter.to(precision)
    version, cast = _kept.get(id(parameter), (None, None))
    if version != parameter._version or parameter.requires_grad > cast.requires_grad:
        with torch.enable_grad():
            cast = parameter.to(precision)
        _kept[id(parameter)] = parameter._version, cast
    return cast if parameter.requires_grad and torch.is_grad_enabled() else cast.detach()


class Lasting:
    """What a parameter is in bfloat16 on a CPU, kept as long as the parameter is, for an optimiser that writes it.

    It is a leaf of autograd; its gradients are handed over to the parameter as they are, in bfloat16. Two backward
    passes before a step are added up in float32. ``torch.autograd.grad`` with respect to the parameter finds nothing.
    A parameter whose gradients go through hooks is cast as any other.

    Attributes:
        leaf: None until the parameter was used in bfloat16.
        constant: the leaf without a gradient.
        written: the parameter's version and address when the leaf was last written.
    """

    leaf: Tensor | None = None
    constant: Tensor | None = None
    written: tuple[int, int] | None = None

    def __reduce__(self) -> tuple:
        """A parameter's copy begins anew: a copy of the leaf would hand its gradients to nobody."""
        return Lasting, ()

    @torch.inference_mode(False)
    @torch.no_grad()
    def write(self, parameter: Tensor) -> None:
        """Give the leaf the parameter's present value."""
        if self.leaf is None or self.leaf.stride() != parameter.stride():
            self.leaf = torch.empty_like(parameter, dtype=torch.bfloat16, requires_grad=True)
            self.leaf.register_post_accumulate_grad_hook(_hand_over_to(parameter))
            self.constant = self.leaf.detach()
            parameter.grad_dtype = None
        self.leaf.copy_(parameter)
        self.written = parameter._version, parameter.data_ptr()


def let_last(parameter: Tensor) -> None:
    """Keep a parameter's cast from now on."""
    parameter.__dict__.setdefault(_LASTING, Lasting())


def lasting_of(parameter: Tensor) -> Lasting | None:
    """What is kept of a parameter, if its cast lasts."""
    return parameter.__dict__.get(_LASTING)


def _has_hooks(parameter: Tensor) -> bool:
    return bool(parameter._backward_hooks or parameter._post_accumulate_grad_hooks)


def _hand_over_to(parameter: Tensor) -> Callable[[Tensor], None]:
    """What takes a leaf's gradient to a parameter; it does not hold the parameter, which holds the leaf."""
    reference = weakref.ref(parameter)

    def hand_over(leaf: Tensor) -> None:
        gradient, leaf.grad, parameter = leaf.grad, None, reference()
        if parameter is not None:  # else nobody can ask for its gradient
            parameter.grad = gradient if parameter.grad is None else parameter.grad.float() + gradient

    return hand_over


def _forget(optimizer: Optimizer, *step: object) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            _kept.pop(id(parameter), None)
