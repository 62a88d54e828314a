"""Convolutions by tiles, their adjoints and their weights' gradients, against torch's in float32."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from sgbench.methods import native, same, tiles
from sgbench.methods.narrow import narrow

pytestmark = pytest.mark.skipif(not tiles._has_tiles(native.extension), reason="this CPU multiplies no tiles")
KERNELS = [(5, 2), (4, 2), (3, 1), (3, 2), (7, 1), (4, 1), (2, 2), (1, 1), (2, 1), (3, 3), (4, 3), (1, 2), (2, 3)]
MAPS = [(1, 8, 3, 4, 4), (2, 9, 17, 3, 6), (3, 32, 48, 8, 8), (2, 20, 16, 1, 5), (1, 16, 33, 9, 7), (17, 8, 40, 5, 2)]
"""Images, channels in and out, height, width; a kernel smaller than its stride leaves pixels out."""
ROUNDING = 2**-8
"""Of bfloat16, which keeps 8 digits."""


def randn(*shape, seed=0):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def drawn(maps, kernel, stride):
    """Input, weights, the gradient of the output."""
    n, channels, out, height, width = maps
    x, weight = randn(n, channels, height, width), randn(out, channels, kernel, kernel, seed=1)
    return x, weight, randn(n, out, -(-height // stride), -(-width // stride), seed=2)


def exact(x, weight, g, stride):
    """In float32: the output, the gradients with respect to input and weights."""
    wide = x.float().requires_grad_(), weight.float().requires_grad_()
    y = same._convolve(*wide, None, stride)
    return y.detach(), *torch.autograd.grad(y, wide, g.float())


def assert_rounded(mine, wanted):
    """Sums of float32 in another order, then rounded."""
    torch.testing.assert_close(mine.float(), wanted, rtol=ROUNDING, atol=1e-5 * float(wanted.abs().max()) + 1e-6)


def memory_in_use():
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def all_three(x, weight, g, stride):
    y = tiles.convolved(x, weight, None, stride)
    return y, tiles.spread_out(g, weight, None, stride, *x.shape[2:]), tiles.weight_of(g, x, weight, stride)


@pytest.mark.parametrize("maps", MAPS)
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_each_is_what_torch_computes_in_float32(kernel, stride, maps):
    x, weight, g = drawn(maps, kernel, stride)
    for mine, wanted in zip(all_three(x, weight, g, stride), exact(x, weight, g, stride), strict=True):
        assert_rounded(mine, wanted)


def test_a_bias_is_added_before_rounding():
    x, weight, g = drawn(MAPS[2], 4, 2)
    y, of_x, _ = exact(x, weight, g, 2)
    for channels, run, wanted in (
        (len(weight), lambda bias: tiles.convolved(x, weight, bias, 2), y),
        (weight.shape[1], lambda bias: tiles.spread_out(g, weight, bias, 2, 8, 8), of_x),
    ):
        bias = randn(1, 2 * channels, 1, 1, seed=3).flatten()[::2]
        for given in (bias, bias.float(), bias.contiguous()):
            assert_rounded(run(given), wanted + bias.float()[:, None, None])


def test_many_maps_are_summed_in_groups_of_some():
    """More than are treated at once, and a last group with fewer."""
    x, weight, g = drawn((67, 16, 16, 16, 16), 4, 2)
    assert_rounded(tiles.weight_of(g, x, weight, 2), exact(x, weight, g, 2)[2])


def test_memory_that_is_used_again_holds_nothing_of_earlier_calls():
    given = [(*drawn(maps, kernel, stride), stride) for maps in MAPS for kernel, stride in KERNELS]
    before = [all_three(*one) for one in given]
    all_three(*(torch.full_like(t, float("nan")) for t in drawn(MAPS[2], 7, 1)), 1)
    for one, earlier in zip(reversed(given), reversed(before), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(all_three(*one), earlier, strict=True))


def test_threads_do_not_share_memory():
    given = [(*drawn(maps, kernel, stride), stride) for maps in MAPS for kernel, stride in KERNELS]
    alone = [all_three(*one) for one in given]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: all_three(*one), given))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_memory_of_a_thread_is_freed_at_its_end():
    x, weight, _ = drawn((8, 32, 32, 32, 32), 5, 1)
    before = 0
    for count in range(40):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(tiles.convolved, x, weight, None, 1).result()
        if count == 9:
            before = memory_in_use()
    assert memory_in_use() - before < 10 * 2**20


def test_products_of_the_library_in_between_are_right():
    """Both set the shapes of tiles."""
    x, weight, _ = drawn(MAPS[0], 3, 1)
    a, b = randn(40, 96, 1, 1).flatten(1), randn(96, 56, 1, 1, seed=1).flatten(1)
    product, y = a @ b, tiles.convolved(x, weight, None, 1)
    for _ in range(3):
        assert torch.equal(a @ b, product)
        assert torch.equal(tiles.convolved(x, weight, None, 1), y)


@pytest.fixture
def calls(monkeypatch):
    """What the extension was asked for."""
    seen = []
    for name in ("convolved", "spread_out", "weight_of"):
        way = getattr(tiles, name)
        monkeypatch.setattr(tiles, name, lambda *given, way=way, name=name: seen.append(name) or way(*given))
    return seen


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_layers_use_them_with_all_gradients(calls, layout):
    x, weight, g = (t.contiguous(memory_format=layout) for t in drawn(MAPS[2], 4, 2))
    leaves = [x.requires_grad_(), weight.requires_grad_(), torch.ones(len(weight), dtype=x.dtype, requires_grad=True)]
    mine = torch.autograd.grad(same.convolve(*leaves, 2), leaves, g)
    assert calls == ["convolved", "spread_out", "weight_of"]
    _, *wanted = exact(x.detach(), weight.detach(), g, 2)
    for one, other in zip(mine, (*wanted, g.float().sum((0, 2, 3))), strict=True):
        assert_rounded(one, other)
    calls.clear()
    leaves = [g.detach().requires_grad_(), weight, torch.ones(weight.shape[1], dtype=x.dtype, requires_grad=True)]
    mine = torch.autograd.grad(same.spread(*leaves, 2, 8, 8), leaves, x.detach())
    assert calls == ["spread_out", "convolved", "weight_of"]
    y = exact(x.detach(), weight.detach(), g, 2)[0]
    for one, other in zip(mine, (y, wanted[1], x.detach().float().sum((0, 2, 3))), strict=True):
        assert_rounded(one, other)


def test_a_narrow_convolution_uses_them(calls):
    x, weight, _ = drawn((2, 16, 3, 8, 8), 7, 1)
    assert_rounded(narrow(x, weight, None), F.conv2d(x.float(), weight.float(), padding=3))
    assert calls == ["convolved"]


def test_gradients_that_are_not_asked_for_are_not_computed(calls):
    x, weight, g = drawn(MAPS[2], 4, 2)
    torch.autograd.grad(same.convolve(x, weight.requires_grad_(), None, 2), weight, g)
    assert calls == ["convolved", "weight_of"]
    calls.clear()
    torch.autograd.grad(same.spread(g.requires_grad_(), weight.detach(), None, 2, 8, 8), g, x)
    assert calls == ["spread_out", "convolved"]


@pytest.mark.parametrize("adjoint", [False, True])
def test_they_can_be_differentiated_again(adjoint, monkeypatch):
    """As a gradient penalty does, with respect to all that the first derivative depends on."""
    x, weight, g = (t.requires_grad_() for t in drawn(MAPS[2], 4, 2))
    found = []
    for usable in (tiles.usable, lambda *_: False):
        monkeypatch.setattr(tiles, "usable", usable)
        if adjoint:
            (first,) = torch.autograd.grad(same.spread(g, weight, None, 2, 8, 8), g, x, create_graph=True)
        else:
            (first,) = torch.autograd.grad(same.convolve(x, weight, None, 2), x, g, create_graph=True)
        other = x if adjoint else g
        found.append(torch.autograd.grad(first.float().square().sum(), [weight, other]))
    for one, two in zip(*found, strict=True):
        assert (one.float() - two.float()).norm() <= ROUNDING * two.float().norm()


def test_what_is_large_or_in_another_precision_is_left_to_the_library(monkeypatch):
    x, weight, _ = drawn(MAPS[2], 4, 2)
    assert tiles.usable(x, weight)
    assert not tiles.usable(x.float(), weight.float())
    assert not tiles.usable(x[:0], weight)
    assert not tiles.usable(x[:, :3], weight[:, :3])
    for name in ("_MOST_WEIGHTS", "_MOST_PLACES", "_MOST_VALUES"):
        with monkeypatch.context() as context:
            context.setattr(tiles, name, 10)
            assert not tiles.usable(x, weight)
    monkeypatch.setattr(native, "extension", None)
    assert not tiles.usable(x, weight)
