"""Tests that ``test_kernels`` starts in a process with TRITON_INTERPRET=1."""

import sys
from pathlib import Path

import interpreter  # noqa: F401
import pytest
import torch
import triton
import triton.language as tl
from torch.nn import functional as F

from sgbench.methods.kernels import norm_passes, norms
from sgbench.methods.kernels.norms import norm_act, norm_act_backward
from sgbench.methods.kernels.pads import leaky_pad, leaky_pad_backward, leaky_pad_gradients, leaky_pad_like
from sgbench.methods.kernels.patches import gather_shifted, patches
from sgbench.methods.kernels.shifts import shifted_weight, sum_shifted

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from kernel_checks import EPS, channels_last, noise, norm_errors, pad_errors, patch_errors, shift_errors


@triton.jit
def combine_once(counts, means, m2s, out):
    at = tl.arange(0, 4)[:, None]
    count, mean, m2 = (tl.load(values + at, mask=at < 3, other=0.0) for values in (counts, means, m2s))
    mean, m2 = norm_passes._combined(count, mean, m2, 8.0)
    tl.store(out + tl.arange(0, 1), mean)
    tl.store(out + 1 + tl.arange(0, 1), m2)


DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def holds(checks):
    wrong = [check for check in checks if not check[1] <= check[2]]
    assert wrong == []


@DTYPES
@pytest.mark.parametrize(
    ("shape", "slope"),
    [
        ((1, 3, 8, 8), 0.0),
        ((1, 3, 8, 8), 0.2),
        ((1, 3, 8, 8), 1.0),
        ((5, 24, 7, 9), 0.0),
        ((1, 67, 33, 31), 0.2),
        ((1, 48, 40, 41), 0.0),
        ((2, 24, 32, 36), 1.0),
        ((1, 3, 65, 63), 0.2),
        ((1, 130, 33, 32), 0.0),
        ((5, 16, 2, 3), 1.0),
    ],
)
def test_norm(shape, slope, dtype):
    holds(norm_errors(shape, dtype, slope, "cpu"))


@pytest.mark.parametrize(
    ("shape", "splits", "channels"),
    [
        ((8, 64, 128, 128), 32, 64),
        ((8, 128, 64, 64), 16, 64),
        ((8, 256, 32, 32), 1, 16),
        ((64, 256, 32, 32), 1, 64),
        ((8, 512, 128, 128), 4, 64),
        ((8, 512, 8, 8), 1, 32),
        ((1, 67, 33, 31), 1, 16),
        ((1, 3, 65, 63), 2, 4),
        ((1, 130, 35, 37), 16, 64),
    ],
)
def test_norm_launches_enough_programs(shape, splits, channels):
    n, c, height, width = shape
    grid, share, options = norms._launch(n, height * width, c, 8192)
    assert grid == (splits, -(-c // channels), n)
    assert options["BLOCK_C"] == channels
    assert share % options["BLOCK_P"] == 0
    assert splits * share >= height * width
    assert options["BLOCK_P"] * channels <= 1024 * options["num_warps"] or options["num_warps"] == 8


@pytest.mark.parametrize("side", [8, 50])
def test_norm_of_values_far_from_0(side):
    # The sum of squares minus the square of the mean would be off by more than the variance itself.
    x = channels_last(noise((2, 5, side, side), "cpu") + 4096)
    y, mean, rstd = norm_act(x, torch.ones(5), torch.zeros(5), EPS, 1.0)
    variance, middle = torch.var_mean(x.double(), (2, 3), correction=0)
    torch.testing.assert_close(mean.double(), middle, rtol=1e-6, atol=0)
    torch.testing.assert_close(rstd.double(), (variance + EPS).rsqrt(), rtol=1e-5, atol=0)
    wanted = (x.double() - middle[..., None, None]) * rstd[..., None, None]
    torch.testing.assert_close(y.double(), wanted, rtol=0, atol=2e-3)


@pytest.mark.parametrize("side", [8, 40])
def test_norm_of_equal_values(side):
    x = channels_last(torch.full((2, 3, side, side), 0.7))
    y, mean, rstd = norm_act(x, torch.ones(3), torch.tensor([-1.0, 0.0, 1.0]), EPS, 0.0)
    torch.testing.assert_close(mean, torch.full((2, 3), 0.7))
    torch.testing.assert_close(rstd, torch.full((2, 3), EPS**-0.5))
    torch.testing.assert_close(y[:, 2], torch.ones(2, side, side), rtol=0, atol=1e-4)
    assert (y[:, 0] == 0).all()


def test_norm_with_an_empty_split():
    # 4097 places in splits of a multiple of 128: of 32 splits, 16 are beyond the end.
    x = channels_last(noise((1, 48, 17, 241), "cpu"))
    grid, share, _ = norms._launch(1, 17 * 241, 48, 8192)
    assert (grid[0] - 1) * share > 17 * 241
    y, mean, _ = norm_act(x, torch.ones(48), torch.zeros(48), EPS, 1.0)
    torch.testing.assert_close(mean, x.mean((2, 3)), rtol=0, atol=1e-6)
    torch.testing.assert_close(y, F.instance_norm(x), rtol=1e-5, atol=1e-5)


@DTYPES
def test_norm_has_the_signs_of_the_forward_pass(dtype):
    # Half of the channels have values within a rounding of their mean, the others have a mean of 0 and many zeros.
    x = 1 + noise((2, 8, 48, 48), "cpu") * 1e-7 + torch.randint(2, (2, 8, 48, 48))
    x[:, 4:] = torch.tensor([0.0, 1.0, -1.0, 0.0]).repeat(12)
    x = channels_last(x.to(dtype))
    weight, bias = noise((8,), "cpu", 1), torch.zeros(8)
    y, mean, rstd = norm_act(x, weight, bias, EPS, 0.0)
    grad = torch.ones_like(y)
    assert (mean[:, 4:] == 0).all()
    _, _, dbias = norm_act_backward(grad, x, weight, bias, mean, rstd, 0.0)
    assert dbias.tolist() == (y > 0).sum((0, 2, 3)).tolist()


def test_norm_reads_some_channels_of_a_map_and_other_layouts():
    whole = channels_last(noise((2, 40, 36, 30), "cpu"))
    weight, bias, grad = noise((17,), "cpu", 1), noise((17,), "cpu", 2), noise((2, 17, 36, 30), "cpu", 3)
    wanted = norm_act(channels_last(whole[:, 5:22].clone()), weight, bias, EPS, 0.1)
    for x in (whole[:, 5:22], whole[:, 5:22].contiguous()):
        found = norm_act(x, weight, bias, EPS, 0.1)
        for a, b in zip(found, wanted, strict=True):
            assert torch.equal(a, b)
        assert found[0].is_contiguous(memory_format=torch.channels_last)
        for g in (grad, channels_last(grad)):
            back = norm_act_backward(g, x, weight, bias, *found[1:], 0.1)
            again = norm_act_backward(channels_last(grad), x, weight, bias, *wanted[1:], 0.1)
            for a, b in zip(back, again, strict=True):
                assert torch.equal(a, b)


def test_norm_combines_splits_by_chans_formula():
    counts, means, m2s = torch.tensor([[3.0], [5.0], [0.0]]), torch.tensor([[1.0], [9.0], [0.0]]), torch.ones(3, 1)
    whole = (3 * 1 + 5 * 9) / 8
    out = torch.empty(2)
    combine_once[(1,)](counts, means, m2s, out)
    assert out.tolist() == pytest.approx([whole, 3 + 3 * (1 - whole) ** 2 + 5 * (9 - whole) ** 2])


@DTYPES
@pytest.mark.parametrize(
    ("shape", "kernel_size", "channels"),
    [
        ((1, 1, 6, 16, 16), 7, 3),
        ((1, 5, 3, 6, 9), 7, 3),
        ((8, 1, 5, 5, 6), 7, 3),
        ((2, 1, 24, 7, 13), 5, 1),
        ((3, 1, 7, 4, 4), 3, 4),
        ((1, 1, 67, 3, 2), 7, 3),
        ((1, 2, 4, 5, 6), 3, 24),
        ((2, 1, 4, 6, 7), 4, 3),
        ((1, 1, 48, 5, 33), 1, 3),
    ],
)
def test_shift(shape, kernel_size, channels, dtype):
    holds(shift_errors(shape, kernel_size, channels, dtype, "cpu"))


@pytest.mark.parametrize("groups", [1, 3])
def test_shift_is_adjoint_and_its_gradients_are_those_of_a_convolution(groups):
    n, width, rows, columns = 2, 5, 8, 7
    f = channels_last(noise((n, groups * width, rows, columns), "cpu")).requires_grad_()
    weight = noise((groups * 3, width, 7, 7), "cpu", 1).requires_grad_()
    grad = channels_last(noise((n, groups * 3, rows, columns), "cpu", 2))
    wanted = torch.autograd.grad(F.conv2d(f, weight, padding=3, groups=groups), (f, weight), grad)
    features = f.permute(0, 2, 3, 1).reshape(n * rows * columns, groups, width).transpose(0, 1)
    z = torch.bmm(features, shifted_weight(weight, groups))
    dz = gather_shifted(grad, 7, groups)
    found = torch.autograd.grad(z, (f, weight), dz.view(z.shape))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    y = sum_shifted(z.detach().view(dz.shape), 7, 3)
    assert y.is_contiguous(memory_format=torch.channels_last)
    left, right = (y.double() * grad).sum(), (z.detach().view(dz.shape).double() * dz).sum()
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-4)


def test_shift_of_one_value_by_hand():
    z = torch.zeros(1, 1, 5, 5, 3 * 8)
    z[0, 0, 2, 3, 2 * 8 + 0] = 1.0  # At row 2 and column 3, for row 2 and column 0 of the kernel.
    y = sum_shifted(z, 3, 1)
    assert y.nonzero().tolist() == [[0, 0, 1, 4]]
    assert gather_shifted(y, 3, 1)[0, 0, 2, 3, 2 * 8] == 1
    # Columns without padding are read too.
    assert torch.equal(sum_shifted(z.unflatten(-1, (3, 8))[..., :3].flatten(4), 3, 1), y)


def test_shift_refuses_columns_that_do_not_fit():
    with pytest.raises(ValueError, match="21 columns do not hold 7 rows of 7 x 3"):
        sum_shifted(torch.zeros(1, 1, 4, 4, 21), 7, 3)


def test_shift_reads_a_gradient_of_any_layout():
    g = noise((2, 6, 5, 4), "cpu")
    assert torch.equal(gather_shifted(g, 7, 2), gather_shifted(channels_last(g), 7, 2))
    one = torch.ones(1, 1, 1, 1)
    assert torch.equal(gather_shifted(one.expand(2, 6, 5, 4), 7, 2), gather_shifted(torch.ones(2, 6, 5, 4), 7, 2))


@DTYPES
@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (5, 24, 7, 9), (1, 67, 5, 6), (2, 48, 16, 3), (5, 128, 2, 2)])
@pytest.mark.parametrize("around", [(1, 2, 1, 2), (0, 0, 0, 0), (3, 0, 0, 1)])
def test_pad(shape, around, dtype):
    holds(pad_errors(shape, around, 0.2, dtype, "cpu"))


def test_pad_gradients_are_those_of_autograd():
    x = noise((2, 3, 6, 5), "cpu").double().requires_grad_()
    plain = F.pad(F.leaky_relu(x, 0.25), (1, 2, 0, 1))
    grad = noise(plain.shape, "cpu", 1)
    (wanted,) = torch.autograd.grad(plain, x, grad.double())
    for g in (grad, channels_last(grad)):
        found = leaky_pad_backward(g, x.detach().float(), None, 0.25, (1, 2, 0, 1))
        assert torch.equal(found.double(), wanted)
        assert found.is_contiguous(memory_format=torch.channels_last)
    again = leaky_pad_like(wanted.float(), x.detach().float(), None, 0.25, (1, 2, 0, 1))
    assert torch.equal(again.double(), F.pad(wanted * torch.where(x > 0, 1, 0.25), (1, 2, 0, 1)))


def test_pad_writes_zeros_for_zeros_and_any_layout_gives_the_same():
    x = noise((2, 6, 5, 4), "cpu")
    bias = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0, -0.5])
    y = leaky_pad(x, bias, 0.2, (1, 1, 2, 2))
    assert torch.equal(y, leaky_pad(channels_last(x), bias, 0.2, (1, 1, 2, 2)))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert int((y == 0).sum()) == y.numel() - x.numel()


def test_pad_gradients_of_the_bias_are_sums_over_places_and_images():
    x = noise((3, 2, 40, 41), "cpu")
    bias = torch.tensor([0.3, -0.2])
    of_x, of_bias = leaky_pad_gradients(torch.ones(3, 2, 41, 44), x, bias, 0.5, (1, 2, 1, 0))
    assert torch.equal(of_x, torch.where(x + bias[:, None, None] > 0, 1.0, 0.5))
    assert torch.equal(of_bias, of_x.sum((0, 2, 3)))


@DTYPES
@pytest.mark.parametrize(
    ("shape", "kernel_size", "stride"),
    [((2, 3, 8, 8), 7, 1), ((1, 7, 5, 6), 7, 1), ((3, 3, 8, 8), 5, 2), ((2, 3, 7, 5), 4, 2), ((1, 8, 3, 2), 3, 1)],
)
def test_patches(shape, kernel_size, stride, dtype):
    holds(patch_errors(shape, kernel_size, stride, dtype, "cpu"))


def test_patches_by_hand():
    x = torch.arange(1.0, 10).view(1, 1, 3, 3)
    z = patches(x, 3, 2, (1, 1), (2, 2)).view(4, 3, 8)
    assert z[..., 3:].eq(0).all()
    assert z[0, :, :3].tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]
    assert z[3, :, :3].tolist() == [[5, 6, 0], [8, 9, 0], [0, 0, 0]]


def test_patches_read_any_layout():
    x = noise((2, 6, 5, 4), "cpu")
    wanted = patches(x[:, 1:4].contiguous(), 5, 1, (2, 2), (5, 4))
    assert torch.equal(patches(channels_last(x)[:, 1:4], 5, 1, (2, 2), (5, 4)), wanted)
    assert torch.equal(patches(x[:, 1:4], 5, 1, (2, 2), (5, 4)), wanted)
