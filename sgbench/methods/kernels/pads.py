"""Triton kernel: a leaky ReLU and the zeros around its result, in one pass; forward and backward.

One kernel computes out[n, c, i, j] = v * slope of x, with v and x read at offsets of their own, and 0 outside of them.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

_TILE = 4096
"""Places times channels of a program of 4 warps: 32 values in a thread."""
_CHANNELS = 64
"""Channels of a program: 128 bytes of bfloat16 in each row, a cache line."""


def leaky_pad(x: Tensor, slope: float, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Leaky ReLU with zeros around: [N, C, H, W] -> [N, C, H + top + bottom, W + left + right], channels-last.

    Args:
        x: bfloat16 or float32. Of any strides, so that it can be part of a map; fast if channels are adjacent.
        slope: of negative values.
        left: columns of zeros, as is ``right``.
        right: at the end.
        top: rows of zeros, as is ``bottom``.
        bottom: at the end.
    """
    return leaky_pad_like(x, x, slope, left, right, top, bottom)


def leaky_pad_like(v: Tensor, x: Tensor, slope: float, left: int, right: int, top: int, bottom: int) -> Tensor:
    """As ``leaky_pad``, but of v, times 1 where x > 0 and ``slope`` elsewhere: the adjoint of the backward pass."""
    height, width = x.shape[2] + top + bottom, x.shape[3] + left + right
    return _launch(v, x, slope, height, width, (top, left), (top, left))


def leaky_pad_backward(
    grad: Tensor, x: Tensor, slope: float, left: int, right: int, top: int, bottom: int
) -> Tensor:  # fmt: skip
    """Gradient of ``leaky_pad`` with respect to x, [N, C, H, W], of grad's type, channels-last.

    Args:
        grad: [N, C, H + top + bottom, W + left + right], of any strides.
        x: what ``leaky_pad`` was given, as is all else.
    """
    return _launch(grad, x, slope, x.shape[2], x.shape[3], (-top, -left), (0, 0))


def _launch(
    v: Tensor, x: Tensor, slope: float, height: int, width: int, v_from: tuple[int, int], x_from: tuple[int, int]
) -> Tensor:
    """[N, C, height, width] of v and x, which start there at (row, column)."""
    n, channels = x.shape[:2]
    out = torch.empty((n, height, width, channels), dtype=v.dtype, device=v.device)
    block_c = min(_CHANNELS, triton.next_power_of_2(channels))
    places, block_p = n * height * width, _TILE // block_c
    _leaky_pad[(triton.cdiv(places, block_p), triton.cdiv(channels, block_c))](
        v, x, out, slope, places, channels, height, width,
        *v.shape[2:], *v_from, *v.stride(), *x.shape[2:], *x_from, *x.stride(),
        SAME=v is x, BLOCK_P=block_p, BLOCK_C=block_c, num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip
    return out.permute(0, 3, 1, 2)


@triton.jit
def _read(x, n, i, j, c, known, height, width, top, left, image, channel, line, place):
    """Values of a map that starts at (top, left), float32 [BLOCK_P, BLOCK_C]: 0 outside of it."""
    i, j = i - top, j - left
    inside = known & ((i >= 0) & (i < height) & (j >= 0) & (j < width))[:, None]
    at = (n.to(tl.int64) * image + i * line + j * place)[:, None] + (c * channel)[None, :]
    return tl.load(x + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _leaky_pad(
    v, x, out, slope, places, channels, height, width,
    v_height, v_width, v_top, v_left, v_image, v_channel, v_line, v_place,
    x_height, x_width, x_top, x_left, x_image, x_channel, x_line, x_place,
    SAME: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Places of all images and rows in turn, and some of the channels."""
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = (p < places)[:, None] & (c < channels)[None, :]
    row = p // width
    n, i, j = row // height, row % height, p % width
    value = _read(v, n, i, j, c, known, v_height, v_width, v_top, v_left, v_image, v_channel, v_line, v_place)
    if SAME:
        sign = value
    else:
        sign = _read(x, n, i, j, c, known, x_height, x_width, x_top, x_left, x_image, x_channel, x_line, x_place)
    value = tl.where(sign > 0.0, value, value * slope).to(out.dtype.element_ty)
    tl.store(out + p.to(tl.int64)[:, None] * channels + c[None, :], value, mask=known)
