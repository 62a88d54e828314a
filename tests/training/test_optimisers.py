"""Optimisers of the loop: rates in place, states that every device and way of stepping can go on from."""

import io

import pytest
import torch
from torch import nn

from sgbench.methods.adam import Adam
from sgbench.training.optimisers import load_state, make_capturable, rates_of, set_rates, state_to_keep


def parameters():
    generator = torch.Generator().manual_seed(3)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 3), (5,))]


def adam(own, capturable=False):
    """Adam with two groups, as methods have it."""
    groups = [{"params": own[:1]}, {"params": own[1:], "lr": 0.03}]
    optimizer = Adam(groups, lr=0.01, betas=(0.5, 0.9))
    assert not capturable or make_capturable(optimizer)
    return optimizer


def advance(optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()


def through_a_file(state):
    """As a checkpoint is written and read."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def assert_same(state, other):
    assert state.keys() == other.keys()
    for key, value in state.items():
        if isinstance(value, dict):
            assert_same(value, other[key])
        elif isinstance(value, torch.Tensor):
            assert torch.equal(value, other[key])
            assert value.dtype == other[key].dtype
        else:
            assert value == other[key]
            assert type(value) is type(other[key])


def test_capturable_groups_have_tensors_as_rates():
    optimizer = adam(parameters())
    advance(optimizer, 2, seed=1)
    assert make_capturable(optimizer)
    assert all(isinstance(group["lr"], torch.Tensor) and group["capturable"] for group in optimizer.param_groups)
    assert rates_of(optimizer) == pytest.approx([0.01, 0.03])
    assert all(state["step"] == 2 for state in optimizer.state.values())


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adagrad])
def test_an_optimiser_without_the_option_is_left_alone(make):
    optimizer = make(parameters(), lr=0.1)
    assert not make_capturable(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1]
    assert all("capturable" not in group for group in optimizer.param_groups)


def test_rates_that_are_tensors_are_set_in_place():
    optimizer = adam(parameters(), capturable=True)
    held = [group["lr"] for group in optimizer.param_groups]
    set_rates(optimizer, [0.5, 0.25])
    assert [group["lr"] is rate for group, rate in zip(optimizer.param_groups, held, strict=True)] == [True, True]
    assert rates_of(optimizer) == [0.5, 0.25]


def test_rates_that_are_numbers_are_replaced():
    optimizer = adam(parameters())
    set_rates(optimizer, [0.5, 0.25])
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert all(type(group["lr"]) is float for group in optimizer.param_groups)


@pytest.mark.parametrize("capturable", [False, True])
def test_a_rate_for_each_group_is_needed(capturable):
    with pytest.raises(ValueError, match="shorter"):
        set_rates(adam(parameters(), capturable), [0.5])


def test_steps_by_tensors_are_those_by_numbers():
    plain, replayable = parameters(), parameters()
    for own, capturable in ((plain, False), (replayable, True)):
        optimizer = adam(own, capturable)
        advance(optimizer, 2, seed=1)
        set_rates(optimizer, [0.25, 0.125])
        advance(optimizer, 2, seed=2)
    for one, other in zip(plain, replayable, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_what_is_kept_is_the_same_whether_steps_are_replayed_or_not():
    kept = []
    for capturable in (False, True):
        optimizer = adam(parameters(), capturable)
        set_rates(optimizer, [0.25, 0.125])  # numbers that float32 has, too
        advance(optimizer, 3, seed=1)
        kept.append(state_to_keep(optimizer))
    assert [group["lr"] for group in kept[1]["param_groups"]] == [0.25, 0.125]
    assert all(type(group["lr"]) is float for group in kept[1]["param_groups"])
    assert not any(group["capturable"] for group in kept[1]["param_groups"])
    assert kept[0].keys() == kept[1].keys()
    assert kept[0]["param_groups"] == kept[1]["param_groups"]
    assert [set(s) for s in kept[0]["state"].values()] == [set(s) for s in kept[1]["state"].values()]


def test_keeping_changes_nothing_of_the_optimiser():
    optimizer = adam(parameters(), capturable=True)
    advance(optimizer, 1, seed=1)
    held = [group["lr"] for group in optimizer.param_groups]
    state_to_keep(optimizer)
    assert all(group["capturable"] for group in optimizer.param_groups)
    assert all(group["lr"] is rate for group, rate in zip(optimizer.param_groups, held, strict=True))


@pytest.mark.parametrize("capturable", [False, True])
def test_a_kept_state_goes_through_a_file_of_weights_only(capturable):
    optimizer = adam(parameters(), capturable)
    advance(optimizer, 2, seed=1)
    kept = state_to_keep(optimizer)
    assert_same(kept, through_a_file(kept))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_a_training_goes_on_from_either_kind_as_either_kind(before, after):
    """2 steps, a file, 2 more, in all four ways: what 4 steps without a break give."""
    whole = parameters()
    optimizer = adam(whole)
    set_rates(optimizer, [0.25, 0.125])
    advance(optimizer, 2, seed=1)
    advance(optimizer, 2, seed=2)

    own = parameters()
    first = adam(own, before)
    set_rates(first, [0.25, 0.125])
    advance(first, 2, seed=1)
    second = adam(own)
    load_state(second, through_a_file(state_to_keep(first)))
    assert rates_of(second) == [0.01, 0.03]  # options are those of the optimiser that goes on
    assert not after or make_capturable(second)
    set_rates(second, [0.25, 0.125])
    advance(second, 2, seed=2)
    for one, other in zip(whole, own, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert_same(state_to_keep(second)["state"][0], state_to_keep(optimizer)["state"][0])


def test_a_state_loads_into_an_optimiser_that_is_capturable_already():
    first = adam(parameters(), capturable=True)
    advance(first, 3, seed=1)
    second = adam(parameters(), capturable=True)
    set_rates(second, [0.5, 0.25])
    load_state(second, through_a_file(state_to_keep(first)))
    assert all(group["capturable"] and isinstance(group["lr"], torch.Tensor) for group in second.param_groups)
    assert rates_of(second) == [0.5, 0.25]
    assert_same(state_to_keep(second)["state"], state_to_keep(first)["state"])
