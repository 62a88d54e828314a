"""Adam as the methods use it: on a CPU the C extension updates all parameters in one call.

torch's fused Adam calls an operator with lists of tensors, casts gradients before and weights after it, and takes the
square roots of a few numbers at a time; here each parameter is read and written once.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from sgbench.methods import native
from sgbench.methods.casting import lasting_of, let_last

_GRADIENTS = (torch.float32, torch.bfloat16)
_OPTIONS = ("weight_decay", "amsgrad", "maximize")
"""Of torch's Adam, which code or a state can set later: torch does these steps."""
_SCALES = ("grad_scale", "found_inf")
"""What torch's scaler of gradients tells an optimiser while it calls a step."""


class _Own:
    """What the C extension wants of a parameter: numbers, as long as they hold.

    Attributes:
        tensors: the moments and the number of steps; an optimiser that goes on from a checkpoint has others.
    """

    __slots__ = ("address", "lasting", "leaf", "parameter", "rest", "stride", "tensors")

    def __init__(self, parameter: Tensor, state: dict[str, Tensor]):
        self.parameter, self.lasting, self.stride = parameter, lasting_of(parameter), parameter.stride()
        self.address, self.leaf = parameter.data_ptr(), self.lasting.leaf
        self.tensors = state["exp_avg"], state["exp_avg_sq"], state["step"]
        low = 0 if self.leaf is None else self.leaf.data_ptr()
        self.rest = *(x.data_ptr() for x in self.tensors), low, parameter.numel()

    def holds(self, state: dict[str, Tensor]) -> bool:
        """Whether nothing was put elsewhere."""
        first, second, step = self.tensors
        return (
            self.address == self.parameter.data_ptr()
            and self.leaf is self.lasting.leaf
            and state.get("exp_avg") is first
            and state.get("exp_avg_sq") is second
            and state.get("step") is step
        )


class Adam(torch.optim.Adam):
    """torch's fused Adam: the same updates up to rounding, the same state.

    Where the C extension does the step, it also writes what networks use of the parameters in bfloat16, and takes
    gradients as they come from there. Code that changes parameters otherwise does so under ``torch.no_grad()``, not
    through ``.data``, which nothing tells of.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, betas: tuple[float, float]):
        super().__init__(parameters, lr=lr, betas=betas, fused=True)
        self._known: dict[Tensor, _Own] = {}
        if native.extension is not None:
            for group in self.param_groups:
                for p in group["params"]:
                    let_last(p)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._known = {}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's, without looking at what is the same for every optimiser."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update."""
        native_alone = closure is None and native.extension is not None and self._is_plain()
        lists = [self._numbers(group["params"]) for group in self.param_groups] if native_alone else [None]
        if None in lists:
            return self._step_by_torch(closure)
        for group, (own, numbers) in zip(self.param_groups, lists, strict=True):
            native.extension.adam(numbers, float(group["lr"]), *group["betas"], group["eps"])
            increment_version([x for o in own for x in (o.parameter, o.leaf) if x is not None])
            for o in own:
                if o.leaf is not None:
                    o.lasting.written = o.parameter._version, o.address
        return None

    def _is_plain(self) -> bool:
        """Whether nothing was set that the C extension does not do."""
        scaled = any(getattr(self, name, None) is not None for name in _SCALES)
        return not scaled and not any(group[name] for group in self.param_groups for name in _OPTIONS)

    def _step_by_torch(self, closure: Callable[[], Any] | None) -> Any:
        """Of gradients in the parameters' precision. A fused step does not say what it changes; casts must be told."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        for p in parameters:
            if p.grad is not None and p.grad.dtype != p.dtype:
                p.grad = p.grad.to(p.dtype)
        result = super().step(closure)
        increment_version([p for p in parameters if lasting_of(p) is not None and lasting_of(p).leaf is not None])
        return result

    def _numbers(self, parameters: list[Tensor]) -> tuple[list[_Own], list[int]] | None:
        """What the C extension wants of the parameters that have gradients; None if it cannot update all of them."""
        given, numbers = [], []
        for p in parameters:
            g = p.grad
            if g is None:
                continue
            own, state = self._known.get(p), self.state[p]
            if own is None or not own.holds(state):
                if not _is_known(p):
                    return None
                if not state:
                    state |= _beginning(p)
                if not _alike(p, state):
                    return None
                own = self._known[p] = _Own(p, state)
            if g.stride() != own.stride or g.dtype not in _GRADIENTS:
                return None
            given.append(own)
            numbers += own.address, g.data_ptr(), *own.rest, g.dtype == torch.bfloat16
        return given, numbers


def _is_known(p: Tensor) -> bool:
    """Whether a parameter is one that the C extension can update: in float32 on a CPU, without gaps in memory."""
    dense = p.is_contiguous() or p.is_contiguous(memory_format=torch.channels_last)
    return dense and lasting_of(p) is not None and p.device.type == "cpu" and p.dtype == torch.float32


def _beginning(p: Tensor) -> dict[str, Tensor]:
    """A parameter's state before its first step, as torch's fused Adam makes it."""
    return {"step": torch.zeros(()), "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}


def _alike(p: Tensor, state: dict[str, Tensor]) -> bool:
    """Whether a parameter, its moments and its cast lie alike in memory."""
    leaf = lasting_of(p).leaf
    others = [state["exp_avg"], state["exp_avg_sq"], *([] if leaf is None else [leaf])]
    return all(x.stride() == p.stride() and x.device == p.device for x in others)
