"""Optimisers as the loop uses them: their rates, what a checkpoint keeps of them, and what a replay needs."""

from typing import Any

import torch
from torch.optim import Optimizer


def make_capturable(optimizer: Optimizer) -> bool:
    """Let an optimiser's steps be replayed: steps are counted on the device, and rates are tensors there.

    Returns:
        Whether it is one whose steps can be.
    """
    if any("capturable" not in group for group in optimizer.param_groups):
        return False
    for group in optimizer.param_groups:
        group["capturable"] = True
        group["lr"] = torch.tensor(float(group["lr"]), device=group["params"][0].device)
    for state in optimizer.state.values():
        if "step" in state:
            state["step"] = state["step"].to(next(iter(optimizer.param_groups))["params"][0].device)
    return True


def rates_of(optimizer: Optimizer) -> list[float]:
    """The rate of each group of parameters."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_rates(optimizer: Optimizer, rates: list[float]) -> None:
    """Set the rate of each group of parameters, in place where it is a tensor."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def state_to_keep(optimizer: Optimizer) -> dict[str, Any]:
    """What a checkpoint keeps: the same on every device, whether steps are replayed or not."""
    state = optimizer.state_dict()
    groups = [group | {"lr": float(group["lr"])} for group in state["param_groups"]]
    for group in groups:
        if "capturable" in group:
            group["capturable"] = False
    return {"state": state["state"], "param_groups": groups}


def load_state(optimizer: Optimizer, kept: dict[str, Any]) -> None:
    """Go on from a checkpoint; options stay those of this optimiser."""
    optimizer.load_state_dict({"state": kept["state"], "param_groups": optimizer.state_dict()["param_groups"]})
