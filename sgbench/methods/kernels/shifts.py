"""Triton kernel: a "same" convolution to few channels as a product at each place, then a sum of shifted results.

With G convolutions (branches) of kernel K from w channels to c each, on maps of N images:

    product: [G, N * H * W, w] @ [G, w, K * D] -> z [G, N, H, W, K * D]             one torch.bmm
    sum:     z -> y [N, G * c, H, W], channels-last

For a place and a row of the kernel, z has D columns: (column * c + channel), then padding, as ``patches`` has them.
``shifted_weight`` arranges weights so.
The product reads features that are [N, G * w, H, W], channels-last, without a copy, as
``f.permute(0, 2, 3, 1).reshape(N * H * W, G, w).transpose(0, 1)``; one map for all branches is expanded over G.

The sum uses that a shift between rows is one of addresses, while only shifts within a row need an exchange between
threads: it adds K rows of z as they are and then exchanges once. Its adjoint is ``patches.gather_shifted``.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from sgbench.methods.kernels.patches import row_size

_VALUES_PER_WARP = 1024
"""32 values of a tile in each thread."""


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
    # A program holds K * c values, of D columns, for each place of a row of the map, both as powers of 2.
    block_w, block_d = triton.next_power_of_2(width), triton.next_power_of_2(row_columns)
    _sum_shifted[(height, n, groups)](
        z.contiguous(), y, height, width, K=kernel_size, CHANNELS=channels, D=row_columns, BLOCK_W=block_w,
        BLOCK_D=block_d, num_warps=min(16, max(1, block_w * block_d // _VALUES_PER_WARP)), enable_fp_fusion=False,
    )  # fmt: skip
    return y.permute(0, 3, 1, 2)


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
