"""The package's "same" convolutions against TensorFlow's padding rule."""

import numpy as np
import pytest
import torch
from oracles_tf import conv2d_same, conv_transpose2d_same, same_padding
from torch import nn

from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d

SIDES = (4, 7, 8, 32)
TOLERANCE = {"rtol": 0, "atol": 1e-12}


def _input(side, channels=3, seed=0):
    return np.random.default_rng((seed, side)).standard_normal((2, channels, side, side))


def _layer(kind, *shape, bias):
    torch.manual_seed(0)
    return kind(*shape, bias=bias).double()


@pytest.mark.parametrize(
    ("side", "kernel_size", "stride", "expected"),
    [
        (128, 5, 2, (64, 1, 2)),
        (7, 5, 2, (4, 2, 2)),
        (128, 4, 2, (64, 1, 1)),
        (128, 4, 1, (128, 1, 2)),
        (128, 3, 1, (128, 1, 1)),
        (128, 7, 1, (128, 3, 3)),
        (8, 3, 2, (4, 0, 1)),
        (7, 1, 2, (4, 0, 0)),
    ],
)
def test_oracle_padding_by_hand(side, kernel_size, stride, expected):
    assert same_padding(side, kernel_size, stride) == expected


def test_oracle_convolution_by_hand():
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    weight = np.ones((1, 1, 3, 3))
    # Stride 2, side 4: no padding before, one after.
    assert conv2d_same(x, weight, 2)[0, 0].tolist() == [[54, 45], [72, 54]]
    expected = [[1, 1, 2, 1], [1, 1, 2, 1], [2, 2, 4, 2], [1, 1, 2, 1]]
    assert conv_transpose2d_same(np.ones((1, 1, 2, 2)), weight, 2)[0, 0].tolist() == expected


@pytest.mark.parametrize(("kernel_size", "stride"), [(4, 2), (3, 2), (5, 2), (3, 1)])
def test_oracle_transposed_is_the_adjoint(kernel_size, stride):
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((4, 3, kernel_size, kernel_size))
    small, large = rng.standard_normal((2, 4, 5, 5)), rng.standard_normal((2, 3, 5 * stride, 5 * stride))
    forward = (conv2d_same(large, weight, stride) * small).sum()
    backward = (large * conv_transpose2d_same(small, weight, stride)).sum()
    np.testing.assert_allclose(forward, backward, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("kernel_size", "stride"), [(5, 2), (4, 2), (3, 1), (7, 1), (4, 1), (5, 1)])
def test_convolution(side, kernel_size, stride, bias):
    layer = _layer(SameConv2d, 3, 4, kernel_size, stride, bias=bias)
    assert isinstance(layer, nn.Conv2d)
    x = _input(side)
    expected = conv2d_same(x, layer.weight.detach().numpy(), stride)
    if bias:
        expected = expected + layer.bias.detach().numpy()[:, None, None]
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), expected, **TOLERANCE)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("kernel_size", "stride"), [(4, 2), (3, 2)])
def test_transposed_convolution(side, kernel_size, stride, bias):
    layer = _layer(SameConvTranspose2d, 3, 4, kernel_size, stride, bias=bias)
    assert isinstance(layer, nn.ConvTranspose2d)
    x = _input(side, seed=1)
    expected = conv_transpose2d_same(x, layer.weight.detach().numpy(), stride)
    if bias:
        expected = expected + layer.bias.detach().numpy()[:, None, None]
    actual = layer(torch.from_numpy(x)).detach().numpy()
    assert actual.shape == (2, 4, side * stride, side * stride)
    np.testing.assert_allclose(actual, expected, **TOLERANCE)


def test_default_is_biased():
    assert SameConv2d(3, 4, 5, 2).bias is not None
    assert SameConvTranspose2d(3, 4, 3, 2).bias is not None
