"""Functions that code from elsewhere replaces, and hooks that it hangs on all modules, are put back, and named."""

import builtins
import math
import os
import random
import time
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from sgbench.support import patches
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign
from sgbench.support.patches import functions_put_back

PATCHES = {
    "torch.tanh": (torch, "tanh"),
    "torch.Tensor.add": (torch.Tensor, "add"),
    "torch.nn.Conv2d": (torch.nn, "Conv2d"),
    "torch.nn.Module.eval": (torch.nn.Module, "eval"),
    "torch.nn.functional.relu": (torch.nn.functional, "relu"),
    "torch.linalg.norm": (torch.linalg, "norm"),
    "numpy.mean": (np, "mean"),
    "numpy.linalg.svd": (np.linalg, "svd"),
    "torch.autograd.grad": (torch.autograd, "grad"),
    "torch.nn.Conv2d.reset_parameters": (torch.nn.Conv2d, "reset_parameters"),
    "torch.nn.Conv2d.__init__": (torch.nn.Conv2d, "__init__"),
    "torch.nn.Module.__call__": (torch.nn.Module, "__call__"),
    "torch.nn.init.normal_": (torch.nn.init, "normal_"),
    "torch.optim.Adam": (torch.optim, "Adam"),
    "torch.optim.Adam.step": (torch.optim.Adam, "step"),
    "PIL.Image.Image.resize": (Image.Image, "resize"),
    "builtins.sum": (builtins, "sum"),
    "math.log": (math, "log"),
    "os.replace": (os, "replace"),
    "random.shuffle": (random, "shuffle"),
    "time.monotonic": (time, "monotonic"),
    "warnings.warn": (warnings, "warn"),
}


@pytest.mark.parametrize(("place", "name"), PATCHES.values(), ids=PATCHES)
@pytest.mark.parametrize("how", ["replaced", "deleted", "another function"])
def test_a_function_that_was_replaced_is_put_back_and_named(request, place, name, how):
    real = getattr(place, name)
    label = request.node.callspec.id.removeprefix(f"{how}-")
    with warnings.catch_warnings(record=True, action="always") as told, foreign("mine"):
        if how == "deleted" and name in vars(place):
            delattr(place, name)
        else:
            setattr(place, name, torch.sin if how == "another function" else lambda *given: given)
    assert getattr(place, name) is real
    assert [str(w.message).partition(", so")[0] for w in told] == [f"mine: replaced {label}, which was put back"]


def test_hooks_of_all_modules_and_optimisers_are_put_back_and_named():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    weights = layer.state_dict()
    expected = layer(x)
    with warnings.catch_warnings(record=True, action="always") as told, foreign("mine"):
        register_module_forward_hook(lambda module, given, made: made * 0)
        register_optimizer_step_pre_hook(lambda *_: layer.weight.data.zero_())
    assert torch.equal(layer(x), expected)
    optimizer = torch.optim.SGD(layer.parameters(), 0.0)
    optimizer.step()
    assert torch.equal(layer.weight, weights["weight"])
    assert "replaced the hooks of every torch.nn.Module, the hooks of every torch.optim.Optimizer, " in str(
        told[0].message
    )


def test_functions_are_put_back_where_the_code_fails():
    real = torch.tanh

    def ends():
        torch.tanh = torch.sin
        raise SystemExit(3)

    with pytest.raises(UserError, match=r"calls sys\.exit"), foreign("mine"):
        ends()
    assert torch.tanh is real


def test_only_the_first_of_many_are_named():
    with warnings.catch_warnings(record=True, action="always") as told, foreign("mine"):
        for name in ("tanh", "sin", "cos", "exp", "log", "abs", "sqrt"):
            setattr(torch, name, print)
    assert torch.abs(torch.tensor(-1)) == 1
    assert " and 2 more, which was put back" in str(told[0].message)


def test_what_is_new_or_torchs_own_is_left(recwarn):
    with foreign("mine"):
        import torch._dynamo  # it puts a shell around torch.manual_seed

        torch.of_my_own = 3
    assert torch.of_my_own == 3
    del torch.of_my_own
    assert not [w for w in recwarn if "replaced" in str(w.message)]


@pytest.mark.parametrize("kinds", [["AdamW"], ["AdamW", "Adam"], ["Adam", "AdamW"]])
def test_the_first_optimiser_of_a_kind_keeps_its_hooks(kinds, monkeypatch, recwarn):
    """Torch puts a shell around their steps, in AdamW around the one that it has inherited."""
    for kind in (torch.optim.Adam, torch.optim.AdamW):
        if "step" in vars(kind):
            monkeypatch.setattr(kind, "step", kind.step)  # as it is put back at the end
    if hasattr(torch.optim.Adam.step, "hooked"):
        torch.optim.Adam.step = torch.optim.Adam.step.__wrapped__
    if "step" in vars(torch.optim.AdamW):
        del torch.optim.AdamW.step
    with foreign("mine"):
        made = [getattr(torch.optim, kind)([torch.nn.Parameter(torch.ones(1))]) for kind in kinds]
    called = []
    with register_optimizer_step_post_hook(lambda *_: called.append(1)):
        for optimiser in made:
            optimiser.step()
    assert len(called) == len(kinds)
    assert not [w for w in recwarn if "replaced" in str(w.message)]


def test_where_nothing_was_replaced_it_costs_a_few_copies_of_the_names():
    """A ratio in one run, some tenths of a millisecond: an absolute time would fail where the machine is busy."""

    def copied():
        for place in patches._PLACES.values():
            dict(vars(place))

    def put_back():
        with functions_put_back([]):
            pass

    seconds = {copied: [], put_back: []}
    for _ in range(50):
        for work, times in seconds.items():
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    assert min(seconds[put_back]) < 8 * min(seconds[copied])
