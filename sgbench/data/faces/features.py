"""The features of an embedded face: eyes, brows, nose, mouth and beard, painted on the skin.

Coordinates are in head units (the face is about 0.95 wide and 1.25 high, y downwards), after the head is turned.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.faces.factors import Factors
from sgbench.data.faces.shapes import arc, bump, cover, ellipse, mix, paint, ramp, wave

IRIS = ((0.22, 0.13, 0.09), (0.32, 0.20, 0.11), (0.36, 0.34, 0.16), (0.25, 0.40, 0.45), (0.28, 0.40, 0.62))
LIPSTICK = ((0.74, 0.09, 0.15), (0.86, 0.26, 0.47), (0.56, 0.06, 0.27), (0.87, 0.27, 0.20), (0.80, 0.10, 0.36))


@dataclass(frozen=True)
class Canvas:
    """What the features need: the image (painted in place), coordinates, a pixel's width and the edited labels."""

    image: Tensor
    factors: Factors
    x: Tensor
    y: Tensor
    pixel: Tensor
    male: Tensor
    smile: Tensor
    painted: Tensor
    skin: Tensor
    light_x: Tensor


def eyes(c: Canvas) -> None:
    """Lids, whites, irises, pupils, highlights and lashes."""
    f = c.factors
    side = torch.where(c.x < 0, -1.0, 1.0)
    half = f.uniform("eye_width", 0.105, 0.13)
    ex = (c.x.abs() - f.uniform("eye_spacing", 0.195, 0.23)) / half
    ey = c.y - f.uniform("eye_height", -0.07, -0.03) + f.uniform("eye_tilt", -0.012, 0.022) * ex
    openness = f.uniform("openness", 0.048, 0.066) * (1 - 0.25 * c.smile)
    upper = -openness * arc(ex)
    lower = openness * (0.75 - 0.25 * c.smile) * arc(ex)
    bend = (1 + (2 * openness * ex / half).square()).sqrt()
    inside = cover(torch.maximum(upper - ey, ey - lower) / bend, c.pixel)
    near = ramp(ex.abs(), 1.35, 1.1)
    crease = cover((ey - upper + 0.032).abs() - 0.007, c.pixel * 1.6) * near
    paint(c.image, c.skin * 0.5, crease * f.uniform("crease", 0.25, 0.6))
    bag = bump(ex, ey - lower - 0.035, 1.1, 0.03)
    paint(c.image, c.skin * 0.62, bag * (0.15 + 0.35 * c.smile))
    shadow = mix(torch.tensor(0.86), torch.tensor(0.66), ramp(ey, upper + 0.035, upper))
    paint(c.image, shadow * torch.tensor([1.0, 0.99, 0.98])[:, None, None], inside)
    ix = (ex - f.uniform("gaze_x", -0.22, 0.22) * side) * half
    iy = ey - f.uniform("gaze_y", -0.012, 0.008)
    radius = f.uniform("iris_size", 0.046, 0.054)
    r = (ix.square() + iy.square()).sqrt()
    iris = f.palette("iris", IRIS)
    ring = mix(iris * 1.25, iris * 0.55, ramp(r, radius * 0.55, radius))
    paint(c.image, ring, cover(r - radius, c.pixel) * inside)
    paint(c.image, torch.tensor(0.07), cover(r - radius * 0.45, c.pixel) * inside)
    glint = ((ix - 0.018 * torch.sign(c.light_x) * side).square() + (iy + 0.020).square()).sqrt()
    paint(c.image, torch.tensor(0.9), cover(glint - 0.012, c.pixel) * inside)
    lash = mix(torch.tensor(0.017), torch.tensor(0.009), c.male) * (1 + 0.5 * ex * (1 - c.male))
    lash = lash * (1 - 0.75 * (1 - c.male) * ramp(ex, 0.85, 1.35))
    flick = 0.035 * (1 - c.male) * ramp(ex, 0.5, 1.3)
    lid = cover(((ey - upper + flick).abs() - lash) / bend, c.pixel)
    reach = ramp(ex.abs(), 1.18, 1.02) + (1 - c.male) * ramp(ex, 0.9, 1.0) * ramp(ex, 1.32, 1.15)
    paint(c.image, torch.tensor([0.12, 0.09, 0.09])[:, None, None], lid * reach.clamp_(0, 1) * (0.95 - 0.2 * c.male))
    under = cover((ey - lower).abs() - 0.004, c.pixel * 1.3) * ramp(ex.abs(), 1.0, 0.9)
    paint(c.image, c.skin * 0.42, under * 0.6)


def brows(c: Canvas, hair: Tensor) -> None:
    """Thin and arched, or thick and low; their colour follows the hair's a little."""
    f = c.factors
    half = f.uniform("brow_width", 0.145, 0.175)
    bx = (c.x.abs() - f.uniform("brow_spacing", 0.205, 0.23)) / half
    arch = f.uniform("brow_arch", 0.02, 0.045) + 0.025 * (1 - c.male)
    height = f.uniform("brow_height", -0.155, -0.125) - 0.02 * (1 - c.male)
    curve = height - arch * arc(bx - 0.10) + f.uniform("brow_slant", 0.0, 0.02) * bx
    thick = f.uniform("brow_thickness", 0.85, 1.2) * mix(torch.tensor(0.018), torch.tensor(0.037), c.male)
    thick = thick * arc(bx * bx) * (1 - 0.35 * bx)
    bristle = wave(9 * c.x + 4 * c.y) * 0.08
    alpha = cover((c.y - curve).abs() - thick, c.pixel * 1.3) * ramp(bx.abs(), 1.0, 0.94)
    colour = mix(f.along("brow", ((0.12, 0.09, 0.08), (0.30, 0.20, 0.14))), hair, 0.3)
    paint(c.image, colour * (1 + bristle), alpha * (0.82 + 0.1 * c.male))


def nose(c: Canvas) -> None:
    """A lit bridge and tip, a shaded side, wings and nostrils."""
    f = c.factors
    wide = f.uniform("nose_width", 0.075, 0.115)
    base = f.uniform("nose_length", 0.145, 0.19)
    x = c.x - f.uniform("nose_bend", -0.008, 0.008)
    side = -torch.sign(c.light_x)
    dark, bright = c.skin * torch.tensor([0.68, 0.58, 0.55])[:, None, None], (c.skin * 1.12).clamp(max=0.92)
    y = c.y - base
    paint(c.image, dark, bump(x - side * wide * 0.75, y + 0.13, wide * 0.55, 0.22) * 0.55)
    paint(c.image, dark, bump(x, y - 0.035, wide * 1.15, 0.035) * 0.7)
    paint(c.image, bright, bump(x + side * 0.008, y + 0.13, 0.032, 0.2) * 0.5)
    paint(c.image, bright, bump(x + side * 0.01, y + 0.012, 0.045, 0.04) * 0.75)
    ax = x.abs()
    wing = ((ax - wide * 0.86).square() + (y + 0.004).square()).sqrt() - 0.032
    edge = cover(wing.abs() - 0.006, c.pixel * 1.4) * ramp(ax, wide * 0.86, wide * 1.05)
    paint(c.image, dark * 0.8, edge * 0.7)
    paint(c.image, c.skin * 0.30, cover(ellipse(ax - wide * 0.48, y - 0.014, 0.024, 0.011), c.pixel * 1.3) * 0.85)


def mouth(c: Canvas) -> None:
    """Neutral and smiling mouths: a smile is wider, lifts the corners and parts the lips over the teeth."""
    f, s = c.factors, c.smile
    strength = f.uniform("smile_strength", 0.85, 1.1) * s
    half = f.uniform("mouth_width", 0.175, 0.21) + 0.065 * strength
    level = f.uniform("mouth_height", 0.325, 0.355) - 0.005 * s
    m = c.x / half
    a = arc(m)
    round_a = a * (1 + 0.4 * m * m)
    full = f.uniform("lip_fullness", 0.85, 1.2) * mix(torch.tensor(1.15), torch.tensor(1.02), c.male)
    corner = f.uniform("mouth_droop", -0.006, 0.007) * (1 - s) - 0.072 * strength
    seam = level + corner * m * m
    gap = f.uniform("smile_opening", 0.115, 0.15) * strength
    bow = 1 - 0.30 * bump(m, m, 0.4, 0.4)
    top = seam - 0.052 * full * a * bow
    inner_top = seam + 0.004 * a
    inner_bottom = seam + gap * round_a
    bottom = inner_bottom + 0.066 * full * (1 - 0.25 * s) * round_a
    bend = (1 + (2 * (corner + 0.5 * gap) * m / half).square()).sqrt()
    outline = torch.maximum(top - c.y, c.y - bottom) / bend

    soft = c.skin * torch.tensor([0.62, 0.54, 0.52])[:, None, None]
    paint(c.image, soft, bump(c.x, c.y - level - gap * 0.95 - 0.105, half * 0.75, 0.045) * 0.5)
    bare = c.skin * torch.tensor([0.86, 0.70, 0.68])[:, None, None]
    bare = mix(bare, torch.tensor([0.62, 0.36, 0.34])[:, None, None], 0.15)
    colour = mix(bare, f.palette("lipstick", LIPSTICK), c.painted)
    shade = (
        1.0
        - 0.14 * ramp(c.y, seam + 0.02, seam - 0.03)
        + f.uniform("lip_gloss", 0.1, 0.28)
        * bump(m + 0.15 * torch.sign(-c.light_x), c.y - inner_bottom - 0.024 * full, 0.4, 0.02)
    )
    paint(c.image, (colour * shade).clamp_(0.07, 0.91), cover(outline, c.pixel))
    opening = torch.maximum(inner_top - c.y, c.y - inner_bottom) / bend
    inside = cover(opening, c.pixel) * (gap > 0)
    paint(c.image, torch.tensor([0.30, 0.10, 0.10])[:, None, None], inside)
    teeth = (
        cover(torch.maximum(opening, c.y - seam - 0.80 * gap * round_a), c.pixel) * (gap > 0) * ramp(m.abs(), 0.97, 0.7)
    )
    gum = torch.tensor([0.90, 0.89, 0.86])[:, None, None] * (1 - 0.12 * ramp(c.y, seam + 0.03, seam))
    paint(c.image, gum, teeth)
    line = cover(((c.y - seam).abs() - 0.007) / bend, c.pixel * 1.2) * ramp(m.abs(), 1.08, 0.98) * (1 - s)
    paint(c.image, colour * 0.42, line * 0.9)
    dimple = bump(c.x.abs() - half - 0.012, c.y - level - corner, 0.03, 0.04)
    paint(c.image, soft * 0.9, dimple * (0.35 + 0.35 * s))
    fold_x = c.x.abs() - half - 0.035 + 0.30 * (c.y - level + 0.03)
    fold = cover(fold_x.abs() - 0.006, c.pixel * 2.2) * bump(c.x * 0, c.y - level + 0.07, 1, 0.12)
    paint(c.image, soft, fold * (0.12 + 0.5 * s))


def beard(c: Canvas, face_width: Tensor, grain: Tensor) -> None:
    """Stubble or beard over jaw and lip; every male face has one, no female face does."""
    f = c.factors
    ax, level = c.x.abs(), 0.34
    strength = f.uniform("beard", 0.42, 0.9)
    cheek = 0.30 - 0.34 * ramp(ax, face_width * 0.55, face_width * 0.98)
    jaw = ramp(c.y, cheek, cheek + 0.10) * f.uniform("beard_jaw", 0.65, 1.0)
    lip = bump(c.x, c.y - 0.26, 0.27, 0.085).sqrt() * f.uniform("moustache", 0.6, 1.0)
    chin = bump(c.x, c.y - 0.52, 0.2, 0.16).sqrt() * f.uniform("goatee", 0.3, 1.0)
    clear = ramp(ellipse(c.x, c.y - level, 0.2, 0.07), 0.0, 0.05)
    alpha = torch.maximum(torch.maximum(jaw * clear, lip), chin * clear)
    alpha = (alpha * (1 + 0.22 * grain)).clamp_(0, 1) * strength * c.male
    hue = f.along("beard_colour", ((0.10, 0.09, 0.09), (0.24, 0.17, 0.12)), 0.01)
    paint(c.image, mix(hue, c.skin * 0.35, 0.35), alpha)
