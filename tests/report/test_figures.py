"""Figures are read back from their files."""

import numpy as np
import pandas as pd
import pytest
from frames import LAYOUT, small_frame
from PIL import Image

from sgbench.report.figures import figure3, interval_plot, loss_curves

COLUMNS = ["Input", "Smile", "Hair"]


def people():
    """Two people, two systems, images of 4 x 5 random pixels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, 3, 4, 5, 3), dtype=np.uint8)
    return [[("First (500)", person[0]), ("Second", person[1])] for person in images]


def pixels(path):
    """The file as uint8 [H, W, 3]."""
    return np.asarray(Image.open(path).convert("RGB"))


def find(page, image):
    """Rows and columns at which an image stands, enlarged eight times."""
    cell = image.repeat(8, 0).repeat(8, 1)
    height, width = cell.shape[:2]
    starts = np.argwhere((page == cell[0, 0]).all(-1))
    return [(y, x) for y, x in starts if np.array_equal(page[y : y + height, x : x + width], cell)]


def test_every_image_stands_once_pixel_for_pixel_on_an_even_grid(tmp_path):
    figure3(tmp_path / "grid.png", COLUMNS, people(), breaks=(1,), min_side=40)
    page = pixels(tmp_path / "grid.png")
    places = np.array([[[find(page, image) for image in images] for _, images in rows] for rows in people()])
    assert places.shape == (2, 2, 3, 1, 2)
    y, x = places[..., 0, 0].reshape(4, 3), places[..., 0, 1].reshape(4, 3)
    assert (y == y[:, :1]).all()
    assert (x == x[:1]).all()
    assert y[1, 0] - y[0, 0] == y[3, 0] - y[2, 0] == 32 + 2
    assert y[2, 0] - y[1, 0] > y[1, 0] - y[0, 0]
    assert x[0, 2] - x[0, 1] == 40 + 2
    assert x[0, 1] - x[0, 0] > x[0, 2] - x[0, 1]


def test_labels_stand_to_the_left_and_above(tmp_path):
    figure3(tmp_path / "grid.png", COLUMNS, people(), min_side=40)
    page = pixels(tmp_path / "grid.png")
    y, x = find(page, people()[0][0][1][0])[0]
    assert (page[y : y + 32, : x - 2] < 128).any()
    assert (page[: y - 2, x : x + 40] < 128).any()
    assert (page[:, :2] == 255).all()


def test_a_missing_image_leaves_a_pale_cell(tmp_path):
    (label, images), second = people()[0]
    figure3(tmp_path / "grid.png", COLUMNS, [[(label, [*images[:2], None]), second]], min_side=40)
    page = pixels(tmp_path / "grid.png")
    (y, _), (_, x) = find(page, images[0])[0], find(page, second[1][2])[0]
    assert (page[y : y + 32, x : x + 40] == 246).all()


def test_the_same_input_gives_the_same_bytes_without_time_or_version(tmp_path):
    stats = {"job": pd.DataFrame({"iteration": range(50), "g_adv": np.linspace(-20, 3, 50), "note": ["x"] * 50})}
    for name in "ab":
        figure3(tmp_path / f"3{name}.png", COLUMNS, people())
        interval_plot(tmp_path / f"i{name}.png", small_frame(), LAYOUT)
        loss_curves(tmp_path / f"l{name}.png", stats)
    for kind in "3il":
        assert (tmp_path / f"{kind}a.png").read_bytes() == (tmp_path / f"{kind}b.png").read_bytes()
        assert not Image.open(tmp_path / f"{kind}a.png").info
    assert len(list(tmp_path.iterdir())) == 6


def test_points_stand_at_their_values(tmp_path):
    interval_plot(tmp_path / "plot.png", small_frame(), LAYOUT)
    page = pixels(tmp_path / "plot.png").astype(int)
    blue = np.abs(page - (0x0B, 0x6B, 0xCB)).sum(-1) < 3
    rows = np.split(np.arange(len(page)), np.flatnonzero(np.diff(blue.any(1))) + 1)[1::2]
    points = []
    for row in rows:
        x = np.flatnonzero(blue[row].any(0))
        points.append(x[: np.argmax(np.diff(x) > 1) + 1].mean())
    all_labels, few, other = points  # 99.0, 70.0, 93.4 %
    assert (other - few) / (all_labels - few) == pytest.approx(23.4 / 29.0, abs=0.01)


def test_a_wrong_number_of_images_or_size_is_an_error(tmp_path):
    (label, images), (_, other) = people()[0]
    with pytest.raises(ValueError, match=r"row 'First \(500\)' has 2 images for 3 columns"):
        figure3(tmp_path / "grid.png", COLUMNS, [[(label, images[:2])]])
    with pytest.raises(ValueError, match="of one size"):
        figure3(tmp_path / "grid.png", COLUMNS, [[(label, images), (label, other[:, :3])]])
    assert not list(tmp_path.iterdir())
