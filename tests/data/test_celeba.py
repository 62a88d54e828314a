"""CelebA from a small copy that the test makes: crop, groups, split, and every way in which a copy can be broken."""

import numpy as np
import pytest
import torch
from PIL import Image

from sgbench.data.celeba import CelebA, read_attribute_file
from sgbench.data.labels import NONE
from sgbench.data.store import open_store
from sgbench.errors import UserError

FIVE = ("gender", "smile", "hair_color", "lipstick", "pale_skin")
TABLE = "list_attr_celeba.txt"


def open_copy(root, attributes=FIVE, image_size=32, **settings):
    return CelebA(CelebA.Settings(path=root, attributes=attributes, image_size=image_size, **settings))


def edit_table(root, edit):
    """Rewrite the attribute file's lines."""
    lines = (root / TABLE).read_text().splitlines()
    (root / TABLE).write_text("\n".join(edit(lines)) + "\n")


def triangle_filter(length, size):
    """Weights [size, length] of bilinear reduction with support of one output pixel to each side."""
    scale = length / size
    centres = (np.arange(size) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centres[:, None]) / scale)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("size", [(178, 218), (89, 109)])
@pytest.mark.parametrize("image_size", [32, 64])
def test_crop_is_the_centred_square_of_rows_20_to_198(celeba_copy, size, image_size):
    root = celeba_copy(3, size)
    source = open_copy(root, image_size=image_size)
    for index, name in enumerate(source.ids):
        pixels = np.asarray(Image.open(root / "img_align_celeba" / name)).astype(float)
        top, bottom = {218: (20, 198), 109: (10, 99)}[size[1]]
        square = pixels[top:bottom]
        assert square.shape[0] == square.shape[1] == size[0]
        weights = triangle_filter(size[0], image_size)
        expected = np.einsum("yr,rcd,xc->dyx", weights, square, weights, optimize=True)
        image = source.read(index)
        assert image.shape == (3, image_size, image_size)
        assert image.dtype == np.uint8
        assert np.abs(image - expected).max() <= 1.5


def test_groups_follow_the_columns(celeba_copy):
    root = celeba_copy(200)
    source = open_copy(root)
    lines = (root / TABLE).read_text().splitlines()
    header = lines[1].split()
    for row, line in enumerate(lines[2:]):
        name, *cells = line.split()
        has = {column: cell == "1" for column, cell in zip(header, cells, strict=True)}
        black, blond = has["Black_Hair"], has["Blond_Hair"]
        hair = NONE if black == blond else int(blond)
        expected = [has["Male"], has["Smiling"], hair, has["Wearing_Lipstick"], has["Pale_Skin"]]
        assert source.ids[row] == name
        assert source.labels[row].tolist() == [int(value) for value in expected]
    assert source.labels.dtype == torch.int8
    assert {NONE, 0, 1} == set(source.labels[:, 2].tolist())
    assert not source.attributes[2].exhaustive


def test_attributes_come_in_the_order_asked_for(celeba_copy):
    root = celeba_copy()
    every, two = open_copy(root), open_copy(root, ("lipstick", "gender"))
    assert [a.name for a in two.attributes] == ["lipstick", "gender"]
    assert torch.equal(two.labels, every.labels[:, [3, 0]])
    with pytest.raises(UserError, match="unknown attribute 'beard'; those of CelebA are gender, smile"):
        open_copy(root, ("beard",))
    with pytest.raises(UserError, match="one is named twice"):
        open_copy(root, ("gender", "gender"))


@pytest.mark.parametrize("given", ["root", "images"])
@pytest.mark.parametrize("place", ["root", "images"])
def test_the_attribute_file_may_lie_beside_the_images_or_among_them(celeba_copy, given, place):
    root = celeba_copy()
    folder = root / "img_align_celeba"
    if place == "images":
        (root / TABLE).rename(folder / TABLE)
    source = open_copy(root if given == "root" else folder)
    assert len(source.ids) == 40
    assert source.read(0).shape == (3, 32, 32)


def test_a_folder_without_attribute_file_or_images_is_an_error(celeba_copy, tmp_path):
    root = celeba_copy()
    (root / TABLE).rename(tmp_path / "elsewhere.txt")
    with pytest.raises(UserError, match=f"{root}: no {TABLE} in it or beside it"):
        open_copy(root)
    with pytest.raises(UserError, match="no folder with CelebA's images there"):
        open_copy(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is a file"):
        open_copy(tmp_path / "elsewhere.txt")
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "elsewhere.txt").rename(empty / TABLE)
    with pytest.raises(UserError, match="no images in it"):
        open_copy(empty)


def test_labels_for_missing_images_are_an_error_unless_allowed(celeba_copy):
    root = celeba_copy()
    whole = open_copy(root)
    for name in ("000004.jpg", "000009.jpg"):
        (root / "img_align_celeba" / name).unlink()
    with pytest.raises(UserError, match=r"labels for 2 images .* the first 000004.jpg; .*--allow-missing"):
        open_copy(root)
    partial = open_copy(root, allow_missing=True)
    kept = [i for i, name in enumerate(whole.ids) if name not in ("000004.jpg", "000009.jpg")]
    assert partial.ids == [whole.ids[i] for i in kept]
    assert torch.equal(partial.labels, whole.labels[kept])
    assert np.array_equal(partial.read(10), whole.read(kept[10]))
    edit_table(root, lambda lines: [*lines[:2], *(line.replace(".jpg", ".jpeg") for line in lines[2:])])
    with pytest.raises(UserError, match="holds none of the images"):
        open_copy(root, allow_missing=True)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "folder"])
def test_a_corrupt_image_is_named_and_leaves_no_store(celeba_copy, tmp_path, damage):
    root = celeba_copy()
    path = root / "img_align_celeba" / "000017.jpg"
    content = {"truncated": path.read_bytes()[:2000], "empty": b"", "text": b"not a picture\n", "folder": None}[damage]
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"000017\.jpg: not a readable image .*replace or remove it"):
        open_store(open_copy(root), tmp_path / "store")
    assert [p.suffix for p in (tmp_path / "store").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("number", "row"),
    [
        (7, "000005.jpg 1 -1 1"),
        (7, "000005.jpg " + "0 " * 40),
        (12, "000010.jpg " + "1 " * 39 + "x"),
        (42, "000040.jpg"),
    ],
)
def test_a_bad_row_is_named_by_its_line(celeba_copy, number, row):
    root = celeba_copy()
    edit_table(root, lambda lines: [*lines[: number - 1], row, *lines[number:]])
    with pytest.raises(UserError, match=f"{TABLE}: line {number} must be a name and 40 values"):
        open_copy(root)


def test_other_damage_to_the_attribute_file_is_named(celeba_copy):
    root = celeba_copy()
    edit_table(root, lambda lines: [*lines, lines[2]])
    with pytest.raises(UserError, match=r"line 43 names 000001\.jpg a second time"):
        open_copy(root)
    edit_table(root, lambda lines: [lines[0], lines[1].replace("Male ", "Man "), *lines[2:]])
    with pytest.raises(UserError, match="line 2 lacks the column Male"):
        open_copy(root)
    edit_table(root, lambda lines: lines[:2])
    with pytest.raises(UserError, match="has 2 lines"):
        open_copy(root)
    (root / TABLE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        open_copy(root)


def test_blank_lines_are_passed_over(celeba_copy):
    root = celeba_copy(5)
    names, columns = read_attribute_file(root / TABLE)
    edit_table(root, lambda lines: [*lines[:4], "", *lines[4:], "   "])
    again, same = read_attribute_file(root / TABLE)
    assert names == again
    assert all(np.array_equal(columns[column], same[column]) for column in columns)


def test_split_is_disjoint_complete_and_seeded(celeba_copy):
    root = celeba_copy()
    train, test = open_copy(root).split()
    assert (len(train), len(test)) == (32, 8)
    assert sorted(torch.cat([train, test]).tolist()) == list(range(40))
    assert train.tolist() == sorted(train.tolist())
    same, others = open_copy(root, ("gender",)), open_copy(root, split_seed=1)
    assert torch.equal(same.split()[1], test)
    assert not torch.equal(others.split()[1], test)
    assert len(open_copy(root, num_test=13).split()[1]) == 13
    with pytest.raises(UserError, match=r"data\.num_test is 40, but there are only 40 images"):
        open_copy(root, num_test=40).split()


def test_split_first_takes_the_first_images_for_testing(celeba_copy):
    train, test = open_copy(celeba_copy(), num_test=10, split="first").split()
    assert test.tolist() == list(range(10))
    assert train.tolist() == list(range(10, 40))


def test_fingerprint_changes_with_images_labels_and_size_and_not_with_the_choice_of_attributes(celeba_copy):
    root = celeba_copy()
    first = open_copy(root).fingerprint
    assert open_copy(root).fingerprint == first
    assert open_copy(root, ("smile",)).fingerprint == first
    assert open_copy(root, image_size=64).fingerprint != first
    (root / "img_align_celeba" / "000003.jpg").write_bytes(b"longer" * 10_000)
    changed = open_copy(root).fingerprint
    assert changed != first
    edit_table(root, lambda lines: [*lines[:2], lines[2].replace("-1", " 1"), *lines[3:]])
    assert open_copy(root).fingerprint not in (first, changed)


def test_store_holds_what_the_source_reads(celeba_copy, tmp_path):
    source = open_copy(celeba_copy(300, (89, 109)))
    seen = []
    images = open_store(source, tmp_path / "store", lambda done, total: seen.append((done, total)))
    assert seen == [(256, 300), (300, 300)]
    assert images.dtype == torch.uint8
    assert images.shape == (300, 3, 32, 32)
    for index in (0, 255, 256, 299):
        assert np.array_equal(images[index].numpy(), source.read(index))
    again = open_store(source, tmp_path / "store", lambda done, total: seen.append("written twice"))
    assert torch.equal(again, images)
    assert len(seen) == 2
