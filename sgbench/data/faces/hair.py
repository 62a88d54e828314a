"""The hair of an embedded face: a dome and curtains behind the head, a cap, fringe and side locks in front."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.faces.factors import Factors
from sgbench.data.faces.shapes import bump, ellipse, mix, noise, ramp, wave

BLACK = ((0.085, 0.08, 0.095), (0.11, 0.095, 0.09), (0.15, 0.125, 0.12))
BROWN = ((0.27, 0.165, 0.11), (0.36, 0.22, 0.13), (0.40, 0.28, 0.18), (0.44, 0.24, 0.13))
BLOND = ((0.70, 0.53, 0.27), (0.80, 0.65, 0.38), (0.78, 0.70, 0.52))


@dataclass(frozen=True)
class Hair:
    """Distances (negative inside) of the hair behind and in front of the head, and its shading [N, 1, S, S]."""

    behind: Tensor
    front: Tensor
    shade: Tensor


def hair_colour(factors: Factors, black: Tensor, blond: Tensor) -> Tensor:
    """Float32 [N, 3, 1, 1] from flags [N, 1, 1, 1]: black, blond, or neither, which is brown."""
    colour = factors.along("brown", BROWN) * (1 - black - blond)
    return colour + factors.along("black", BLACK, 0.01) * black + factors.along("blond", BLOND) * blond


def hair_shape(
    factors: Factors, x: Tensor, y: Tensor, face_width: Tensor, male: Tensor, size: int, pixel: Tensor
) -> Hair:
    """Draw the hair's shape.

    Args:
        x, y: head coordinates [N, 1, S, S].
        face_width: half the face's width [N, 1, 1, 1].
        male: [N, 1, 1, 1], the face's true gender, never an edited one; it influences the length.
        pixel: a pixel's width in head units.
    """
    ax = x.abs()
    volume = factors.uniform("hair_volume", 0.05, 0.14)
    roll = factors.uniform("hair_length")
    length = torch.where(roll < mix(torch.tensor(0.35), torch.tensor(0.7), male), -0.02, 0.3)
    length = torch.where(roll > mix(torch.tensor(0.62), torch.tensor(0.9), male), 0.85, length)
    length = length + factors.uniform("hair_length_shift", -0.08, 0.12)
    long = ramp(length, 0.1, 0.3)
    rough = noise(factors.lattice("hair_rough", 11), size) * factors.uniform("hair_roughness", 0.008, 0.034)

    tight = (volume + 0.02) * ramp(y, -0.35, 0.02) * (1 - long)
    dome = ellipse(ax + tight, y + 0.12, face_width + volume, 0.58 + 0.6 * volume) + rough
    flare = factors.uniform("hair_flare", -0.04, 0.12)
    curtain = ax + tight - (face_width + volume + flare * ramp(y, -0.1, 0.8) - 0.02) + rough
    ends = (y - length.clamp(min=0.02)) * 0.9 + rough * 1.5 + factors.uniform("hair_ends", 0, 0.2) * ramp(ax, 0.3, 0.6)
    behind = torch.maximum(torch.minimum(dome, torch.maximum(curtain, -0.12 - y)), ends)

    part = factors.uniform("hair_part", -0.28, 0.28)
    fringe = factors.chance("fringe", 0.22)
    hairline = mix(factors.uniform("hairline", -0.52, -0.42), factors.uniform("fringe_height", -0.31, -0.24), fringe)
    drop = mix(factors.uniform("hair_drop", 0.1, 1.0), factors.uniform("fringe_drop", 0.05, 0.45), fringe)
    jags = (
        wave(factors.uniform("jag_frequency", 3.5, 6) * x + factors.uniform("jag_phase"))
        * factors.uniform("jags", 0.005, 0.028)
        * fringe
    )
    off = x - part
    line = hairline + drop * off.square() * (1.2 - 0.4 * off.abs()) + jags + rough
    cap = torch.maximum(torch.maximum(dome, (y - line) * 0.8), y - length.clamp(max=0.1))
    lock = face_width * mix(factors.uniform("lock_inset", 0.86, 0.95), torch.tensor(0.96), 1 - long)
    lock = lock + 0.05 * ramp(y, 0.1, 0.6) + rough
    sides = torch.maximum(torch.maximum(behind, lock - ax), (y - mix(length.clamp(max=0.06), length, long)))
    sides = torch.maximum(sides, -0.5 - y)
    front = torch.minimum(cap, sides)

    fan = off / (0.75 + 0.55 * (y + 0.6).clamp(min=0).clamp(max=1.2))
    wavy = noise(factors.lattice("waves", 7), size) * factors.uniform("waviness", 0.02, 0.3)
    strands = 0
    for k, (frequency, strength) in enumerate(((6.0, 0.10), (13.0, 0.09), (29.0, 0.08))):
        visible = ramp(1 / (frequency * pixel), 2, 5) * strength
        strands = strands + wave(frequency * (fan + wavy / (1 + k)) + factors.uniform(f"strand{k}")) * visible
    gloss = bump(x - 0.2 * part, y + 0.50 + 0.3 * wavy - 0.35 * off.square(), 0.5, 0.13)
    shade = 0.9 + strands + (0.42 + 1.5 * strands) * gloss * factors.uniform("gloss", 0.5, 1.0)
    shade = shade - 0.22 * ramp(y, 0.0, 0.6) - 0.25 * ramp(off.abs(), 0.06, 0.0) * ramp(y, -0.35, -0.6)
    return Hair(behind, front, shade)
