"""Weights cast once: never a stale one, never one without the gradient that is needed."""

import pytest
import torch
from torch.nn import Parameter

from sgbench.methods import casting
from sgbench.methods.casting import cast_once, lowered
from sgbench.methods.contract import update

OPTIMISERS = {
    "fused": lambda parameters: torch.optim.Adam(parameters, lr=0.5, fused=True),
    "together": lambda parameters: torch.optim.Adam(parameters, lr=0.5, foreach=True),
    "one by one": lambda parameters: torch.optim.Adam(parameters, lr=0.5, foreach=False),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.5),
}


@pytest.fixture
def weight():
    return Parameter(torch.tensor([1.0, -2.0, 1.001]))


@pytest.fixture
def autocast():
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        yield


def test_outside_autocast_it_is_the_parameter_itself(weight):
    with cast_once():
        assert lowered(weight) is weight
    assert lowered(weight) is weight


@pytest.mark.usefixtures("autocast")
def test_a_weight_is_cast_once_and_given_twice(weight):
    with cast_once():
        cast = lowered(weight)
        assert cast.dtype == torch.bfloat16
        assert torch.equal(cast, weight.to(torch.bfloat16))
        assert lowered(weight) is cast


@pytest.mark.usefixtures("autocast")
def test_weights_of_equal_values_are_not_confused(weight):
    other = Parameter(weight.detach().clone())
    with cast_once():
        assert lowered(weight) is not lowered(other)
        (gradient,) = torch.autograd.grad(lowered(other).float().sum(), other)
        assert (gradient == 1).all()


@pytest.mark.usefixtures("autocast")
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_weight_that_an_optimiser_has_changed_is_cast_anew(weight, optimiser):
    """A fused optimiser does not tell autograd that it has changed a parameter."""
    other = Parameter(torch.ones(2))
    steps = OPTIMISERS[optimiser]([weight])
    with cast_once():
        kept = lowered(other)
        for _ in range(3):
            before = lowered(weight)
            with torch.no_grad():
                untracked = lowered(weight)
            update(steps, {"loss": (lowered(weight).float() * torch.tensor([1.0, 2, 3])).sum()})
            with torch.no_grad():
                assert torch.equal(lowered(weight), weight.to(torch.bfloat16))
                assert not torch.equal(lowered(weight), untracked)
            after = lowered(weight)
            assert torch.equal(after, weight.to(torch.bfloat16))
            assert not torch.equal(after, before)
            assert lowered(weight) is after
            assert lowered(other) is kept


@pytest.mark.usefixtures("autocast")
def test_a_weight_changed_in_place_is_cast_anew(weight):
    with cast_once():
        before = lowered(weight)
        with torch.no_grad():
            weight.mul_(2)
        assert torch.equal(lowered(weight), 2 * before)


@pytest.mark.usefixtures("autocast")
def test_a_cast_without_gradient_is_not_used_where_one_is_needed(weight):
    with cast_once():
        with torch.no_grad():
            untracked = lowered(weight)
        assert not untracked.requires_grad
        tracked = lowered(weight)
        assert tracked.requires_grad
        with torch.no_grad():
            assert lowered(weight).data_ptr() == untracked.data_ptr() == tracked.data_ptr()
        weight.requires_grad_(False)
        assert not lowered(weight).requires_grad
        weight.requires_grad_()
        assert lowered(weight) is tracked


@pytest.mark.usefixtures("autocast")
def test_gradients_of_all_uses_reach_the_parameter(weight):
    factors = torch.tensor([1.0, 2, 4])
    with cast_once():
        loss = (lowered(weight) * factors).sum() + (lowered(weight) * 2 * factors).sum()
        loss.backward()
        assert weight.grad.dtype == torch.float32
        assert torch.equal(weight.grad, 3 * factors)
        (lowered(weight) * factors).sum().backward()  # a cast that is kept can be used after a backward pass
        assert torch.equal(weight.grad, 4 * factors)


@pytest.mark.usefixtures("autocast")
def test_outside_the_context_nothing_is_kept(weight):
    assert lowered(weight) is not lowered(weight)
    with cast_once():
        inside = lowered(weight)
    assert lowered(weight) is not inside
    assert lowered(weight) is not lowered(weight)
    with cast_once():
        assert lowered(weight) is not inside


@pytest.mark.usefixtures("autocast")
def test_after_an_error_nothing_is_kept(weight):
    with pytest.raises(KeyError), cast_once():
        raise KeyError
    assert lowered(weight) is not lowered(weight)


@pytest.mark.usefixtures("autocast")
def test_contexts_nest(weight):
    with cast_once():
        outer = lowered(weight)
        with cast_once():
            assert lowered(weight) is not outer
            assert lowered(weight) is lowered(weight)
            update(OPTIMISERS["fused"]([weight]), {"loss": lowered(weight).float().sum()})
        assert torch.equal(lowered(weight), weight.to(torch.bfloat16))
        assert lowered(weight) is lowered(weight)
    assert lowered(weight) is not lowered(weight)


def test_optimisers_are_left_alone_outside_the_context(weight, monkeypatch):
    seen, steps = [], OPTIMISERS["fused"]([weight])
    monkeypatch.setattr(casting, "_forget", lambda optimiser, *_: seen.append(optimiser))
    with cast_once():
        update(steps, {"loss": weight.sum()})
    assert seen == [steps]
    update(steps, {"loss": weight.sum()})
    assert len(seen) == 1
