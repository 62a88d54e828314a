"""TensorFlow's "SAME" convolutions in plain NumPy, from its padding rule."""

import numpy as np


def same_padding(side, kernel_size, stride):
    """(output side, padding before, padding after) along one axis."""
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel_size - side, 0)
    before = total // 2
    return out, before, total - before


def conv2d_same(x, weight, stride):
    """Correlation of x [N, C, H, W] with weight [O, C, k, k]."""
    number, _, height, width = x.shape
    channels_out, _, k, _ = weight.shape
    out_h, top, bottom = same_padding(height, k, stride)
    out_w, left, right = same_padding(width, k, stride)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    y = np.zeros((number, channels_out, out_h, out_w))
    for i in range(out_h):
        for j in range(out_w):
            patch = padded[:, :, i * stride : i * stride + k, j * stride : j * stride + k]
            y[:, :, i, j] = np.tensordot(patch, weight, axes=([1, 2, 3], [1, 2, 3]))
    return y


def conv_transpose2d_same(x, weight, stride):
    """Gradient of the "SAME" convolution from sides n * stride to n.

    x is [N, C_in, n, n] and weight [C_in, C_out, k, k]: as a convolution's weight it maps C_out channels to C_in.
    """
    number, _, height, width = x.shape
    _, channels_out, k, _ = weight.shape
    out_h, top, bottom = same_padding(height * stride, k, stride)
    out_w, left, right = same_padding(width * stride, k, stride)
    assert (out_h, out_w) == (height, width)
    # The gradient with respect to the padded input: each place of x hands its kernel back where it was read from.
    padded = np.zeros((number, channels_out, height * stride + top + bottom, width * stride + left + right))
    for i in range(height):
        for j in range(width):
            patch = np.tensordot(x[:, :, i, j], weight, axes=([1], [0]))
            padded[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += patch
    return padded[:, :, top : top + height * stride, left : left + width * stride]
