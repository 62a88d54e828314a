"""Instance norm with its activation against torch's own operators, in torch's types and by the C extension."""

import shutil
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from sgbench.methods import native, norms
from sgbench.methods.norms import IDENTITY, RELU, InstanceNorm, norm_leaky

PATHS = ("native", "plain")


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    """Each way of computing a norm, whether or not the C extension was built."""
    return take(request.param, monkeypatch)


def take(path, monkeypatch):
    if path == "plain":
        monkeypatch.setattr(native, "extension", None)
    elif native.extension is None:
        pytest.skip("built without the C extension")
    return path


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_extension_is_built_where_there_is_a_compiler():
    """Otherwise the tests of its path would be left out unnoticed."""
    assert native.extension is not None


def drawn(channels, dtype=torch.float64, size=(3, 6, 5), mean=0.0, deviation=1.0, seed=0):
    """Input, weight, bias and the gradient of a result; channels of unlike means and spreads."""
    generator = torch.Generator().manual_seed(seed)
    images, *plane = size
    x = torch.randn(images, channels, *plane, generator=generator, dtype=torch.float64)
    x = mean + deviation * x * torch.linspace(0.5, 2, channels, dtype=torch.float64)[:, None, None]
    weight, bias = torch.randn(2, channels, generator=generator, dtype=torch.float64)
    g = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    narrow = torch.float32 if dtype == torch.bfloat16 else dtype
    return x.to(dtype), weight.to(narrow), bias.to(narrow), g.to(dtype)


def with_gradients(function, x, weight, bias, g):
    """The result and the gradients with respect to x, weight and bias."""
    leaves = [t.detach().clone().requires_grad_() for t in (x, weight, bias)]
    y = function(*leaves)
    return [y.detach(), *torch.autograd.grad(y, leaves, g.to(y.dtype))]


def ours(slope):
    return lambda x, weight, bias: norm_leaky(x, weight, bias, slope)


def torchs(slope):
    """In float64, whatever the type of the input."""

    def function(x, weight, bias):
        y = F.instance_norm(x.double(), weight=weight.double(), bias=bias.double(), eps=1e-5)
        return F.leaky_relu(y, slope)

    return function


def assert_near(actual, expected, tolerance):
    """Results and gradients, each by the largest of its numbers."""
    for name, one, other in zip(("y", "x", "weight", "bias"), actual, expected, strict=True):
        error = (one.double() - other.double()).abs().max() / other.double().abs().max()
        assert error <= tolerance, (name, float(error))


@pytest.mark.parametrize("channels", [1, 3, 16, 17, 64])
@pytest.mark.parametrize("slope", [RELU, 0.2, IDENTITY])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 8e-3)]
)
def test_results_and_gradients_are_torchs(path, dtype, tolerance, slope, channels):
    inputs = drawn(channels, dtype)
    expected = with_gradients(torchs(slope), *inputs)
    actual = with_gradients(ours(slope), *inputs)
    assert actual[0].dtype == actual[1].dtype == dtype
    assert actual[2].dtype == actual[3].dtype == inputs[1].dtype
    assert_near(actual, expected, tolerance)


def test_gradients_agree_with_finite_differences():
    x, weight, bias, _ = drawn(3, size=(2, 3, 2))
    leaves = [t.requires_grad_() for t in (x, weight, bias)]
    assert torch.autograd.gradcheck(ours(0.2), leaves)


@pytest.mark.parametrize("size", [(2, 1, 1), (1, 9, 7), (2, 8, 8), (2, 13, 5), (3, 40, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_paths_agree_at_every_size(dtype, size, monkeypatch):
    """Also for maps of one place, fewer rows than are added up at once, just as many, and more."""
    inputs = drawn(19, dtype, size)
    fast = take("native", monkeypatch) and with_gradients(ours(0.2), *inputs)
    assert take("plain", monkeypatch)
    plain = with_gradients(ours(0.2), *inputs)
    for one, other in zip(fast, plain, strict=True):
        assert one.dtype == other.dtype
        close = {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 2e-5}
        torch.testing.assert_close(one, other, **close)


def test_a_network_is_the_same_without_the_extension(monkeypatch):
    take("native", monkeypatch)
    torch.manual_seed(0)
    layer = InstanceNorm(5, RELU)
    x = torch.randn(2, 5, 8, 8, requires_grad=True)
    fast = torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()])
    monkeypatch.setattr(native, "extension", None)
    plain = torch.autograd.grad(layer(x).square().sum(), [x, *layer.parameters()])
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_extension_computes_the_types_that_networks_are_trained_in(monkeypatch):
    take("native", monkeypatch)
    monkeypatch.setattr(norms, "_forward", None)
    monkeypatch.setattr(norms, "_backward", None)
    for dtype in (torch.float32, torch.bfloat16):
        with_gradients(ours(RELU), *drawn(4, dtype))
    with pytest.raises(TypeError):
        with_gradients(ours(RELU), *drawn(4, torch.float64))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_large_mean_costs_no_digits(path, sign):
    """The sum of squares around 0 would leave no digit of a variance a hundred million times smaller."""
    inputs = drawn(17, torch.float32, (2, 32, 32), mean=sign * 1000, deviation=0.1)
    expected = with_gradients(torchs(IDENTITY), *inputs)
    actual = with_gradients(ours(IDENTITY), *inputs)
    # A float32 near 1000 is a multiple of 6e-5, and so is the mean that is taken off: 6e-4 of the deviation.
    assert_near(actual, expected, 1e-3)


def test_a_constant_map_becomes_the_shift(path):
    x, weight, bias, _ = drawn(3, torch.float32, deviation=0, mean=7)
    torch.testing.assert_close(norm_leaky(x, weight, bias, IDENTITY), bias[:, None, None].expand_as(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layouts_give_the_same(path, dtype):
    x, weight, bias, g = drawn(5, dtype)
    last = {"memory_format": torch.channels_last}
    strided = torch.cat([x, x], 2)[:, :, : x.shape[2]]
    assert not strided.is_contiguous()
    first = with_gradients(ours(0.2), x, weight, bias, g)
    for one in (x.contiguous(**last), strided, x.transpose(2, 3).contiguous().transpose(2, 3)):
        for gradient in (g, g.contiguous(**last)):
            others = with_gradients(ours(0.2), one, weight, bias, gradient)
            assert others[0].is_contiguous(**last)
            assert all(torch.equal(a, b) for a, b in zip(first, others, strict=True))


def test_scales_and_shifts_may_lie_apart_in_memory(path):
    x, weight, bias, g = drawn(6, torch.float32)
    expected = with_gradients(ours(0.2), x, weight, bias, g)
    apart = torch.stack([weight, bias], 1).requires_grad_()
    y = norm_leaky(x, apart[:, 0], apart[:, 1], 0.2)
    assert torch.equal(y, expected[0])
    (gradient,) = torch.autograd.grad(y, apart, g)
    assert torch.equal(gradient, torch.stack(expected[2:], 1))


def test_a_shift_in_another_type_is_read_as_it_is(path):
    x, weight, bias, _ = drawn(6, torch.float32)
    torch.testing.assert_close(norm_leaky(x, weight, bias.double(), 0.2), norm_leaky(x, weight, bias, 0.2))


def test_an_expanded_gradient_is_read_as_it_is(path):
    x, weight, bias, _ = drawn(5, torch.float32)
    x.requires_grad_()
    (summed,) = torch.autograd.grad(norm_leaky(x, weight, bias, 0.2).sum(), x)
    (spelt,) = torch.autograd.grad(norm_leaky(x, weight, bias, 0.2), x, torch.ones_like(x))
    assert torch.equal(summed, spelt)


@pytest.mark.parametrize("channels", [slice(0, 4), slice(3, 20), slice(19, 23), slice(None)])
def test_a_part_is_the_slice_of_the_whole(path, channels):
    layer = InstanceNorm(23, RELU)
    x, weight, bias, _ = drawn(23, torch.float32)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    whole = layer(x)[:, channels]
    part = layer.part(x[:, channels], channels)
    torch.testing.assert_close(part, whole)
    (of_whole,) = torch.autograd.grad(whole.square().sum(), layer.weight)
    (of_part,) = torch.autograd.grad(part.square().sum(), layer.weight)
    torch.testing.assert_close(of_part, of_whole)
    assert (of_part[channels] != 0).any()


def test_the_layer_has_its_slope_and_epsilon():
    assert (RELU, IDENTITY) == (0, 1)
    x = torch.randn(2, 3, 4, 4) * 1e-3  # a variance that epsilon outweighs
    for layer, slope in ((InstanceNorm(3), 1), (InstanceNorm(3, RELU), 0), (InstanceNorm(3, 0.2), 0.2)):
        torch.testing.assert_close(layer(x), F.leaky_relu(F.instance_norm(x, eps=1e-5), slope))
        assert list(dict(layer.named_parameters())) == ["weight", "bias"]
        assert not dict(layer.named_buffers())
        assert torch.equal(layer.eval()(x), layer.train()(x))


@pytest.mark.parametrize("slope", [RELU, 0.2, IDENTITY])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nan_stays_nan(path, dtype, slope):
    """In its own image and channel, and nowhere else; a ReLU does not hide it."""
    x, weight, bias, g = drawn(17, dtype)
    clean = with_gradients(ours(slope), x, weight, bias, g)
    x[1, 16, 2, 3] = float("nan")
    y, of_x, of_weight, _ = with_gradients(ours(slope), x, weight, bias, g)
    for result, before in ((y, clean[0]), (of_x, clean[1])):
        assert result[1, 16].isnan().all()
        result[1, 16] = before[1, 16]
        assert torch.equal(result, before)
    assert of_weight.isnan().tolist() == [False] * 16 + [True]


def test_nan_in_the_gradient_stays_nan(path):
    x, weight, bias, g = drawn(4, torch.float32)
    g[0, 2, 1, 1] = float("nan")
    _, of_x, of_weight, of_bias = with_gradients(ours(0.2), x, weight, bias, g)
    assert of_x[0, 2].isnan().all()
    assert of_x.isnan().sum() == x[0, 2].numel()
    assert of_weight.isnan().tolist() == of_bias.isnan().tolist() == [False, False, True, False]


def test_the_gradient_of_the_input_can_be_differentiated_again():
    x, weight, bias, g = (t.requires_grad_() for t in drawn(3, size=(2, 3, 2)))

    def gradient(x, weight, bias, g):
        return torch.autograd.grad(norm_leaky(x, weight, bias, 0.2), x, g, create_graph=True)[0]

    assert torch.autograd.gradcheck(gradient, (x, weight, bias, g))
    assert torch.autograd.gradcheck(gradient, (x.detach().contiguous().requires_grad_(), weight, bias, g))


@pytest.mark.parametrize("slope", [RELU, 0.2, IDENTITY])
def test_second_derivatives_are_torchs(path, slope):
    """Of a penalty, in float32, for a map that lies as torch makes it."""

    def penalty(function):
        x, weight, bias, g = (t.clone().requires_grad_() for t in drawn(5, torch.float32))
        (of_x,) = torch.autograd.grad(function(x, weight, bias), x, g, create_graph=True)
        return torch.autograd.grad((of_x.flatten(1).norm(dim=1) - 1).square().sum(), [g, x, weight])

    for one, other in zip(penalty(ours(slope)), penalty(torchs(slope)), strict=True):
        torch.testing.assert_close(one, other.float(), rtol=1e-3, atol=1e-3 * float(other.abs().max()))


def test_it_refuses_what_is_not_differentiated_twice(path):
    """A wrong second derivative would be silent."""
    x, weight, bias, g = drawn(3, torch.float32)
    y = norm_leaky(x.requires_grad_(), weight.requires_grad_(), bias, 0.2)
    (once,) = torch.autograd.grad(y, weight, g.requires_grad_(), create_graph=True)
    with pytest.raises(RuntimeError, match="scale and shift cannot be differentiated again"):
        once.square().sum().backward()
    (once,) = torch.autograd.grad(norm_leaky(x, weight, bias, 0.2), x, g, create_graph=True)
    (twice,) = torch.autograd.grad(once.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        twice.square().sum().backward()


def test_a_weight_changed_before_the_backward_pass_is_an_error(path):
    x, weight, bias, _ = drawn(3, torch.float32)
    y = norm_leaky(x, weight.requires_grad_(), bias, 0.2)
    with torch.no_grad():
        weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.slow
def test_an_extension_that_was_built_from_earlier_code_is_left_alone():
    program = """
import sys, types, warnings
earlier = types.ModuleType("sgbench.methods._native")
earlier.__file__ = "_native.so"
sys.modules[earlier.__name__] = earlier
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    from sgbench.methods import native
assert native.extension is None
print(said[-1].message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "_native.so is of an earlier version and left alone; install again"
