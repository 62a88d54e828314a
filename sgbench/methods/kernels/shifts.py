"""Triton kernels: a "same" convolution to few channels as a product at each place, then a sum of shifted results.

With G convolutions (branches) of kernel K from w channels to c each, on maps of N images:

    product: [G, N * H * W, w] @ [G, w, K * D] -> z [G, N, H, W, K * D]             one torch.bmm
    sum:     z -> y [N, G * c, H, W], channels-last

For a place and a row of the kernel, z has D columns: (column * c + channel), then padding. D is ``row_size(K, c)``, a
multiple of 8 (24 for K = 7 and c = 3), so that each row of the kernel starts at a multiple of 16 bytes in bfloat16. At
the exact size, 7 * 21 = 147, both the product and the kernels here would have to move single values of 2 bytes.
``shifted_weight`` arranges weights so.
The product reads features that are [N, G * w, H, W], channels-last, without a copy, as
``f.permute(0, 2, 3, 1).reshape(N * H * W, G, w).transpose(0, 1)``; one map for all branches is expanded over G.

Both kernels use that a shift between rows is one of addresses, while only shifts within a row need an exchange between
threads: the sum adds K rows of z as they are and then exchanges once, and its adjoint takes a row of the gradient apart
once and writes it K times.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

_VALUES_PER_WARP = 1024
"""32 values of a tile in each thread."""


def row_size(kernel_size: int, channels: int) -> int:
    """D, the columns of z for a row of the kernel: kernel_size * channels, rounded up to a multiple of 8."""
    return triton.cdiv(kernel_size * channels, 8) * 8


def shifted_weight(weight: Tensor, groups: int) -> Tensor:
    """Weights of G convolutions, [G * c, w, K, K], as the product wants them: [G, w, K * D]; differentiable."""
    out, _, _, kernel_size = weight.shape
    rows = weight.unflatten(0, (groups, out // groups)).permute(0, 2, 3, 4, 1).flatten(3)
    return F.pad(rows, (0, row_size(kernel_size, out // groups) - rows.shape[3])).flatten(2)


def sum_shifted(z: Tensor, kernel_size: int, channels: int) -> Tensor:
    """The sum over (row, column) of what z has for them at (row - K // 2, column - K // 2) from each place.

    y[n, g * c + k, i, j] = sum of z[g, n, i + row - K // 2, j + column - K // 2, row * D + column * c + k].

    Outside of the map z counts as 0; sums are taken in float32. Intended for kernel_size * channels of up to 64 and
    maps of up to 512 columns, a row of which a program holds.

    Args:
        z: [G, N, H, W, K * D], bfloat16 or float32, contiguous, in the module's order; D is at least K * c. What is in
            its padding does not matter.
        kernel_size: K.
        channels: c, of a group.

    Returns:
        [N, G * c, H, W], of z's type, channels-last.
    """
    groups, n, height, width, columns = z.shape
    row_columns = columns // kernel_size
    if row_columns * kernel_size != columns or row_columns < kernel_size * channels:
        raise ValueError(f"{columns} columns do not hold {kernel_size} rows of {kernel_size} x {channels}")
    y = torch.empty((n, height, width, groups * channels), dtype=z.dtype, device=z.device)
    options = _options(width, kernel_size, channels, row_columns)
    _sum_shifted[(height, n, groups)](z.contiguous(), y, height, width, **options)
    return y.permute(0, 3, 1, 2)


def gather_shifted(g: Tensor, kernel_size: int, groups: int) -> Tensor:
    """The adjoint of ``sum_shifted``: the gradient of z from that of y.

    Args:
        g: [N, G * c, H, W], bfloat16 or float32, of any layout.
        kernel_size: K.
        groups: G.

    Returns:
        [G, N, H, W, K * D], of g's type, contiguous, D = ``row_size(K, c)``; its padding is 0.
    """
    n, channels, height, width = g.shape
    channels //= groups
    columns = row_size(kernel_size, channels)
    dz = torch.empty((groups, n, height, width, kernel_size * columns), dtype=g.dtype, device=g.device)
    options = _options(width, kernel_size, channels, columns)
    _gather_shifted[(height + kernel_size - 1, n, groups)](g, dz, height, width, *g.stride(), **options)
    return dz


def _options(width: int, kernel_size: int, channels: int, columns: int) -> dict[str, int | bool]:
    """A program holds one row of the map: K * c values, of D columns, for each place, both as powers of 2."""
    block_w, block_d = triton.next_power_of_2(width), triton.next_power_of_2(columns)
    warps = min(16, max(1, block_w * block_d // _VALUES_PER_WARP))
    sizes = {"K": kernel_size, "CHANNELS": channels, "D": columns, "BLOCK_W": block_w, "BLOCK_D": block_d}
    return sizes | {"num_warps": warps, "enable_fp_fusion": False}


@triton.jit
def _sum_shifted(
    z, y, height, width,
    K: tl.constexpr, CHANNELS: tl.constexpr, D: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """A row of y for a group and an image."""
    i, n, group = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    images, groups = tl.num_programs(1), tl.num_programs(2)
    j = tl.arange(0, BLOCK_W)
    d = tl.arange(0, BLOCK_D)
    row_of_map = (group * images + n).to(tl.int64) * height
    total = tl.zeros([BLOCK_W, BLOCK_D], tl.float32)
    for row in tl.static_range(K):
        source = i + row - K // 2
        at = z + (row_of_map + source) * width * (K * D) + row * D + j[:, None] * (K * D) + d[None, :]
        reach = tl.where((source >= 0) & (source < height), width, 0)
        total += tl.load(at, mask=(j < reach)[:, None] & (d < D)[None, :], other=0.0).to(tl.float32)
    source = j[:, None] + (d // CHANNELS)[None, :] - K // 2
    moved = tl.gather(total, tl.minimum(tl.maximum(source, 0), BLOCK_W - 1), 0)
    within = (source >= 0) & (source < width) & (d < K * CHANNELS)[None, :]
    out = y + ((n.to(tl.int64) * height + i) * width + j) * (groups * CHANNELS) + group * CHANNELS
    for k in tl.static_range(CHANNELS):
        value = tl.sum(tl.where(within & (d % CHANNELS == k)[None, :], moved, 0.0), 1)
        tl.store(out + k, value.to(y.dtype.element_ty), mask=j < width)


@triton.jit
def _gather_shifted(
    g, dz, height, width, image, channel, line, place,
    K: tl.constexpr, CHANNELS: tl.constexpr, D: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """A row of g, or one above or below the map, to the K rows of dz that it is in."""
    i, n, group = tl.program_id(0) - (K - 1 - K // 2), tl.program_id(1), tl.program_id(2)
    images = tl.num_programs(1)
    j = tl.arange(0, BLOCK_W)
    d = tl.arange(0, BLOCK_D)
    source = j[:, None] - (d // CHANNELS)[None, :] + K // 2
    reach = tl.where((i >= 0) & (i < height), width, 0)
    within = (source >= 0) & (source < reach) & (d < K * CHANNELS)[None, :]
    at = g + n.to(tl.int64) * image + (group * CHANNELS + d % CHANNELS)[None, :] * channel + i * line + source * place
    value = tl.load(at, mask=within, other=0.0)
    row_of_map = (group * images + n).to(tl.int64) * height
    for row in tl.static_range(K):
        target = i + row - K // 2
        out = dz + (row_of_map + target) * width * (K * D) + row * D + j[:, None] * (K * D) + d[None, :]
        reach = tl.where((target >= 0) & (target < height), width, 0)
        tl.store(out, value, mask=(j < reach)[:, None] & (d < D)[None, :])
