"""The two ways of computing a convolution, its adjoint, and parts of a transposed one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgbench.methods import same
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d, WholeConv2d
from sgbench.methods.unfolding import unfold

SHAPES = [(5, 2), (4, 2), (3, 1), (3, 2), (7, 1), (4, 1), (2, 2), (1, 1), (1, 2), (2, 3)]
"""Kernels and strides; a kernel smaller than its stride leaves pixels out."""
PLANES = [(1, 1), (2, 2), (4, 4), (3, 4), (5, 2), (8, 8), (7, 9), (8, 1)]


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(cls, *arguments, **named):
    """A layer whose weights and biases are all of one size."""
    layer = cls(*arguments, **named).double()
    with torch.no_grad():
        for k, p in enumerate(layer.parameters()):
            p.copy_(randn(*p.shape, seed=k + 1))
    return layer


def with_gradients(layer, x, g, call=None):
    """The result, and the gradients with respect to the input and the parameters that it depends on."""
    x = x.detach().clone().requires_grad_()
    y = (call or layer)(x)
    parameters = [p for p in layer.parameters() if call is None or p.dim() > 1]
    return [y.detach(), *torch.autograd.grad(y, [x, *parameters], g)]


def no_products(monkeypatch):
    """Every convolution is the library's; a product would fail."""
    monkeypatch.setattr(same, "_FEW_PLACES", 0)
    monkeypatch.setattr(same, "_WEIGHTS_PER_PATCH", 10**12)
    monkeypatch.setattr(same, "unfold", None)


def only_products(monkeypatch):
    """Every convolution is a product; the library's would fail."""
    monkeypatch.setattr(same, "_FEW_PLACES", 10_000)
    monkeypatch.setattr(F, "conv2d", None)
    monkeypatch.setattr(F, "conv_transpose2d", None)


def assert_close(one, other):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(("kernel", "stride"), SHAPES)
def test_a_product_is_the_ordinary_convolution(kernel, stride, plane, bias, monkeypatch):
    layer, x = make(SameConv2d, 3, 4, kernel, stride, bias=bias), randn(2, 3, *plane)
    g = randn(*layer(x).shape, seed=9)
    no_products(monkeypatch)
    ordinary = with_gradients(layer, x, g)
    monkeypatch.undo()
    only_products(monkeypatch)
    assert_close(with_gradients(layer, x, g), ordinary)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(("kernel", "stride"), SHAPES)
def test_both_ways_to_the_adjoint_are_one(kernel, stride, plane, monkeypatch):
    layer = make(SameConv2d, 3, 4, kernel, stride)
    g, h = randn(2, 4, *(-(-side // stride) for side in plane), seed=5), randn(2, 3, *plane, seed=6)

    def adjoint(g):
        return layer.adjoint(g, *plane)

    no_products(monkeypatch)
    ordinary = with_gradients(layer, g, h, adjoint)
    monkeypatch.undo()
    only_products(monkeypatch)
    assert_close(with_gradients(layer, g, h, adjoint), ordinary)


@pytest.mark.parametrize("few", [0, 16, 10_000])
@pytest.mark.parametrize("plane", [*PLANES, (31, 32), (17, 6)])
@pytest.mark.parametrize(("kernel", "stride"), SHAPES)
def test_the_adjoint_is_the_adjoint(kernel, stride, plane, few, monkeypatch):
    monkeypatch.setattr(same, "_FEW_PLACES", few)
    layer, x = make(SameConv2d, 3, 4, kernel, stride), randn(2, 3, *plane).requires_grad_()
    y = layer(x)
    g = randn(*y.shape, seed=5)
    adjoint = layer.adjoint(g, *plane)
    assert adjoint.shape == x.shape
    there, back = ((y - layer.bias[:, None, None]) * g).sum(), (x * adjoint).sum()
    torch.testing.assert_close(there, back, rtol=1e-10, atol=1e-10)
    assert_close([adjoint], torch.autograd.grad(y, x, g))


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (4, 2), (3, 1)])
def test_the_adjoint_can_be_differentiated(kernel, stride, few, monkeypatch):
    monkeypatch.setattr(same, "_FEW_PLACES", few)
    layer, g = make(SameConv2d, 2, 3, kernel, stride), randn(2, 3, 2, 2).requires_grad_()
    side = 2 * stride

    def adjoint(g, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (g,))

    layer.forward = lambda g: layer.adjoint(g, side, side)
    assert torch.autograd.gradcheck(adjoint, (g, layer.weight.detach().clone().requires_grad_()))


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 1)])
def test_gradients_can_be_differentiated(kernel, stride, few, monkeypatch):
    """That of the weights too, which is a product of patches."""
    monkeypatch.setattr(same, "_FEW_PLACES", few)
    layer, x = make(SameConv2d, 2, 3, kernel, stride), randn(2, 2, 3, 3).requires_grad_()

    def convolution(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    assert torch.autograd.gradgradcheck(convolution, (x, layer.weight.detach().clone().requires_grad_()))


def test_small_maps_are_products_and_large_ones_are_not(monkeypatch):
    seen = []
    monkeypatch.setattr(same, "unfold", lambda x, *rest: seen.append(x.shape[-1]) or unfold(x, *rest))
    layer = SameConv2d(3, 4, 5, 2)
    for side in (2, 8, 9, 32):
        layer(torch.zeros(1, 3, side, side))
    assert seen == [2, 8]


def test_gradients_of_weights_are_products_where_patches_are_few(monkeypatch):
    seen = []
    monkeypatch.setattr(same, "unfold", lambda x, *rest: seen.append(len(x)) or unfold(x, *rest))
    layer = SameConv2d(64, 32, 5, 2)
    for size in (4, 5):  # 4 x 64 patches, and 51,200 weights: 200 for each
        layer(torch.zeros(size, 64, 16, 16)).sum().backward()
    assert seen == [4]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", [1, 2, 4])
def test_a_whole_convolution_is_torchs(side, bias):
    torch.manual_seed(0)
    layer = make(WholeConv2d, 5, 3, side, bias=bias)
    twin = nn.Conv2d(5, 3, side, bias=bias).double()
    twin.load_state_dict(layer.state_dict())
    x, g = randn(4, 5, side, side), randn(4, 3, seed=2)
    y = layer(x)
    assert y.shape == (4, 3)
    expected = with_gradients(twin, x, g[:, :, None, None])
    assert_close(with_gradients(layer, x, g), [expected[0].flatten(1), *expected[1:]])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 2), (3, 1), (2, 2)])
@pytest.mark.parametrize("channels", [slice(0, 2), slice(2, 3), slice(3, 6), slice(None)])
def test_a_part_of_a_transposed_convolution_is_the_slice_of_the_whole(channels, kernel, stride, bias):
    layer, x = make(SameConvTranspose2d, 4, 6, kernel, stride, bias=bias), randn(2, 4, 5, 3)
    whole = layer(x)
    assert whole.shape == (2, 6, 5 * stride, 3 * stride)
    g = randn(*whole[:, channels].shape, seed=3)
    part = with_gradients(layer, x, g, lambda x: layer.part(x, channels))
    assert_close(part, with_gradients(layer, x, g, lambda x: layer(x)[:, channels]))


def test_a_transposed_kernel_smaller_than_its_stride_is_an_error():
    with pytest.raises(ValueError, match="kernel_size 2 is smaller than stride 3"):
        SameConvTranspose2d(3, 4, 2, 3)


@pytest.mark.parametrize("few", [0, 10_000])
def test_in_autocast_results_and_adjoints_are_narrow_and_gradients_are_wide(few, monkeypatch):
    monkeypatch.setattr(same, "_FEW_PLACES", few)
    torch.manual_seed(0)
    conv, deconv, whole = SameConv2d(3, 4, 4, 2), SameConvTranspose2d(4, 3, 4, 2), WholeConv2d(3, 2, 8)
    x = torch.randn(2, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x)
        results = [y, conv.adjoint(y, 8, 8), deconv(y), whole(deconv(y))]
        loss = sum(result.float().square().mean() for result in results)
    assert {result.dtype for result in results} == {torch.bfloat16}
    loss.backward()
    wide = [conv(x), conv.adjoint(conv(x), 8, 8), deconv(conv(x)), whole(deconv(conv(x)))]
    for narrow, exact in zip(results, wide, strict=True):
        torch.testing.assert_close(narrow.float(), exact, rtol=0.05, atol=0.05)
    for layer in (conv, deconv, whole):
        assert all(p.grad.dtype == torch.float32 and (p.grad != 0).any() for p in layer.parameters())
