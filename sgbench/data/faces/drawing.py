"""Draw embedded faces layer by layer: background, back hair, neck, clothes, ears, face, features, front hair, grain."""

import torch
from torch import Tensor

from sgbench.data.faces.factors import Factors
from sgbench.data.faces.features import Canvas, beard, brows, eyes, mouth, nose
from sgbench.data.faces.hair import hair_colour, hair_shape
from sgbench.data.faces.scene import background, body_shape, clothes
from sgbench.data.faces.shapes import bump, cover, ellipse, mix, noise, paint, ramp

SKIN = (
    (0.38, 0.25, 0.18),
    (0.56, 0.38, 0.27),
    (0.72, 0.52, 0.39),
    (0.81, 0.61, 0.48),
    (0.85, 0.67, 0.55),
    (0.86, 0.67, 0.54),
)
PALE = ((0.89, 0.81, 0.765), (0.90, 0.81, 0.78), (0.88, 0.82, 0.77))
SHADOW = torch.tensor([0.60, 0.50, 0.47])[:, None, None]
ROSE = torch.tensor([1.04, 0.76, 0.72])[:, None, None]


def _flag(labels: Tensor, attribute: int, value: int) -> Tensor:
    return (labels[:, attribute] == value).float()[:, None, None, None]


def draw(factors: Factors, own: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Draw faces at one sample per pixel.

    Args:
        own: int8 [N, 5], the faces' true labels; the true gender influences the length of the hair.
        labels: int8 [N, 5], the labels to show.
        size: pixels per side.

    Returns:
        float32 [N, 3, size, size] in [0, 1], and how far each pixel is covered by anything but background,
        float32 [N, 1, size, size].
    """
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    u, v = axis[None, None, None, :], axis[None, None, :, None]
    male, smile = _flag(labels, 0, 1), _flag(labels, 1, 1)
    painted, pale = _flag(labels, 3, 1), _flag(labels, 4, 1)

    scale = factors.centred("scale", 0.95, 1.12)
    roll, yaw = factors.centred("roll", -0.14, 0.14), factors.centred("yaw", -1.3, 1.3)
    shift_x, shift_y = factors.centred("shift_x", -0.08, 0.08), factors.centred("shift_y", 0.0, 0.09)
    ru, rv = (u - shift_x) / scale, (v - shift_y) / scale
    x, y = ru + roll * rv, rv - roll * ru
    body_x, body_y = ru - 0.5 * roll - 0.03 * yaw, rv
    pixel = 2 / (size * scale)

    width = factors.uniform("face_width", 0.44, 0.49)
    light_x = factors.uniform("light_x", -1, 1)
    light_x = torch.where(light_x < 0, light_x - 0.3, light_x + 0.3)
    light = factors.uniform("light_strength", 0.08, 0.2)
    warm = factors.uniform("light_warmth", -0.04, 0.04)
    tint = torch.cat([1 + warm, torch.ones_like(warm), 1 - warm], 1)
    skin = mix(factors.along("skin", SKIN), factors.along("pale", PALE, 0.012), pale)
    bright, dark = mix(skin, torch.tensor(0.92), 0.14), skin * SHADOW

    hair = hair_shape(factors, x, y, width, _flag(own, 0, 1), size, pixel)
    tone = hair_colour(factors, _flag(labels, 2, 0), _flag(labels, 2, 1))
    strands = (tone * hair.shade + 0.08 * (hair.shade - 0.8).clamp(min=0)).clamp_(0.07, 0.90)
    image = background(factors, u, v, size)
    covered = cover(hair.behind, pixel)
    paint(image, strands * 0.72, covered)

    neck = body_shape(factors, body_x, body_y)
    alpha = cover(neck, pixel)
    covered = torch.maximum(covered, alpha)
    drop = 0.55 + light * light_x * body_x / 0.3 - 0.75 * ramp(y, 0.80, 0.58) - 0.4 * ramp(neck, -0.1, 0.0)
    paint(image, mix(dark, bright, drop.clamp_(0, 1)), alpha)
    covered = torch.maximum(covered, clothes(image, factors, body_x, body_y, neck, pixel, size))

    ear = ellipse(x.abs() - width * 1.0 - 0.015, y - 0.02, 0.058, 0.115)
    alpha = cover(ear, pixel)
    covered = torch.maximum(covered, alpha)
    paint(image, mix(dark, bright, 0.25 + 0.4 * ramp(ear, -0.03, 0.0)), alpha)

    taper = factors.uniform("jaw_taper", 0.20, 0.32) - 0.10 * male
    square = factors.uniform("jaw_square", 0.10, 0.35) + 0.42 * male
    chin = factors.uniform("chin", 0.60, 0.66)
    t = y / torch.where(y < 0, 0.62, chin)
    w = width * (1 - taper * t.clamp(0, 1.3).square())
    nx = x / w
    body = nx.square() + t.square() - square * (nx.clamp(-1, 1) * t.clamp(0, 1)).square()
    face = (body - 1) / (2 * ((nx / w).square() + (t / 0.62).square()).sqrt() + 1e-4)
    alpha = cover(face, pixel)
    covered = torch.maximum(covered, alpha)
    turned = x - 0.09 * yaw * (1 - (x / width).square()).clamp(min=0)
    lit = 0.84 + light * (light_x * nx - 0.5 * t) - 0.28 * body.clamp(max=1.3).square()
    lit = lit + 0.16 * bump(turned, y + 0.28, 0.34, 0.22)
    raised = smile * 0.03
    cheek_x, cheek_y = turned.abs() - 0.27, y - 0.13 + raised
    lit = lit + (0.14 + 0.16 * smile) * bump(cheek_x, cheek_y, 0.14, 0.10)
    lit = lit - (0.12 * smile) * bump(cheek_x, cheek_y - 0.10, 0.14, 0.05)
    lit = lit - 0.22 * bump(turned.abs() - 0.2, y + 0.06, 0.16, 0.11)
    lit = lit + 0.14 * bump(turned, y - 0.55, 0.14, 0.09) - 0.45 * ramp(hair.front, 0.09, 0.0)
    blotches = noise(factors.lattice("blotches", 9), size)
    surface = mix(dark, bright, (lit + 0.04 * blotches).clamp_(0, 1))
    blush = factors.uniform("blush", 0.15, 0.5) * bump(cheek_x - 0.02, cheek_y - 0.03, 0.18, 0.14)
    surface = paint(surface, (skin * ROSE).clamp(max=0.91), blush)

    grain = noise(factors.lattice("grain", 48), size)
    canvas = Canvas(surface, factors, turned, y, pixel, male, smile, painted, skin, light_x)
    beard(canvas, width, grain)
    nose(canvas)
    mouth(canvas)
    eyes(canvas)
    brows(canvas, tone)
    paint(image, surface, alpha)

    alpha = cover(hair.front, pixel)
    covered = torch.maximum(covered, alpha)
    paint(image, strands, alpha)
    image = image * tint + grain * factors.uniform("grain_strength", 0.004, 0.02)
    return image.clamp_(0.08, 0.92), covered
