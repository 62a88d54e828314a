"""Grids of faces are read back from their files."""

import numpy as np
import pytest
from PIL import Image

from sgbench.report.grids import figure3, figure4

COLUMNS = ["Input", "Smile", "Hair"]


def people():
    """Two people, two systems, images of 4 x 5 random pixels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 2, 3, 4, 5, 3), dtype=np.uint8)
    return [[("First (500)", person[0]), ("Second", person[1])] for person in images]


ASKED = [["", "neutral", "blond"], ["", "smiling", "not black"]]


def muted(page):
    """Where the page has the colour of muted text: grey, far from white and from ink."""
    return (page.astype(int).max(-1) - page.min(-1) < 20) & (page[..., 0] > 90) & (page[..., 0] < 150)


def pixels(path):
    """The file as uint8 [H, W, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


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


def test_results_stand_on_the_left_and_their_residuals_on_the_right(tmp_path):
    columns = [*COLUMNS, "S+H"]
    rng = np.random.default_rng(1)
    images = rng.integers(0, 120, (4, 4, 5, 3), dtype=np.uint8)
    figure4(tmp_path / "grid.png", columns, [[("First", images)]], [1, 2], gain=2, min_side=40)
    page = pixels(tmp_path / "grid.png")
    residuals = [np.where(r > images[0], r - images[0], images[0] - r) * 2 for r in images[1:3]]
    places = [find(page, image) for image in (*images[:3], *residuals)]
    assert [len(p) for p in places] == [1] * 5
    y, x = np.array(places)[:, 0].T
    assert len(set(y)) == 1
    assert (np.diff(x) > 0).all()
    assert x[3] - x[2] > x[1] - x[0] > x[2] - x[1] == x[4] - x[3]
    assert not find(page, images[3])


def test_residuals_are_cut_at_white_and_the_heading_says_the_gain(tmp_path):
    source, result = np.zeros((4, 5, 3), np.uint8), np.full((4, 5, 3), 200, np.uint8)
    headings = []
    for gain in (1, 2):
        figure4(tmp_path / "grid.png", COLUMNS[:2], [[("First", [source, result])]], [1], gain, min_side=40)
        page = pixels(tmp_path / "grid.png")
        _, (y, x) = find(page, result)[0], find(page, np.full_like(source, min(255, 200 * gain)))[-1]
        assert (page[y : y + 32, x : x + 40] == min(255, 200 * gain)).all()
        headings.append(page[: y - 40])
    assert not np.array_equal(*headings)


def test_without_a_result_or_an_input_there_is_no_residual(tmp_path):
    (label, images), (other, others) = people()[0]
    rows = [(label, [images[0], None, images[2]]), (other, [None, *others[1:]])]
    figure4(tmp_path / "grid.png", COLUMNS, [rows], [1, 2], gain=1, min_side=40)
    page = pixels(tmp_path / "grid.png")
    (y, left), (below, _) = find(page, images[2])[0], find(page, others[2])[0]
    residual = np.abs(images[2].astype(int) - images[0]).astype(np.uint8)
    ((beside, right),) = find(page, residual)
    assert beside == y
    cells = {(row, x): page[row : row + 32, x : x + 40] for row in (y, below) for x in (left - 42, right - 42, right)}
    pale = {place for place, cell in cells.items() if (cell == 246).all()}
    assert pale == {(y, left - 42), (y, right - 42), (below, right - 42), (below, right)}


def test_the_value_asked_for_stands_above_each_edit_of_each_person(tmp_path):
    figure3(tmp_path / "with.png", COLUMNS, people(), min_side=40, asked=ASKED)
    figure3(tmp_path / "without.png", COLUMNS, people(), min_side=40)
    page, plain = pixels(tmp_path / "with.png"), pixels(tmp_path / "without.png")
    assert page.shape[0] > plain.shape[0]
    assert page.shape[1] == plain.shape[1]
    for rows in people():
        places = [find(page, image)[0] for image in rows[0][1]]
        above = [page[y - 16 : y - 1, x : x + 40] for y, x in places]
        assert [bool(muted(part).any()) for part in above] == [False, True, True]
        second = [find(page, image)[0] for image in rows[1][1]]
        assert [y for y, _ in second] == [y + 32 + 2 for y, _ in places]
    changed = [ASKED[0], ["", "neutral", "not black"]]
    figure3(tmp_path / "other.png", COLUMNS, people(), min_side=40, asked=changed)
    assert not np.array_equal(pixels(tmp_path / "other.png"), page)


def test_residuals_do_not_have_the_value_again(tmp_path):
    figure4(tmp_path / "grid.png", COLUMNS, people()[:1], [1, 2], min_side=40, asked=ASKED[:1])
    page = pixels(tmp_path / "grid.png")
    y, x = find(page, people()[0][0][1][2])[0]
    assert muted(page[y - 16 : y - 1, x : x + 40]).any()
    assert not muted(page[y - 16 : y - 1, x + 40 :]).any()


LONG = ["not smiling + wild", "hypergranular promyelocyte", "Donaudampfschifffahrtselektrizitaetenhauptwerk", "$a_{b"]


@pytest.mark.parametrize("text", LONG)
def test_long_text_stays_within_its_column(tmp_path, text):
    white = np.full((4, 5, 3), 255, np.uint8)
    for name, asked in (("with", text), ("without", "")):
        figure3(tmp_path / f"{name}.png", ["A", text], [[("M", [white, white])]], min_side=100, asked=[["", asked]])
    page = pixels(tmp_path / "with.png")
    ink = np.flatnonzero((page < 255).any((0, 2)))
    figure3(tmp_path / "short.png", ["", ""], [[("M", [np.zeros_like(white)] * 2)]], min_side=100)
    cell = np.flatnonzero((pixels(tmp_path / "short.png") < 255).any((0, 2)))
    assert ink.max() <= cell.max()
    right = ink[ink > cell.max() - 100]
    assert len(right) > 10
    assert right.min() > cell.max() - 100
    assert not (page[:2] < 255).any()
    lines = np.flatnonzero((page[:, cell.max() - 99 : cell.max() + 1] < 255).any((1, 2)))
    assert lines.max() < page.shape[0] - 40


def test_headings_of_pairs_break_after_the_plus(tmp_path):
    heights = []
    for heading in ("Smile+Species", "Hair color+Species", "Hair color+Lip color+Species"):
        figure3(tmp_path / "grid.png", ["A", heading], [[("M", people()[0][0][1][:2])]], min_side=100)
        heights.append(pixels(tmp_path / "grid.png").shape[0])
    assert heights[0] < heights[1] < heights[2]
    assert heights[2] - heights[1] == heights[1] - heights[0]


def test_the_same_input_gives_the_same_bytes_without_time_or_version(tmp_path):
    for name in "ab":
        figure3(tmp_path / f"3{name}.png", COLUMNS, people(), asked=ASKED)
        figure4(tmp_path / f"4{name}.png", COLUMNS, people(), [1, 2], asked=ASKED)
    for kind in "34":
        assert (tmp_path / f"{kind}a.png").read_bytes() == (tmp_path / f"{kind}b.png").read_bytes()
        with Image.open(tmp_path / f"{kind}a.png") as image:
            assert not image.info
    assert len(list(tmp_path.iterdir())) == 4


def test_a_wrong_number_of_images_or_size_is_an_error(tmp_path):
    (label, images), (_, other) = people()[0]
    with pytest.raises(ValueError, match=r"row 'First \(500\)' has 2 images for 3 columns"):
        figure3(tmp_path / "grid.png", COLUMNS, [[(label, images[:2])]])
    with pytest.raises(ValueError, match="of one size"):
        figure3(tmp_path / "grid.png", COLUMNS, [[(label, images), (label, other[:, :3])]])
    with pytest.raises(ValueError, match="has 2 images for 3 columns"):
        figure4(tmp_path / "grid.png", COLUMNS, [[(label, images[:2])]], [1, 2])
    assert not list(tmp_path.iterdir())
