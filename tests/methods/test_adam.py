"""Adam by the C extension against torch's: updates, states, the casts that it writes."""

import copy
import pickle

import pytest
import torch
from torch import nn

from baselines.attgan import AttGAN
from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from baselines.stgan import STGAN
from sgbench.data.labels import Attribute, Batch
from sgbench.methods import casting, native
from sgbench.methods.adam import Adam
from sgbench.methods.casting import cast_once, lowered
from sgbench.methods.contract import update
from sgbench.methods.sggan import SGGAN

SHAPES = ((1,), (5,), (16,), (33,), (6, 3, 4, 4), (3, 8, 3, 3))
needs_extension = pytest.mark.skipif(native.extension is None, reason="built without the C extension")


def parameters(layout=torch.channels_last):
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randn(shape, generator=generator) for shape in SHAPES]
    return [nn.Parameter(x.to(memory_format=layout) if x.dim() == 4 else x) for x in drawn]


def adam(own, cls=Adam, **options):
    return cls([{"params": own[:2]}, {"params": own[2:], "lr": 0.03}], lr=0.01, betas=(0.5, 0.99), **options)


def torchs(own):
    return adam(own, torch.optim.Adam, fused=True)


def advance(optimiser, steps, seed, precision=torch.float32):
    """Steps with random gradients of very different sizes, in a precision that both have."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for group in optimiser.param_groups:
            for k, p in enumerate(group["params"]):
                drawn = (torch.randn(p.shape, generator=generator) * 10.0 ** (2 - 2 * k)).to(torch.bfloat16)
                p.grad_dtype = None
                p.grad = torch.empty_like(p, dtype=precision).copy_(drawn)
        optimiser.step()


def assert_same(mine, theirs):
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6 * float(other.detach().abs().max()))


@pytest.fixture
def calls(monkeypatch):
    """How often the C extension was asked for a step."""
    seen, extension = [], native.extension

    class Counted:
        def __getattr__(self, name):
            return getattr(extension, name)

        def adam(self, numbers, *arguments):
            seen.append(len(numbers) // 8)
            extension.adam(numbers, *arguments)

    monkeypatch.setattr(native, "extension", Counted())
    return seen


@needs_extension
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_fifty_updates_are_those_of_torch(calls, precision, layout):
    mine, theirs = parameters(layout), parameters(layout)
    ours, plain = adam(mine), torchs(theirs)
    advance(ours, 50, seed=1, precision=precision)
    advance(plain, 50, seed=1)
    assert calls == [2, 4] * 50
    assert_same(mine, theirs)
    for p, q in zip(mine, theirs, strict=True):
        assert ours.state[p].keys() == plain.state[q].keys()
        assert_same(ours.state[p].values(), plain.state[q].values())


@needs_extension
def test_states_are_exchanged_with_torchs_both_ways(calls):
    mine, theirs = parameters(), parameters()
    ours, plain = adam(mine), torchs(theirs)
    advance(ours, 3, seed=1)
    advance(plain, 3, seed=1)
    kept = [copy.deepcopy(o.state_dict()) for o in (ours, plain)]
    assert kept[0]["param_groups"] == kept[1]["param_groups"]
    ours.load_state_dict(kept[1])
    plain.load_state_dict(kept[0])
    calls.clear()
    advance(ours, 2, seed=2)
    advance(plain, 2, seed=2)
    assert calls == [2, 4] * 2
    assert_same(mine, theirs)
    assert all(state["step"] == 5 for state in ours.state.values())


@needs_extension
def test_a_parameter_without_a_gradient_is_left_alone(calls):
    own = parameters()
    optimiser = adam(own)
    before = own[3].detach().clone()
    for _ in range(2):
        for p in own:
            p.grad = None if p is own[3] else torch.ones_like(p)
        optimiser.step()
    assert calls == [2, 3] * 2
    assert torch.equal(own[3], before)
    assert own[3] not in optimiser.state


@needs_extension
def test_a_state_is_begun_as_torch_begins_it():
    mine, theirs = parameters(), parameters()
    ours, plain = adam(mine), torchs(theirs)
    advance(ours, 1, seed=1)
    advance(plain, 1, seed=1)
    for p, q in zip(mine, theirs, strict=True):
        for (name, one), (other_name, other) in zip(ours.state[p].items(), plain.state[q].items(), strict=True):
            assert name == other_name
            assert (one.dtype, one.shape, one.stride()) == (other.dtype, other.shape, other.stride())


def test_without_the_extension_it_is_torchs(monkeypatch):
    monkeypatch.setattr(native, "extension", None)
    mine, theirs = parameters(), parameters()
    advance(adam(mine), 3, seed=1)
    advance(torchs(theirs), 3, seed=1)
    assert all(torch.equal(p, q) for p, q in zip(mine, theirs, strict=True))
    assert casting.lasting_of(mine[0]) is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_are_left_to_torch(calls, dtype):
    own = [nn.Parameter(torch.ones(4, dtype=dtype))]
    optimiser = Adam(own, lr=0.5, betas=(0.5, 0.9))
    for _ in range(2):
        update(optimiser, {"loss": own[0].sum()})
    assert not calls
    torch.testing.assert_close(own[0].detach(), torch.zeros(4, dtype=dtype), rtol=0, atol=1e-3)


def test_gradients_are_dropped_or_filled_with_zeros():
    (p,) = own = [nn.Parameter(torch.ones(4))]
    optimiser = Adam(own, lr=0.5, betas=(0.5, 0.9))
    for keep in (True, False):
        p.grad = torch.ones(4)
        optimiser.zero_grad(set_to_none=not keep)
        assert (p.grad == 0).all() if keep else p.grad is None


def test_a_closure_is_called():
    own = [nn.Parameter(torch.ones(4))]
    optimiser = Adam(own, lr=0.5, betas=(0.5, 0.9))

    def closure():
        with torch.enable_grad():
            loss = own[0].sum()
            loss.backward()
        return loss

    assert optimiser.step(closure) == 4
    assert (own[0] != 1).all()


@needs_extension
@pytest.mark.parametrize("option", [{"weight_decay": 0.5}, {"maximize": True}, {"amsgrad": True}])
def test_options_that_are_set_later_count(calls, option):
    mine, theirs = parameters(), parameters()
    ours, plain = adam(mine), torchs(theirs)
    for optimiser in (ours, plain):
        optimiser.param_groups[1].update(option)
        advance(optimiser, 3, seed=1)
    assert not calls
    assert all(torch.equal(p, q) for p, q in zip(mine, theirs, strict=True))


def test_gradients_that_were_scaled_are_scaled_back_and_none_is_infinite(trained):
    p, optimiser = trained
    before = p.detach().clone()
    optimiser.grad_scale, optimiser.found_inf = torch.tensor(1024.0), torch.tensor(1.0)
    p.grad = torch.full((3,), torch.inf)
    optimiser.step()
    assert torch.equal(p, before)


@needs_extension
def test_a_state_that_was_dropped_is_begun_again(calls):
    own = parameters()
    optimiser = adam(own)
    advance(optimiser, 2, seed=1)
    optimiser.state.clear()
    advance(optimiser, 1, seed=1)
    assert calls == [2, 4] * 3
    assert all(state["step"] == 1 for state in optimiser.state.values())


@pytest.fixture
def autocast():
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), cast_once():
        yield


def used(p, factor=1.0):
    """A loss that uses a parameter in bfloat16."""
    return {"loss": factor * (lowered(p).float() * torch.arange(1.0, 1 + p.numel())).sum()}


@pytest.fixture
def trained():
    """A parameter and its optimiser after the first step."""
    p = nn.Parameter(torch.tensor([1.0, -2.0, 1.001]))
    optimiser = Adam([p], lr=0.5, betas=(0.5, 0.9))
    update(optimiser, {"loss": p.sum()})
    optimiser.zero_grad()
    return p, optimiser


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_a_step_writes_what_is_used_next(trained):
    p, optimiser = trained
    leaf = lowered(p)
    for _ in range(4):
        update(optimiser, used(p))
        assert p.grad.dtype == torch.bfloat16
        assert lowered(p) is leaf
        assert torch.equal(leaf, p.to(torch.bfloat16))
        with torch.no_grad():
            assert torch.equal(lowered(p), leaf)
            assert not lowered(p).requires_grad


@needs_extension
@pytest.mark.usefixtures("autocast")
@pytest.mark.parametrize("change", ["in place", "loaded", "elsewhere", "by torch"])
def test_a_parameter_changed_otherwise_is_cast_anew(trained, change, monkeypatch):
    p, optimiser = trained
    for _ in range(2):
        update(optimiser, used(p))
    if change == "in place":
        with torch.no_grad():
            p.mul_(3)
    elif change == "loaded":
        nn.ParameterList([p]).load_state_dict({"0": torch.tensor([4.0, 5.0, 6.0])})
    elif change == "elsewhere":
        p.data = torch.tensor([4.0, 5.0, 6.0])
    else:
        monkeypatch.setattr(native, "extension", None)
        update(optimiser, used(p))
    assert torch.equal(lowered(p), p.to(torch.bfloat16))
    update(optimiser, used(p))
    assert torch.equal(lowered(p), p.to(torch.bfloat16))


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_gradients_of_two_passes_are_added_in_float32(trained):
    p, _ = trained
    sum(used(p).values()).backward()
    sum(used(p, 2**-12).values()).backward()
    assert torch.equal(p.grad, (1 + 2**-12) * torch.arange(1.0, 4))


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_a_graph_from_before_a_step_is_refused_after_it_as_in_float32(trained):
    p, optimiser = trained
    for _ in range(2):
        update(optimiser, used(p))
    loss = (lowered(p) * lowered(p)).sum()
    update(optimiser, used(p))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@needs_extension
@pytest.mark.usefixtures("autocast")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))])
def test_copies_are_trained_as_the_first_is(trained, copied):
    update(trained[1], used(trained[0]))
    mine, theirs = trained, copied(trained)
    for p, optimiser in (mine, theirs):
        for _ in range(3):
            update(optimiser, used(p))
        assert torch.equal(lowered(p), p.to(torch.bfloat16))
    torch.testing.assert_close(mine[0], theirs[0])


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_hooks_of_a_parameter_are_called(trained):
    p, optimiser = trained
    update(optimiser, used(p))
    called = []
    hooks = p.register_hook(lambda g: -g), p.register_post_accumulate_grad_hook(called.append)
    optimiser.zero_grad()
    sum(used(p).values()).backward()
    assert torch.equal(p.grad, -torch.arange(1.0, 4))
    assert len(called) == 1
    for hook in hooks:
        hook.remove()
    optimiser.zero_grad()
    sum(used(p).values()).backward()
    assert torch.equal(p.grad, torch.arange(1.0, 4).to(torch.bfloat16))


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_a_first_use_without_any_record_is_no_hindrance(trained):
    p, optimiser = trained
    with torch.inference_mode():
        lowered(p)
    update(optimiser, {"loss": lowered(p).square().sum()})
    assert torch.equal(lowered(p), p.to(torch.bfloat16))


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_a_graph_outlives_its_parameter():
    p, q = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimiser = Adam([p], lr=0.5, betas=(0.5, 0.9))
    loss = (lowered(p) * q).sum()
    del p, optimiser
    loss.backward()
    assert torch.equal(q.grad, torch.ones(3))


@needs_extension
@pytest.mark.usefixtures("autocast")
def test_a_parameter_whose_layout_changes_gets_a_new_cast():
    p = parameters(torch.contiguous_format)[4]
    optimiser = Adam([p], lr=0.5, betas=(0.5, 0.9))
    layer = nn.ParameterList([p])
    leaf = lowered(p)
    layer.to(memory_format=torch.channels_last)
    assert lowered(p).stride() == p.stride() != leaf.stride()
    for _ in range(3):
        update(optimiser, {"loss": lowered(p).float().square().sum()})
        assert torch.equal(lowered(p), p.to(torch.bfloat16))


def method_of(cls, lasting):
    """A small method and its batches."""
    attributes = (Attribute("gender", ("female", "male")),)
    torch.manual_seed(0)
    settings = {"base_width": 4, "batch_size": 2, "learning_rate": 1e-3, "n_critic": 2}
    known = {key: value for key, value in settings.items() if key in cls.Settings.model_fields}
    method = cls(attributes, 32, cls.Settings(**known), torch.tensor([[0], [1]], dtype=torch.int8))
    if not lasting:
        for p in method.parameters():
            del p.__dict__[casting._LASTING]
    labels = torch.tensor([[0], [1]], dtype=torch.int8)
    batches = [Batch(torch.rand(2, 3, 32, 32) * 2 - 1, labels) for _ in range(method.batches_per_iteration)]
    return method.to(memory_format=torch.channels_last), batches


@needs_extension
@pytest.mark.parametrize("cls", [SGGAN, StarGAN, ResidualGAN, SemiStarGAN, AttGAN, STGAN])
def test_iterations_with_casts_that_last_are_those_without(cls, calls):
    """Casts and gradients are the same; updates are so up to rounding."""
    losses, weights = [], []
    for lasting in (False, True):
        method, batches = method_of(cls, lasting)
        for iteration in range(3):
            torch.manual_seed(iteration)
            with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), cast_once():
                losses.append(method.step(batches, iteration))
        weights.append([p.detach().clone() for p in method.parameters()])
        assert bool(calls) == lasting
    for iteration in range(3):
        for one, other in zip(losses[iteration].values(), losses[iteration + 3].values(), strict=True):
            torch.testing.assert_close(one, other, rtol=0.1, atol=0.02)
    for one, other in zip(*weights, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=5e-3)
