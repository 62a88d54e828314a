"""Shapes of the embedded faces: coverage of distances, soft blobs, waves and noise.

Planes are float32 [N, 1, S, S], factors [N, 1, 1, 1], colours [N, 3, 1, 1]. Only operations that IEEE arithmetic rounds
exactly are used (no exp, sin or fused lerp), so that a pixel does not depend on its place in the batch.
"""

import torch
from torch import Tensor


def mix(first: Tensor, second: Tensor, part: Tensor | float) -> Tensor:
    """``first`` where part is 0, ``second`` where it is 1."""
    return first + (second - first) * part


def paint(image: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    """Lay a colour over the image [N, 3, S, S], in place, and return it."""
    return image.add_((colour - image).mul_(alpha))


def cover(distance: Tensor, width: Tensor) -> Tensor:
    """The share of a pixel inside a shape: its signed distance (negative inside) over the pixel's width."""
    return (0.5 - distance / width).clamp_(0, 1)


def ramp(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Smoothstep from 0 at ``low`` to 1 at ``high``, which may be below it."""
    t = ((x - low) / (high - low)).clamp_(0, 1)
    return t * t * (3 - 2 * t)


def bump(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """A soft blob: 1 at the origin, exactly 0 outside the ellipse with these radii."""
    return (1 - (x / width).square() - (y / height).square()).clamp_(min=0).square()


def ellipse(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """The approximate signed distance to an ellipse with these radii."""
    a, b = x / width, y / height
    slope = ((a / width).square() + (b / height).square()).sqrt_()
    return (a * a + b * b - 1) / (2 * slope + 1e-4)


def arc(u: Tensor) -> Tensor:
    """A parabola: 1 at 0, 0 at -1 and 1, negative beyond."""
    return 1 - u * u


def wave(t: Tensor) -> Tensor:
    """A sine-like wave of period 1 in [-1, 1]."""
    f = t - t.floor() - 0.5
    return 8 * f * (1 - 2 * f.abs())


def noise(lattice: Tensor, size: int) -> Tensor:
    """Smooth interpolation of [N, C, G, G] to [N, C, size, size], the same picture at every size."""
    cells = lattice.shape[-1]
    place = (torch.arange(size) + 0.5) * ((cells - 1) / size)
    start = place.long().clamp(max=cells - 2)
    part = place - start
    part = part * part * (3 - 2 * part)
    rows = mix(lattice[:, :, start], lattice[:, :, start + 1], part[:, None])
    return mix(rows[:, :, :, start], rows[:, :, :, start + 1], part)
