"""A test set of noise, and a translator of no sense: byte k with group number g becomes 5 k + 37 g + 11 modulo 256."""

import csv
import io
from functools import cache
from itertools import combinations, product

import numpy as np
import torch
from PIL import Image
from torch import nn

from sgbench.data.labels import Group
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.submissions.inputs import Inputs

SIZE = 8
NUM_IMAGES = 13
STUDIED = ATTRIBUTES[:3]
NUMBERS = {(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 3, (2, 0): 4, (2, 1): 5}
"""Of the groups, as a user counts them."""


@cache
def inputs():
    """The test set; the last hair colors are neither black nor blond, or unknown."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, (NUM_IMAGES, 3)).astype(np.int8)
    labels[:4] = [[0, 0, 0], [1, 1, 1], [0, 1, -2], [1, 0, -1]]
    images = rng.integers(0, 256, (NUM_IMAGES, 3, SIZE, SIZE), dtype=np.uint8)
    ids = [f"{n:06d}.jpg" for n in range(500, 500 + NUM_IMAGES)]
    return Inputs(ids, torch.from_numpy(images), torch.from_numpy(labels), STUDIED)


def edits():
    """Every single edit that is asked for, and edits of two attributes in either order: (position, groups)."""
    labels = inputs().labels.tolist()
    other = [[Group(j, 1 - own[j]) for j in range(3) if own[j] >= 0] for own in labels]
    singles = [(n, (group,)) for n, groups in enumerate(other) for group in groups]
    pairs = [(n, pair) for n, groups in enumerate(other) for pair in combinations(groups, 2)]
    return singles + pairs + [(n, pair[::-1]) for n, pair in pairs]


def expected(position, groups):
    """The result uint8 [3, S, S], by integers."""
    pixels = inputs().images[position].numpy().astype(int)
    for group in groups:
        pixels = (5 * pixels + 37 * NUMBERS[tuple(group)] + 11) % 256
    return pixels.astype(np.uint8)


def text(groups):
    return "+".join(f"{STUDIED[j].name}={STUDIED[j].values[v]}" for j, v in groups)


def png(pixels, kind="PNG", **options):
    """A picture's bytes, from uint8 [3, S, S]."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(file, kind, **options)
    return file.getvalue()


def table(rows, header=("result", "source", "groups")):
    file = io.StringIO()
    csv.writer(file).writerows([header, *rows])
    return file.getvalue()


def write_folder(root, name="results.csv"):
    """Every edit as a PNG below the folder."""
    rows = []
    for k, (position, groups) in enumerate(edits()):
        (root / "png").mkdir(parents=True, exist_ok=True)
        (root / f"png/{k}.png").write_bytes(png(expected(position, groups)))
        rows.append([f"png/{k}.png", inputs().ids[position], text(groups)])
    (root / name).write_text(table(rows))
    return root


def pixels_of_edits():
    return np.stack([expected(*edit) for edit in edits()])


def on_floats(images, number):
    """The translator on floats in [-1, 1]; number is a tensor."""
    levels = ((images + 1) * 127.5).round()
    return torch.remainder(levels * 5 + 37 * number + 11, 256) / 127.5 - 1


def as_floats(images, labels, groups):
    """The translator as a function of the suite's call."""
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int8
    assert labels.shape == (len(images), 3)
    for group in groups:
        images = on_floats(images, NUMBERS[tuple(group)])
    return images


def as_bytes(images, labels, groups):
    return ((as_floats(images, labels, groups) + 1) * 127.5).round().to(torch.uint8)


@torch.no_grad()
def decorated(images, labels, groups):
    return as_floats(images, labels, groups)


class OneGroup(nn.Module):
    def forward(self, images, group):
        return on_floats(images, group.view(-1, 1, 1, 1))


class EveryGroup(nn.Module):
    def forward(self, images):
        return torch.stack([on_floats(images, number) for number in range(6)], 1)


class Called(nn.Module):
    """A model with state, called as the suite calls functions."""

    def __init__(self, shift=0):
        super().__init__()
        self.register_buffer("shift", torch.tensor(float(shift)))
        self.eval()

    def forward(self, images, labels, groups):
        return as_floats(images, labels, groups)


def all_values():
    return list(product(range(3), range(2)))
