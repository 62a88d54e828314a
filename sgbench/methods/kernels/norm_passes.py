"""Triton kernels of ``norms``.

A map is read as rows [N, P, C], P = H * W, with channels adjacent: ``image`` and ``place`` are its strides. A program
is a (split, block of channels, image); a split has the ``share`` places from split * share on. What it finds is in
``partial``, float32 [N, splits, 2, C]. Values are bfloat16 or float32, and computed in float32.
"""

import triton
import triton.language as tl


@triton.jit
def _combined(count, mean, m2, total):
    """Chan's formula over the first axis: counts [A, 1], means and squared deviations [A, C] -> those of all, [C]."""
    whole = tl.sum(mean * count, 0) / total
    away = mean - whole[None, :]
    return whole, tl.sum(m2 + away * away * count, 0)


@triton.jit
def _moments(x, first, last, c, channels, place, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr):
    """Mean and sum of squared deviations of places [first, last): Welford's in each lane, then Chan's over lanes.

    The value at the first place is taken off first, so that nothing is lost where a mean is far from 0.
    """
    lane = tl.arange(0, BLOCK_P)
    pivot = tl.load(x + tl.minimum(first, last - 1) * place + c, mask=c < channels, other=0.0).to(tl.float32)
    mean = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    m2 = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    count = 0.0
    for start in range(first, last, BLOCK_P):
        p = start + lane
        inside = (p < last)[:, None] & (c < channels)[None, :]
        value = tl.load(x + p[:, None] * place + c[None, :], mask=inside, other=0.0).to(tl.float32)
        count += 1.0
        value -= pivot[None, :]
        away = tl.where(inside, value - mean, 0.0)
        mean += away * (1.0 / count)
        m2 += away * (value - mean)
    counts = tl.maximum(last - first - lane + BLOCK_P - 1, 0) // BLOCK_P
    whole, m2 = _combined(counts.to(tl.float32)[:, None], mean, m2, tl.maximum(last - first, 1).to(tl.float32))
    return pivot + whole, m2


@triton.jit
def _affine(value, mean, scale, bias):
    """What the activation is applied to, and value - mean. Both passes call it, and it is not fused: the same bits."""
    centred = value - mean[None, :]
    return centred * scale[None, :] + bias[None, :], centred


@triton.jit
def _split_counts(places, share, SPLITS: tl.constexpr):
    """Places of each split, float32 [splits, 1]; the last ones can be empty."""
    return tl.minimum(tl.maximum(places - tl.arange(0, SPLITS) * share, 0), share).to(tl.float32)[:, None]


@triton.jit
def split_moments(x, partial, places, channels, share, image, place, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr):
    """Mean and sum of squared deviations of each split: partial, float32 [N, splits, 2, C]."""
    split, n = tl.program_id(0), tl.program_id(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    first = split * share
    last = tl.minimum(first + share, places)
    mean, m2 = _moments(x + n.to(tl.int64) * image, first, last, c, channels, place, BLOCK_P, BLOCK_C)
    at = partial + (n * tl.num_programs(0) + split) * 2 * channels + c
    tl.store(at, mean, mask=c < channels)
    tl.store(at + channels, m2, mask=c < channels)


@triton.jit
def norm_act(
    x, y, partial, weight, bias, mean, rstd, eps, slope, places, channels, share, image, place,
    SPLITS: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Combines the splits, or reads all places if there is one; then writes its share of y, and the first one mean."""
    split, n = tl.program_id(0), tl.program_id(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = c < channels
    x += n.to(tl.int64) * image
    y += n.to(tl.int64) * places * channels
    first = split * share
    last = tl.minimum(first + share, places)
    if SPLITS == 1:
        m, m2 = _moments(x, 0, places, c, channels, place, BLOCK_P, BLOCK_C)
    else:
        at = partial + (n * SPLITS + tl.arange(0, SPLITS)[:, None]) * 2 * channels + c[None, :]
        means = tl.load(at, mask=known[None, :], other=0.0)
        m2s = tl.load(at + channels, mask=known[None, :], other=0.0)
        m, m2 = _combined(_split_counts(places, share, SPLITS), means, m2s, places.to(tl.float32))
    r = 1.0 / tl.sqrt_rn(m2 / places + eps)
    if split == 0:
        tl.store(mean + n * channels + c, m, mask=known)
        tl.store(rstd + n * channels + c, r, mask=known)
    scale = r * tl.load(weight + c, mask=known, other=0.0)
    shift = tl.load(bias + c, mask=known, other=0.0)
    for start in range(first, last, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        inside = (p < last)[:, None] & known[None, :]
        value = tl.load(x + p[:, None] * place + c[None, :], mask=inside, other=0.0).to(tl.float32)
        value, _ = _affine(value, m, scale, shift)
        value = tl.where(value > 0.0, value, value * slope)
        tl.store(y + p[:, None] * channels + c[None, :], value.to(y.dtype.element_ty), mask=inside)


@triton.jit
def _gradient(grad, x, m, scale, shift, slope, p, last, c, channels, place, grad_place):
    """The gradient before the activation, and x - mean, at places p; both float32 and 0 outside."""
    inside = (p < last)[:, None] & (c < channels)[None, :]
    value = tl.load(x + p[:, None] * place + c[None, :], mask=inside, other=0.0).to(tl.float32)
    g = tl.load(grad + p[:, None] * grad_place + c[None, :], mask=inside, other=0.0).to(tl.float32)
    value, centred = _affine(value, m, scale, shift)
    return tl.where(value > 0.0, g, g * slope), tl.where(inside, centred, 0.0), inside


@triton.jit
def _sums(
    grad, x, m, scale, shift, r, slope, first, last, c, channels, place, grad_place,
    BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Over places [first, last): of the gradient times the normalised value, and of the gradient."""
    of_weight = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    of_bias = tl.zeros([BLOCK_P, BLOCK_C], tl.float32)
    for start in range(first, last, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        g, centred, _ = _gradient(grad, x, m, scale, shift, slope, p, last, c, channels, place, grad_place)
        of_weight += g * centred
        of_bias += g
    return tl.sum(of_weight, 0) * r, tl.sum(of_bias, 0)


@triton.jit
def _channel_values(weight, bias, mean, rstd, n, c, channels):
    """mean, rstd, scale and shift of channels c, as the forward pass had them."""
    known = c < channels
    m = tl.load(mean + n * channels + c, mask=known, other=0.0)
    r = tl.load(rstd + n * channels + c, mask=known, other=0.0)
    scale = r * tl.load(weight + c, mask=known, other=0.0)
    return m, r, scale, tl.load(bias + c, mask=known, other=0.0)


@triton.jit
def split_sums(
    grad, x, partial, weight, bias, mean, rstd, slope, places, channels, share, image, place, grad_image, grad_place,
    BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The two sums of each split: partial, float32 [N, splits, 2, C]."""
    split, n = tl.program_id(0), tl.program_id(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    m, r, scale, shift = _channel_values(weight, bias, mean, rstd, n, c, channels)
    x += n.to(tl.int64) * image
    grad += n.to(tl.int64) * grad_image
    first = split * share
    last = tl.minimum(first + share, places)
    of_weight, of_bias = _sums(
        grad, x, m, scale, shift, r, slope, first, last, c, channels, place, grad_place, BLOCK_P, BLOCK_C
    )
    at = partial + (n * tl.num_programs(0) + split) * 2 * channels + c
    tl.store(at, of_weight, mask=c < channels)
    tl.store(at + channels, of_bias, mask=c < channels)


@triton.jit
def norm_act_backward(
    grad, x, dx, partial, sums, weight, bias, mean, rstd, slope,
    places, channels, share, image, place, grad_image, grad_place,
    SPLITS: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Adds the splits, or all places if there is one; then writes its share of dx, and the first one sums [2, N, C]."""
    split, n, images = tl.program_id(0), tl.program_id(2), tl.num_programs(2)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    known = c < channels
    m, r, scale, shift = _channel_values(weight, bias, mean, rstd, n, c, channels)
    x += n.to(tl.int64) * image
    grad += n.to(tl.int64) * grad_image
    dx += n.to(tl.int64) * places * channels
    first = split * share
    last = tl.minimum(first + share, places)
    if SPLITS == 1:
        of_weight, of_bias = _sums(
            grad, x, m, scale, shift, r, slope, 0, places, c, channels, place, grad_place, BLOCK_P, BLOCK_C
        )
    else:
        at = partial + (n * SPLITS + tl.arange(0, SPLITS)[:, None]) * 2 * channels + c[None, :]
        of_weight = tl.sum(tl.load(at, mask=known[None, :], other=0.0), 0)
        of_bias = tl.sum(tl.load(at + channels, mask=known[None, :], other=0.0), 0)
    if split == 0:
        tl.store(sums + n * channels + c, of_weight, mask=known)
        tl.store(sums + (images + n) * channels + c, of_bias, mask=known)
    of_value = (of_weight * r / places)[None, :]
    of_mean = (of_bias / places)[None, :]
    for start in range(first, last, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        g, centred, inside = _gradient(grad, x, m, scale, shift, slope, p, last, c, channels, place, grad_place)
        value = scale[None, :] * (g - of_mean - centred * of_value)
        tl.store(dx + p[:, None] * channels + c[None, :], value.to(dx.dtype.element_ty), mask=inside)
