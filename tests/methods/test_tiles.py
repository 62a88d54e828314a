"""3x3 convolutions by tiles against the library's, and with the norm after them against the two layers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgbench.methods import native, tiles
from sgbench.methods.casting import cast_once
from sgbench.methods.convolutions import SameConv2d
from sgbench.methods.networks import ResidualBlock, normed
from sgbench.methods.tiles import convolve_and_norm, convolved, weight_of

needs_tiles = pytest.mark.skipif(not tiles._has_tiles(native.extension), reason="this CPU multiplies no tiles")
SHAPES = [(1, 32, 32, 4, 4), (2, 64, 32, 3, 6), (3, 32, 96, 8, 8), (2, 64, 64, 1, 2), (1, 32, 64, 5, 12)]
"""Images, channels in and out, height, width; an odd and an even number of tiles of places."""
ROUNDING = 2**-8
"""Of bfloat16, which keeps 8 digits."""


def randn(*shape, seed=0):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def maps(n, channels, out, height, width):
    return randn(n, channels, height, width), randn(out, channels, 3, 3, seed=1), randn(n, out, height, width, seed=2)


def assert_rounded(mine, exact):
    """Sums of float32 in another order, then rounded."""
    torch.testing.assert_close(mine.float(), exact, rtol=ROUNDING, atol=1e-5 * float(exact.abs().max()))


@needs_tiles
@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_what_torch_computes_in_float32(shape):
    x, weight, g = maps(*shape)
    wide = x.float().requires_grad_(), weight.float().requires_grad_()
    y = F.conv2d(*wide, padding=1)
    of_x, of_weight = torch.autograd.grad(y, wide, g.float())
    for _ in range(2):  # memory that is used again holds other numbers
        assert_rounded(convolved(x, weight), y.detach())
        assert_rounded(convolved(g, weight, adjoint=True), of_x)
        assert_rounded(weight_of(g, x), of_weight)


@needs_tiles
def test_products_of_the_library_in_between_are_right():
    """Both set the shapes of tiles."""
    x, weight, _ = maps(*SHAPES[0])
    a, b = randn(40, 96, 1, 1).flatten(1), randn(96, 56, 1, 1, seed=1).flatten(1)
    product, y = a @ b, convolved(x, weight)
    for _ in range(3):
        assert torch.equal(a @ b, product)
        assert torch.equal(convolved(x, weight), y)


@needs_tiles
def test_threads_do_not_share_memory():
    given = [maps(*shape) for shape in SHAPES] * 8
    alone = [(convolved(x, w), weight_of(g, x)) for x, w, g in given]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda m: (convolved(m[0], m[1]), weight_of(m[2], m[0])), given))
    assert all(
        torch.equal(a, b) for one, other in zip(alone, together, strict=True) for a, b in zip(one, other, strict=True)
    )


@needs_tiles
@pytest.mark.parametrize("shape", [(1, 16, 32, 4, 4), (1, 32, 16, 4, 4), (1, 32, 32, 4, 3)])
def test_other_shapes_are_refused(shape):
    x, weight, g = maps(*shape)
    with pytest.raises(ValueError, match="multiples of 32"):
        convolved(x, weight)
    with pytest.raises(ValueError, match="multiples of 32"):
        weight_of(g, x)


def layers(kernel_size=3, stride=1, channels=(32, 64), slope=0.2):
    torch.manual_seed(4)
    convolution, norm = normed(SameConv2d(*channels, kernel_size, stride), slope)
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
    """The convolutions by tiles."""
    seen = []

    def counted(*arguments, **named):
        seen.append(arguments[0].shape)
        return convolved(*arguments, **named)

    monkeypatch.setattr(tiles, "convolved", counted)
    return seen


@needs_tiles
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_together_they_are_the_two_layers(calls, layout):
    convolution, norm = layers()
    parameters = [convolution.weight, norm.weight, norm.bias]
    x, g = (
        randn(3, 32, 8, 8).contiguous(memory_format=layout),
        randn(3, 64, 8, 8, seed=5).contiguous(memory_format=layout),
    )
    mine = with_gradients(lambda x: convolve_and_norm(convolution, norm, x), x, g, parameters)
    assert len(calls) == 2
    theirs = with_gradients(lambda x: norm(convolution(x)), x, g, parameters)
    assert len(calls) == 2
    for one, other in zip(mine, theirs, strict=True):
        assert (one - other).abs().max() <= 0.02 * other.abs().max()
        assert (one - other).norm() <= 0.004 * other.norm()


@needs_tiles
def test_only_gradients_that_are_asked_for_are_computed(calls, monkeypatch):
    convolution, norm = layers()
    convolution.requires_grad_(False)
    monkeypatch.setattr(tiles, "weight_of", None)
    x, g = randn(3, 32, 8, 8), randn(3, 64, 8, 8, seed=5)
    with_gradients(lambda x: convolve_and_norm(convolution, norm, x), x, g, norm.parameters())
    convolution.requires_grad_(True)
    norm.requires_grad_(False)
    calls.clear()
    monkeypatch.setattr(tiles, "weight_of", weight_of)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        convolve_and_norm(convolution, norm, x).sum().backward()
    assert len(calls) == 1
    assert convolution.weight.grad is not None


@needs_tiles
def test_it_cannot_be_differentiated_twice():
    convolution, norm = layers()
    x = randn(1, 32, 4, 4).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        y = convolve_and_norm(convolution, norm, x)
        (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            gradient.sum().backward()


@pytest.mark.parametrize(
    ("made", "shape", "low"),
    [
        (layers(), (2, 32, 8, 8), False),
        (layers(), (2, 32, 8, 10), True),
        (layers(), (2, 32, 8, 7), True),
        (layers(kernel_size=5), (2, 32, 8, 8), True),
        (layers(stride=2), (2, 32, 8, 8), True),
        (layers(channels=(24, 64)), (2, 24, 8, 8), True),
        (layers(channels=(32, 40)), (2, 32, 8, 8), True),
    ],
)
def test_other_layers_are_called_one_after_the_other(made, shape, low, calls):
    convolution, norm = made
    x = randn(*shape) if low else randn(*shape).float()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False, enabled=low):
        assert torch.equal(convolve_and_norm(convolution, norm, x), norm(convolution(x)))
    assert not calls


def test_a_network_is_the_same_without_tiles(monkeypatch):
    torch.manual_seed(0)
    block = ResidualBlock(32, bias=False).to(memory_format=torch.channels_last)
    x = randn(2, 32, 8, 8)
    results = []
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
    assert isinstance(ResidualBlock(32, bias=False).body[0], nn.Sequential)
