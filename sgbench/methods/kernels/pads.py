"""Triton kernel: a bias, a leaky ReLU and the zeros around its result, in one pass; forward and backward.

One kernel computes out[n, c, i, j] = v * slope of (x + bias), with v and x read at offsets of their own, and 0 outside.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

_TILE = 4096
"""Places times channels of a program of 4 warps: 32 values in a thread."""
_CHANNELS = 64
"""Channels of a program: 128 bytes of bfloat16 in each row, a cache line."""


Around = tuple[int, int, int, int]
"""Columns of zeros left and right, rows of zeros above and below."""


def leaky_pad(x: Tensor, bias: Tensor | None, slope: float, around: Around) -> Tensor:
    """Leaky ReLU of x + bias with zeros around: [N, C, H, W] -> [N, C, H + top + bottom, W + left + right].

    Args:
        x: bfloat16 or float32. Of any strides, so that it can be part of a map; fast if channels are adjacent.
        bias: [C], added in float32.
        slope: of negative values.
        around: how many zeros.

    Returns:
        Of x's type, channels-last.
    """
    return _launch(x, x, bias, slope, _padded(x, around), _start(around), _start(around))


def leaky_pad_like(v: Tensor, x: Tensor, bias: Tensor | None, slope: float, around: Around) -> Tensor:
    """As ``leaky_pad``, but of v, times 1 where x + bias > 0 and ``slope`` elsewhere: the adjoint of the backward pass.

    Args:
        v: [N, C, H, W], of any strides.
        x: what ``leaky_pad`` was given, as is all else.
    """
    return _launch(v, x, bias, slope, _padded(x, around), _start(around), _start(around))


def leaky_pad_backward(grad: Tensor, x: Tensor, bias: Tensor | None, slope: float, around: Around) -> Tensor:
    """Gradient of ``leaky_pad`` with respect to x, [N, C, H, W], of grad's type, channels-last.

    Args:
        grad: [N, C, H + top + bottom, W + left + right], of any strides.
        x: what ``leaky_pad`` was given, as is all else.
    """
    top, left = _start(around)
    return _launch(grad, x, bias, slope, tuple(x.shape[2:]), (-top, -left), (0, 0))


def leaky_pad_gradients(grad: Tensor, x: Tensor, bias: Tensor, slope: float, around: Around) -> tuple[Tensor, Tensor]:
    """As ``leaky_pad_backward``, and the gradient with respect to bias, float32 [C]: sums of the other one."""
    (top, left), (n, channels, height, width) = _start(around), x.shape
    sums = torch.empty((_blocks(n * height * width, channels)[0], channels), dtype=torch.float32, device=x.device)
    return _launch(grad, x, bias, slope, (height, width), (-top, -left), (0, 0), sums), sums.sum(0)


def _padded(x: Tensor, around: Around) -> tuple[int, int]:
    left, right, top, bottom = around
    return x.shape[2] + top + bottom, x.shape[3] + left + right


def _start(around: Around) -> tuple[int, int]:
    """Row and column at which the map starts."""
    return around[2], around[0]


def _blocks(places: int, channels: int) -> tuple[int, int, int, int]:
    """Blocks of places and of channels, and their sizes."""
    block_c = min(_CHANNELS, triton.next_power_of_2(channels))
    block_p = _TILE // block_c
    return triton.cdiv(places, block_p), triton.cdiv(channels, block_c), block_p, block_c


def _launch(
    v: Tensor,
    x: Tensor,
    bias: Tensor | None,
    slope: float,
    size: tuple[int, int],
    v_from: tuple[int, int],
    x_from: tuple[int, int],
    sums: Tensor | None = None,
) -> Tensor:
    """[N, C, *size] of v and x, which start there at (row, column); sums over each block's places go to ``sums``."""
    n, channels = x.shape[:2]
    out = torch.empty((n, *size, channels), dtype=v.dtype, device=v.device)
    places = n * size[0] * size[1]
    *grid, block_p, block_c = _blocks(places, channels)
    _leaky_pad[tuple(grid)](
        v, x, x if bias is None else bias, out, out if sums is None else sums, slope, places, channels, *size,
        *v.shape[2:], *v_from, *v.stride(), *x.shape[2:], *x_from, *x.stride(),
        SAME=v is x, BIAS=bias is not None, SUMS=sums is not None,
        BLOCK_P=block_p, BLOCK_C=block_c, num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip
    return out.permute(0, 3, 1, 2)


@triton.jit
def _read(x, n, i, j, c, known, height, width, top, left, image, channel, line, place):
    """Values of a map that starts at (top, left), float32 [BLOCK_P, BLOCK_C], and which of them are inside; else 0."""
    i, j = i - top, j - left
    inside = known & ((i >= 0) & (i < height) & (j >= 0) & (j < width))[:, None]
    at = (n.to(tl.int64) * image + i * line + j * place)[:, None] + (c * channel)[None, :]
    return tl.load(x + at, mask=inside, other=0.0).to(tl.float32), inside


@triton.jit
def _leaky_pad(
    v, x, bias, out, sums, slope, places, channels, height, width,
    v_height, v_width, v_top, v_left, v_image, v_channel, v_line, v_place,
    x_height, x_width, x_top, x_left, x_image, x_channel, x_line, x_place,
    SAME: tl.constexpr, BIAS: tl.constexpr, SUMS: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Places of all images and rows in turn, and some of the channels."""
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = (p < places)[:, None] & (c < channels)[None, :]
    row = p // width
    n, i, j = row // height, row % height, p % width
    value, inside = _read(v, n, i, j, c, known, v_height, v_width, v_top, v_left, v_image, v_channel, v_line, v_place)
    if SAME:
        sign = value
    else:
        sign, _ = _read(x, n, i, j, c, known, x_height, x_width, x_top, x_left, x_image, x_channel, x_line, x_place)
    if BIAS:
        sign += tl.load(bias + c, mask=c < channels, other=0.0).to(tl.float32)[None, :]
        if SAME:
            value = tl.where(inside, sign, 0.0)
    value = tl.where(sign > 0.0, value, value * slope)
    if SUMS:
        tl.store(sums + tl.program_id(0) * channels + c, tl.sum(value, 0), mask=c < channels)
    tl.store(out + p.to(tl.int64)[:, None] * channels + c[None, :], value.to(out.dtype.element_ty), mask=known)
