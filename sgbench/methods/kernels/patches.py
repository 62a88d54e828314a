"""Triton kernels: what each place of a convolution looks at, as a row of a matrix, for maps of few channels.

For a place and a row of the kernel there are D columns: (column * c + channel), then zeros. D is ``row_size(K, c)``, a
multiple of 8 (24 for K = 7 and c = 3), so that each row of the kernel starts at a multiple of 16 bytes in bfloat16. At
the exact size, 7 * 21 = 147, products would have to move single values of 2 bytes.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

_TILE = 4096
"""Values of a program of 4 warps: 32 in a thread, all of which it asks for before it waits for one."""
_FOLDED = 512
"""Values of a program that adds patches up: 4 in a thread, of which each is a sum of several."""


def row_size(kernel_size: int, channels: int) -> int:
    """D, the columns for a row of the kernel: kernel_size * channels, rounded up to a multiple of 8."""
    return triton.cdiv(kernel_size * channels, 8) * 8


def patches(x: Tensor, kernel_size: int, stride: int, before: Sequence[int], places: Sequence[int]) -> Tensor:
    """What the places of a convolution look at: z[n, i, j, row * D + column * c + k], as a matrix.

    It is x[n, k, stride * i + row - before[0], stride * j + column - before[1]], and 0 outside of the map.

    Args:
        x: [N, c, H, W], bfloat16 or float32, of any layout.
        kernel_size: K.
        stride: of the convolution.
        before: zeros above and left of the map.
        places: rows and columns of the convolution's result.

    Returns:
        [N * rows * columns, K * D], of x's type, contiguous.
    """
    return _launch(x, 1, kernel_size, stride, 1, before, places).flatten(0, 3)


def gather_shifted(g: Tensor, kernel_size: int, groups: int) -> Tensor:
    """The adjoint of ``shifts.sum_shifted``: the gradient of z from that of y.

    Args:
        g: [N, G * c, H, W], bfloat16 or float32, of any layout.
        kernel_size: K.
        groups: G.

    Returns:
        [G, N, H, W, K * D], of g's type, contiguous, D = ``row_size(K, c)``; its padding is 0.
    """
    before = -(kernel_size // 2), -(kernel_size // 2)
    return _launch(g, groups, kernel_size, 1, -1, before, g.shape[2:])


def _launch(
    x: Tensor,
    groups: int,
    kernel_size: int,
    stride: int,
    direction: int,
    before: Sequence[int],
    places: Sequence[int],
) -> Tensor:
    """[groups, N, rows, columns, K * D]; ``direction`` is -1 where the kernel is gone through backwards."""
    n, channels, height, width = x.shape
    channels //= groups
    columns = row_size(kernel_size, channels)
    z = torch.empty((groups, n, *places, kernel_size * columns), dtype=x.dtype, device=x.device)
    block_c = triton.next_power_of_2(kernel_size * columns)
    block_w = min(max(1, _TILE // block_c), triton.next_power_of_2(places[1]))
    blocks = triton.cdiv(places[1], block_w)
    _patches[(places[0] * blocks, n, groups)](
        x, z, height, width, *places, blocks, *x.stride(), stride, *before, DIRECTION=direction, K=kernel_size,
        CHANNELS=channels, D=columns, BLOCK_W=block_w, BLOCK_C=block_c,
        num_warps=max(1, 4 * block_w * block_c // _TILE), enable_fp_fusion=False,
    )  # fmt: skip
    return z


@triton.jit
def _patches(
    x, z, height, width, rows, columns, blocks, image, channel, line, place, stride, top, left,
    DIRECTION: tl.constexpr, K: tl.constexpr, CHANNELS: tl.constexpr, D: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Some places of a row, for a group and an image."""
    i, n, group = tl.program_id(0) // blocks, tl.program_id(1), tl.program_id(2)
    j = tl.program_id(0) % blocks * BLOCK_W + tl.arange(0, BLOCK_W)
    c = tl.arange(0, BLOCK_C)
    d = c % D
    source_row = i * stride + DIRECTION * (c // D) - top
    source = j[:, None] * stride + DIRECTION * (d // CHANNELS)[None, :] - left
    known = (c < K * D) & (d < K * CHANNELS) & (source_row >= 0) & (source_row < height)
    within = known[None, :] & (source >= 0) & (source < width)
    x += n.to(tl.int64) * image + group * CHANNELS * channel
    value = tl.load(x + (d % CHANNELS * channel + source_row * line)[None, :] + source * place, mask=within, other=0.0)
    z += ((group * tl.num_programs(1) + n).to(tl.int64) * rows + i) * columns * (K * D)
    tl.store(z + j[:, None] * (K * D) + c[None, :], value, mask=(j < columns)[:, None] & (c < K * D)[None, :])


def fold(z: Tensor, kernel_size: int, channels: int, stride: int, before: Sequence[int], size: Sequence[int]) -> Tensor:
    """The adjoint of ``patches``: each value of z is added to the place of the map that it came from, in float32.

    Args:
        z: [N, rows, columns, K * D], bfloat16 or float32, contiguous.
        kernel_size: K.
        channels: c.
        stride: of the convolution.
        before: zeros above and left of the map.
        size: height and width of the map.

    Returns:
        [N, c, height, width], of z's type, channels-last.
    """
    n, rows, columns, _ = z.shape
    y = torch.empty((n, *size, channels), dtype=z.dtype, device=z.device)
    block_c = triton.next_power_of_2(channels)
    block_w = min(_FOLDED // block_c, triton.next_power_of_2(size[1]))
    _fold[(size[0], triton.cdiv(size[1], block_w), n)](
        z, y, rows, columns, *size, *before, STRIDE=stride, K=kernel_size, CHANNELS=channels,
        D=row_size(kernel_size, channels), BLOCK_W=block_w, BLOCK_C=block_c,
        num_warps=max(1, block_w * block_c // 128), enable_fp_fusion=False,
    )  # fmt: skip
    return y.permute(0, 3, 1, 2)


@triton.jit
def _fold(
    z, y, rows, columns, height, width, top, left,
    STRIDE: tl.constexpr, K: tl.constexpr, CHANNELS: tl.constexpr, D: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Some places of a row of an image. Of the kernel's rows and columns only every ``STRIDE``-th reaches a place."""
    i, n = tl.program_id(0), tl.program_id(2)
    j = tl.program_id(1) * BLOCK_W + tl.arange(0, BLOCK_W)
    k = tl.arange(0, BLOCK_C)
    known = (j < width)[:, None] & (k < CHANNELS)[None, :]
    z += n.to(tl.int64) * rows * columns * (K * D)
    total = tl.zeros([BLOCK_W, BLOCK_C], tl.float32)
    first_row, first_column = (i + top) % STRIDE, (j + left) % STRIDE
    for a in tl.static_range((K + STRIDE - 1) // STRIDE):
        row = first_row + a * STRIDE
        source_row = (i + top - row) // STRIDE
        reach = tl.where((row < K) & (source_row >= 0) & (source_row < rows), columns, 0)
        for b in tl.static_range((K + STRIDE - 1) // STRIDE):
            column = first_column + b * STRIDE
            source = (j + left - column) // STRIDE
            within = (column < K) & (source >= 0) & (source < reach)
            at = (source_row * columns + source) * (K * D) + row * D + column * CHANNELS
            mask = known & within[:, None]
            total += tl.load(z + at[:, None] + k[None, :], mask=mask, other=0.0).to(tl.float32)
    y += (n.to(tl.int64) * height + i) * width * CHANNELS
    tl.store(y + j[:, None] * CHANNELS + k[None, :], total.to(y.dtype.element_ty), mask=known)
