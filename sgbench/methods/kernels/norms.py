"""Instance norm with scale, shift and leaky ReLU by Triton kernels, forward and backward, on channels-last maps.

Each image's places are split over programs. A first kernel leaves what each split knows of its channels; a second one
combines that in a fixed order and writes the map. A map of few places takes one kernel, in which a program reads all
places of its channels twice.

Launches depend on shapes alone: nothing is tuned or synchronised, so they can be captured in a CUDA graph. Nothing is
added atomically, so results repeat bit for bit.
"""

import torch
import triton
from torch import Tensor

from sgbench.methods.kernels import norm_passes

_TILE = 8192
"""Places times channels that a program of 8 warps holds at a time; half as many in the backward pass, of two maps.

A thread then needs up to 128 registers, and a processor has room for two programs.
"""
_CHANNELS = 64
"""Channels of a program: 128 bytes of bfloat16 in each row, a cache line."""
_PROGRAMS = 256
"""Programs wanted: about 2 for each of 132 processors, which can hold them all at once."""
_MOST_SPLITS = 32
"""Every program of the second kernel reads all splits of its channels: 16 KiB at most, less than a split mostly."""
_FEW_PLACES = 1024
"""Up to so many places one kernel is taken, with as few as 16 channels to a program if there are few programs."""


def norm_act(x: Tensor, weight: Tensor, bias: Tensor, eps: float, slope: float) -> tuple[Tensor, Tensor, Tensor]:
    """y = leaky_relu((x - mean) * rstd * weight + bias), with mean and biased variance of each image and channel.

    Args:
        x: [N, C, H, W], bfloat16 or float32. Channels-last, or some channels of such a map; another layout is copied.
        weight: float32 [C].
        bias: float32 [C].
        eps: added to the variance.
        slope: of negative values: 0 for a ReLU, 1 for none.

    Returns:
        y, of x's type and shape, channels-last; mean and rstd = 1 / sqrt(variance + eps), float32 [N, C].
    """
    rows = _rows(x)
    n, places, channels = rows.shape
    y = torch.empty((n, places, channels), dtype=x.dtype, device=x.device)
    mean, rstd = torch.empty((2, n, channels), dtype=torch.float32, device=x.device)
    grid, share, options = _launch(n, places, channels, _TILE)
    partial = torch.empty((n, grid[0], 2, channels), dtype=torch.float32, device=x.device)
    sizes = places, channels, share, rows.stride(0), rows.stride(1)
    if grid[0] > 1:
        norm_passes.split_moments[grid](rows, partial, *sizes, **options)
    norm_passes.norm_act[grid](
        rows, y, partial, weight, bias, mean, rstd, eps, slope, *sizes, SPLITS=grid[0], **options
    )
    return _maps(y, x), mean, rstd


def norm_act_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, rstd: Tensor, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of ``norm_act`` from that of y. Which values were negative is computed again, as the forward pass did.

    Args:
        grad: [N, C, H, W], bfloat16 or float32, laid out like x.
        x: what ``norm_act`` was given, as are ``weight``, ``bias`` and ``slope``.
        weight: float32 [C].
        bias: float32 [C].
        mean: float32 [N, C], by ``norm_act``, as is ``rstd``.
        rstd: float32 [N, C].
        slope: of negative values.

    Returns:
        dx, of x's type and shape, channels-last; dweight and dbias, float32 [C].
    """
    rows, grads = _rows(x), _rows(grad)
    n, places, channels = rows.shape
    dx = torch.empty((n, places, channels), dtype=x.dtype, device=x.device)
    sums = torch.empty((2, n, channels), dtype=torch.float32, device=x.device)
    grid, share, options = _launch(n, places, channels, _TILE // 2)
    partial = torch.empty((n, grid[0], 2, channels), dtype=torch.float32, device=x.device)
    sizes = places, channels, share, rows.stride(0), rows.stride(1), grads.stride(0), grads.stride(1)
    known = weight, bias, mean, rstd, slope
    if grid[0] > 1:
        norm_passes.split_sums[grid](grads, rows, partial, *known, *sizes, **options)
    norm_passes.norm_act_backward[grid](grads, rows, dx, partial, sums, *known, *sizes, SPLITS=grid[0], **options)
    dweight, dbias = sums.sum(1)
    return _maps(dx, x), dweight, dbias


def _rows(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, P, C] with adjacent channels, a view where the layout allows it."""
    rows = x.permute(0, 2, 3, 1).flatten(1, 2)
    return rows if rows.stride(2) == 1 else rows.contiguous()


def _maps(rows: Tensor, x: Tensor) -> Tensor:
    """[N, P, C] -> [N, C, H, W], the shape of x, channels-last."""
    return rows.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


def _launch(n: int, places: int, channels: int, tile: int) -> tuple[tuple[int, int, int], int, dict[str, int]]:
    """A grid (splits, blocks of channels, N), the places of a split, and options of a launch."""
    block_c, splits = min(_CHANNELS, triton.next_power_of_2(channels)), 1
    if places <= _FEW_PLACES:
        while block_c > 16 and 2 * n * triton.cdiv(channels, block_c) < _PROGRAMS:
            block_c //= 2
    blocks = triton.cdiv(channels, block_c)
    block_p = min(tile // block_c, triton.next_power_of_2(places))
    while places > max(_FEW_PLACES, splits * block_p) and splits < _MOST_SPLITS and n * blocks * splits < _PROGRAMS:
        splits *= 2
    share = triton.cdiv(triton.cdiv(places, splits), block_p) * block_p
    # Products and sums are fused only where the code says so: then both directions find the same values negative.
    options = {"BLOCK_P": block_p, "BLOCK_C": block_c, "enable_fp_fusion": False}
    return (splits, blocks, n), share, options | {"num_warps": min(8, max(1, 8 * block_p * block_c // tile))}
