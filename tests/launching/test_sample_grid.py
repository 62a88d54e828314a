"""The grid of samples says what its rows and columns are, whatever the attributes are called."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sgbench.data.labels import Attribute
from sgbench.launching.sample_grid import COLUMNS, draw_grid, headings

ATTRIBUTES = (Attribute("hair_color", ("black", "blond")), Attribute("미소", ("없음", "있음")))


def test_rows_are_named_after_groups():
    assert headings(ATTRIBUTES) == ["image", "Hair color: black", "Hair color: blond", "미소: 없음", "미소: 있음"]


@pytest.mark.parametrize("side", [8, 32, 128])
def test_every_image_is_whole_in_it_and_the_file_says_what_it_shows(side):
    rows = [torch.full((3, 3, side, side), 40 * k, dtype=torch.uint8) for k in range(1, 6)]
    grid, about = draw_grid(rows, headings(ATTRIBUTES), "sggan (500, seed 0): iteration 20 of 1,680")
    pixels = np.asarray(grid)
    for k in range(1, 6):
        assert (pixels == 40 * k).all(2).sum() >= 3 * side**2
    file = io.BytesIO()
    grid.save(file, "PNG", pnginfo=about)
    text = Image.open(file, formats=("PNG",)).text["Description"]
    assert text.splitlines()[:2] == ["sggan (500, seed 0): iteration 20 of 1,680", COLUMNS]
    assert text.splitlines()[2:] == headings(ATTRIBUTES)
