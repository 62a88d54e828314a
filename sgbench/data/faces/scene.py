"""What surrounds an embedded face: the background, the neck and the clothes."""

import torch
from torch import Tensor

from sgbench.data.faces.factors import Factors
from sgbench.data.faces.shapes import arc, bump, cover, mix, noise, paint, ramp, wave


def background(factors: Factors, u: Tensor, v: Tensor, size: int) -> Tensor:
    """A blurred, textured backdrop: float32 [N, 3, size, size]; u, v in [-1, 1], v downwards."""
    grey, vivid = factors.uniform("backdrop_grey", 0.2, 0.8), factors.uniform("backdrop_vivid", 0.2, 0.75)
    first = mix(grey, factors.colour("backdrop"), vivid)
    second = mix(first, factors.colour("backdrop_end"), 0.6)
    across, down = factors.uniform("gradient_x", -0.6, 0.6), factors.uniform("gradient_y", -0.6, 0.6)
    image = mix(first, second, (0.5 + across * u + down * v).clamp_(0, 1))
    clouds = noise(factors.lattice("clouds", 5, 3), size)
    image += clouds * factors.uniform("cloud_strength", 0.03, 0.11)
    for k in range(5):
        x, y = factors.uniform(f"blob_x{k}", -1.1, 1.1), factors.uniform(f"blob_y{k}", -1.1, 0.6)
        radius = factors.uniform(f"blob_size{k}", 0.2, 0.65)
        alpha = bump(u - x, v - y, radius, radius * factors.uniform(f"blob_shape{k}", 0.7, 1.5))
        paint(
            image, mix(grey, factors.colour(f"blob{k}"), vivid), alpha * factors.uniform(f"blob_strength{k}", 0.2, 0.75)
        )
    frequency = factors.uniform("stripe_frequency", 0.8, 3.5)
    lean = factors.uniform("stripe_lean", -1, 1)
    bend = noise(factors.lattice("stripe_bend", 4), size) * factors.uniform("stripe_bent", 0, 0.4)
    stripes = wave(frequency * (u + lean * v) + bend + factors.uniform("stripe_phase"))
    checks = wave(frequency * (v - lean * u) + factors.uniform("check_phase")) * factors.chance("checks", 0.4)
    image += (stripes + checks) * factors.chance("stripes", 0.45) * factors.uniform("stripe_strength", 0.02, 0.07)
    image += noise(factors.lattice("backdrop_grain", 24), size) * factors.uniform("backdrop_roughness", 0.004, 0.018)
    return image.clamp_(0.12, 0.88)


def body_shape(factors: Factors, x: Tensor, y: Tensor) -> Tensor:
    """The approximate signed distance to neck and shoulders, in head units around the neck's axis."""
    ax = x.abs()
    width = factors.uniform("neck_width", 0.21, 0.27)
    slope = factors.uniform("shoulder_slope", 0.2, 0.5)
    outer = (ax - factors.uniform("shoulder_width", 0.62, 0.86)).clamp(min=0).square()
    shoulder = factors.uniform("shoulder_height", 0.70, 0.78) + slope * (ax - 0.2) + 2.2 * outer
    flare = width + 0.9 * (y - 0.64).clamp(min=0).square()
    return torch.minimum(torch.maximum(ax - flare, 0.3 - y), (shoulder - y) * 0.85)


def clothes(image: Tensor, factors: Factors, x: Tensor, y: Tensor, body: Tensor, width: Tensor, size: int) -> Tensor:
    """Paint the clothes over neck and shoulders (``body``) and return their coverage."""
    ax = x.abs()
    style = factors.uniform("collar")
    round_neck = 0.76 + factors.uniform("neckline", 0.05, 0.16) * arc(ax / 0.36)
    v_neck = 1.04 - factors.uniform("v_neck", 0.8, 1.4) * ax
    high_neck = factors.uniform("high_neck", 0.69, 0.74) + 0.3 * x * x
    edge = torch.where(style < 0.45, round_neck, torch.where(style < 0.78, v_neck, high_neck))
    alpha = cover(torch.maximum(body - 0.012, (edge - y) * 0.8), width)
    base = mix(factors.uniform("cloth_grey", 0.12, 0.85), factors.colour("cloth", 0.14, 0.84), 0.6)
    pattern = wave(factors.uniform("cloth_frequency", 2.5, 5) * mix(y, ax, factors.chance("pinstripes", 0.5)))
    pattern = pattern * factors.chance("patterned", 0.4) * 0.08
    folds = noise(factors.lattice("folds", 7), size) * 0.05
    shade = 0.96 + folds + pattern - 0.22 * ramp(body, -0.08, 0.01) - 0.2 * ramp(ax, 0.45, 1.1)
    collar = ramp(y - edge, 0.065, 0.055) * factors.chance("collar_band", 0.6)
    shade = shade * (1 - 0.2 * collar) - 0.2 * ramp(y, 0.84, 0.70)
    paint(image, (base * shade).clamp_(0.09, 0.88), alpha)
    return alpha
