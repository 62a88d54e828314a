"""A convolution and the norm after it as one step, against the two layers."""

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from sgbench.methods import joined, native, tiles
from sgbench.methods.casting import cast_once
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.joined import convolve_and_norm
from sgbench.methods.networks import Layers, ResidualBlock, normed

needs_tiles = pytest.mark.skipif(not tiles._has_tiles(native.extension), reason="this CPU multiplies no tiles")


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(torch.bfloat16)


def layers(cls=SameConv2d, kernel_size=3, stride=1, slope=0.2):
    torch.manual_seed(4)
    convolution, norm = normed(cls(16, 24, kernel_size, stride), slope)
    with torch.no_grad():
        norm.weight.normal_(1, 0.3)
        norm.bias.normal_(0, 0.3)
    return convolution.to(memory_format=torch.channels_last), norm


def with_gradients(run, x, g, parameters):
    x = x.detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), cast_once():
        y = run(x)
    return [t.float() for t in (y.detach(), *torch.autograd.grad(y, [x, *parameters], g))]


@pytest.fixture
def calls(monkeypatch):
    """How often the two layers were one step."""
    seen, apply = [], joined._ConvolvedAndNormed.apply
    monkeypatch.setattr(joined._ConvolvedAndNormed, "apply", lambda *given: seen.append(1) or apply(*given))
    return seen


@needs_tiles
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(
    ("made", "side"),
    [
        (layers(), 8),
        (layers(kernel_size=4, stride=2), 4),
        (layers(kernel_size=5), 8),
        (layers(SameConvTranspose2d, 3, 2), 16),
        (layers(SameConvTranspose2d, 4, 2), 16),
    ],
)
def test_together_they_are_the_two_layers(made, side, layout, calls):
    convolution, norm = made
    parameters = [convolution.weight, norm.weight, norm.bias]
    x = randn(3, 16, 8, 8).contiguous(memory_format=layout)
    g = randn(3, 24, side, side, seed=5).contiguous(memory_format=layout)
    mine = with_gradients(lambda x: convolve_and_norm(convolution, norm, x), x, g, parameters)
    assert len(calls) == 1
    theirs = with_gradients(lambda x: norm(convolution(x)), x, g, parameters)
    assert len(calls) == 1
    for one, other in zip(mine, theirs, strict=True):
        assert (one - other).norm() <= 0.004 * other.norm()


@needs_tiles
@pytest.mark.parametrize("cls", [SameConv2d, SameConvTranspose2d])
def test_only_gradients_that_are_asked_for_are_computed(cls, monkeypatch):
    convolution, norm = layers(cls, 4, 2)
    x = randn(3, 16, 8, 8)
    convolution.requires_grad_(False)
    with monkeypatch.context() as context, torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        context.setattr(tiles, "weight_of", None)
        convolve_and_norm(convolution, norm, x).sum().backward()
    convolution.requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        y = convolve_and_norm(convolution, norm, x)
        monkeypatch.setattr(tiles, "spread_out" if cls is SameConv2d else "convolved", None)
        y.sum().backward()
    assert convolution.weight.grad is not None


@needs_tiles
def test_it_cannot_be_differentiated_twice():
    convolution, norm = layers()
    x = randn(1, 16, 4, 4).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        y = convolve_and_norm(convolution, norm, x)
        (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward()


@pytest.mark.parametrize("low", [False, True])
def test_elsewhere_the_layers_are_called_one_after_the_other(low, calls, monkeypatch):
    monkeypatch.setattr(tiles, "_has_tiles", lambda _: False)
    convolution, norm = layers()
    x = randn(2, 16, 8, 8) if low else randn(2, 16, 8, 8).float()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False, enabled=low):
        assert torch.equal(convolve_and_norm(convolution, norm, x), norm(convolution(x)))
    assert not calls


@needs_tiles
def test_layers_join_what_can_be_joined_and_call_the_rest(calls):
    """A bias that is added, an activation, a norm without a convolution before it, a convolution at the end."""
    torch.manual_seed(0)
    plain, ends = SameConv2d(16, 16, 3), SameConv2d(16, 16, 3, bias=False)
    ends.adds_bias = False
    parts = [*layers()[1:], plain, nn.ReLU(), *normed(SameConv2d(16, 16, 3), 0.0), ends]
    parts[0] = normed(SameConv2d(16, 16, 3))[1]
    x = randn(2, 16, 8, 8)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), torch.no_grad():
        wanted = nn.Sequential(*parts)(x)
        assert not calls
        mine = Layers(*parts)(x)
    assert len(calls) == 1
    torch.testing.assert_close(mine, wanted, rtol=0.02, atol=0.02)
    assert torch.equal(Layers(ends)(x.float()), ends(x.float()))


@needs_tiles
@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"])
@pytest.mark.parametrize("which", [0, 1])
def test_layers_with_hooks_are_called(kind, which, calls):
    both, seen = Layers(*layers()), []
    hook = getattr(both[which], kind)(lambda *given: seen.append(1))
    for count in (1, 0):
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            both(randn(2, 16, 8, 8).requires_grad_()).sum().backward()
        assert (len(seen), len(calls)) == (1, 1 - count)
        hook.remove()


@needs_tiles
def test_hooks_of_all_layers_are_called(calls):
    seen = []
    with register_module_forward_hook(lambda *given: seen.append(1)), torch.autocast("cpu", torch.bfloat16):
        Layers(*layers())(randn(2, 16, 8, 8))
    assert len(seen) == 3
    assert not calls


@needs_tiles
@pytest.mark.parametrize("which", [0, 1])
def test_subclasses_compute_what_they_say(which, calls):
    parts = list(layers())
    own = type(parts[which])
    parts[which].__class__ = type("Doubled", (own,), {"forward": lambda self, x: 2 * own.forward(self, x)})
    x = randn(2, 16, 8, 8)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), torch.no_grad():
        assert torch.equal(Layers(*parts)(x), parts[1](parts[0](x)))
    assert not calls


def test_a_block_is_the_same_without_tiles(monkeypatch):
    torch.manual_seed(0)
    block = ResidualBlock(32, bias=False).to(memory_format=torch.channels_last)
    x, results = randn(2, 32, 8, 8), []
    for known in (True, False):
        if not known:
            monkeypatch.setattr(tiles, "_has_tiles", lambda _: False)
        for p in block.parameters():
            p.grad = None
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), cast_once():
            y = block(x)
            (y.float() * x.float()).sum().backward()
        results.append([y.detach().float(), *(p.grad for p in block.parameters())])
    for one, other in zip(*results, strict=True):
        assert (one - other).norm() <= 0.01 * other.norm() + 1e-3


def test_parameters_keep_their_names():
    names = [name for name, _ in ResidualBlock(32, bias=False).named_parameters()]
    assert names == [f"body.{k}" for k in ("0.0.weight", "0.1.weight", "0.1.bias", "1.weight", "2.weight", "2.bias")]
