"""CelebA from a small copy that the test makes: layouts, crop, groups, split, and every way to break a copy."""

import hashlib
import os
import pickle
import tracemalloc
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from sgbench.data.labels import NONE
from sgbench.data.sources import celeba
from sgbench.data.sources.celeba import CelebA
from sgbench.data.sources.celeba_table import read_attribute_file
from sgbench.data.store.packed import open_store
from sgbench.support.errors import UserError

FIVE = ("gender", "smile", "hair_color", "lipstick", "pale_skin")
TABLE = "list_attr_celeba.txt"


def open_copy(root, attributes=FIVE, image_size=32, **settings):
    return CelebA(CelebA.Settings(path=root, attributes=attributes, image_size=image_size, **settings))


def edit_table(root, edit):
    """Rewrite the attribute file's lines."""
    lines = (root / TABLE).read_text().splitlines()
    (root / TABLE).write_text("\n".join(edit(lines)) + "\n")


def as_torchvision(root):
    """Everything in a folder ``celeba``, among torchvision's other files."""
    inner = root / "celeba"
    inner.mkdir()
    for path in (root / "img_align_celeba", root / TABLE):
        path.rename(inner / path.name)
    (inner / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    (inner / "identity_CelebA.txt").write_text("000001.jpg 2880\n")


def as_kaggle(root):
    """Images one folder deeper, tables with commas."""
    outer = root / "img_align_celeba"
    outer.rename(root / "moved")
    outer.mkdir()
    (root / "moved").rename(outer / "img_align_celeba")
    lines = [line.split() for line in (root / TABLE).read_text().splitlines()]
    (root / TABLE).unlink()
    rows = [["image_id", *lines[1]], *lines[2:]]
    (root / TABLE).with_suffix(".csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    (root / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,0\n")


def as_authors(root):
    """Images and annotations in folders of their own."""
    (root / "Img").mkdir()
    (root / "Anno").mkdir()
    (root / "img_align_celeba").rename(root / "Img" / "img_align_celeba")
    (root / TABLE).rename(root / "Anno" / TABLE)


def as_one_subfolder(root):
    """The images in a folder of another name."""
    (root / "img_align_celeba").rename(root / "celebA")


def as_png(root):
    """The images as PNGs in the folder of the authors' archive."""
    folder = root / "img_align_celeba_png"
    folder.mkdir()
    for path in (root / "img_align_celeba").iterdir():
        with Image.open(path) as image:
            image.save(folder / f"{path.stem}.png")
        path.unlink()
    (root / "img_align_celeba").rmdir()


LAYOUTS = {
    "torchvision": (as_torchvision, (".", "celeba", "celeba/img_align_celeba")),
    "kaggle": (as_kaggle, (".", "img_align_celeba", "img_align_celeba/img_align_celeba")),
    "authors": (as_authors, (".", "Img", "Img/img_align_celeba", "Anno")),
    "one subfolder": (as_one_subfolder, (".", "celebA")),
}


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


@pytest.mark.parametrize(("arrange", "given"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_the_same_data_set(celeba_copy, monkeypatch, arrange, given):
    root = celeba_copy()
    before = open_copy(root)
    images = before.read_many(range(40))
    arrange(root)
    for folder in given:
        source = open_copy(root / folder)
        assert source.fingerprint == before.fingerprint
        assert source.ids == before.ids
        assert torch.equal(source.labels, before.labels)
        assert np.array_equal(source.read_many(range(40)), images)
        monkeypatch.chdir(root / folder)
        assert open_copy(".").fingerprint == before.fingerprint


def test_fingerprint_of_a_copy_is_what_it_always_was(celeba_copy):
    """Jobs trained earlier are found again: the hash is spelt out here as it was in the first release."""
    root = celeba_copy(7)
    source = open_copy(root, ("smile",), 64)
    every = open_copy(root).labels.numpy()
    key = hashlib.sha256(b"celeba 64 (0, 0.09174311926605505, 1, 0.908256880733945)")
    for number in range(1, 8):
        size = (root / "img_align_celeba" / f"{number:06d}.jpg").stat().st_size
        key.update(f"{number:06d}.jpg {size};".encode())
    key.update(every.tobytes())
    assert source.fingerprint == key.hexdigest()


@pytest.mark.parametrize("arrange", [None, as_kaggle])
def test_png_copies_stand_in_for_jpegs(celeba_copy, arrange):
    root = celeba_copy()
    jpeg = open_copy(root)
    images = jpeg.read_many(range(40))
    as_png(root)
    if arrange:
        (root / "img_align_celeba_png").rename(root / "img_align_celeba")
        arrange(root)
    png = open_copy(root)
    assert png.ids == [name.replace(".jpg", ".png") for name in jpeg.ids]
    assert torch.equal(png.labels, jpeg.labels)
    assert np.array_equal(png.read_many(range(40)), images)
    assert png.fingerprint != jpeg.fingerprint
    (png.folder / "000004.png").unlink()
    with pytest.raises(UserError, match=r"1, the first 000004\.jpg; complete"):
        open_copy(root)
    assert len(open_copy(root, allow_missing=True).ids) == 39


def test_two_names_with_one_file_are_refused(celeba_copy):
    root = celeba_copy(4)
    as_png(root)
    table = root / "list_attr_celeba.txt"
    table.write_text(table.read_text().replace("000002.jpg", "000001.png"))
    with pytest.raises(UserError, match=r"000001\.png: is the image of two names in the attribute file; remove one"):
        open_copy(root)


def test_a_jpeg_is_taken_before_its_png_copy(celeba_copy):
    root = celeba_copy(5)
    before = open_copy(root).fingerprint
    (root / "img_align_celeba" / "000002.png").write_bytes(b"")
    assert open_copy(root).fingerprint == before


def test_a_csv_with_a_byte_order_mark_and_crlf_is_read(celeba_copy):
    root = celeba_copy()
    labels = open_copy(root).labels
    as_kaggle(root)
    table = (root / TABLE).with_suffix(".csv")
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    assert torch.equal(open_copy(root).labels, labels)
    lines = table.read_text().splitlines()
    for number, row in ((3, "000002.jpg,1,,1"), (41, "000040.jpg," + ",".join(["2"] * 40))):
        table.write_text("\n".join([*lines[: number - 1], row, *lines[number:]]))
        with pytest.raises(UserError, match=rf"celeba\.csv: line {number} must be a name and 40 values"):
            open_copy(root)
    table.write_text("\n".join([lines[0].replace("Male", "Man"), *lines[1:]]))
    with pytest.raises(UserError, match="line 1 lacks the column Male"):
        open_copy(root)


def test_a_csv_with_quoted_cells_is_read(celeba_copy):
    root = celeba_copy()
    before = open_copy(root)
    as_kaggle(root)
    table = (root / TABLE).with_suffix(".csv")
    lines = ['"' + line.replace(",", '","') + '"' for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines) + "\n")
    source = open_copy(root)
    assert source.fingerprint == before.fingerprint
    assert torch.equal(source.labels, before.labels)


def test_a_row_takes_little_more_memory_than_its_name_and_a_byte_a_value(tmp_path, celeba_copy):
    lines = (celeba_copy(1) / TABLE).read_text().splitlines()
    num_rows, cells = 20_000, " ".join(lines[2].split()[1:])
    table = tmp_path / TABLE
    table.write_text("\n".join([str(num_rows), lines[1], *(f"{i:06d}.jpg {cells}" for i in range(num_rows))]))
    tracemalloc.start()
    names, columns = read_attribute_file(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(names), len(columns["Male"])) == (num_rows, num_rows)
    assert peak / num_rows < 300


def test_totals_of_a_complete_copy_are_checked_and_those_of_others_not(celeba_copy, monkeypatch):
    root = celeba_copy()
    _, columns = read_attribute_file(root / TABLE)
    true = {name: int(columns[name].sum()) for name in celeba.TOTALS}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_copy(root)
        monkeypatch.setattr(celeba, "NUM_IMAGES", 40)
        monkeypatch.setattr(celeba, "TOTALS", true)
        open_copy(root)
    monkeypatch.setattr(celeba, "TOTALS", true | {"Smiling": 12_345})
    with pytest.warns(UserWarning, match=f"{TABLE}: Smiling is set for {true['Smiling']} .* for 12,345; ") as caught:
        open_copy(root)
    assert len(caught) == 1
    (root / "img_align_celeba" / "000001.jpg").unlink()
    with pytest.warns(UserWarning, match="Smiling is set for"):  # the table is complete, whatever images are there
        open_copy(root, allow_missing=True)
    edit_table(root, lambda lines: ["39", *lines[1:-1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_copy(root, allow_missing=True)


def test_a_table_that_was_cut_off_is_told(celeba_copy):
    root = celeba_copy()
    edit_table(root, lambda lines: lines[:30])
    message = f"{TABLE}: line 1 says 40 images, but 28 are listed: only those listed are used; fetch the file again"
    with pytest.warns(UserWarning, match=message):
        assert len(open_copy(root).ids) == 28


def test_a_copy_can_be_sent_to_another_process_and_read_from_several_threads(celeba_copy):
    source = open_copy(celeba_copy())
    sent = pickle.loads(pickle.dumps(source))
    assert sent.fingerprint == source.fingerprint
    assert torch.equal(sent.labels, source.labels)
    assert sent.settings == source.settings
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(sent.read, [*range(40)] * 3))
    assert np.array_equal(np.stack(images), source.read_many([*range(40)] * 3))


def test_every_file_is_asked_for_once(celeba_copy, monkeypatch):
    root = celeba_copy()
    asked = Counter()
    stat = os.stat

    def counted(path, *rest, **options):
        asked[os.path.basename(path)] += 1
        return stat(path, *rest, **options)

    monkeypatch.setattr(os, "stat", counted)
    source = open_copy(root)
    assert [asked[name] for name in source.ids] == [1] * 40


def test_a_folder_without_attribute_file_or_images_is_an_error(celeba_copy, tmp_path):
    root = celeba_copy()
    (root / TABLE).rename(tmp_path / "elsewhere.txt")
    remedy = "give the folder that holds the images, or the CSV of own images"
    with pytest.raises(UserError, match=f"{root}: no {TABLE} in it or beside it, .*; .* {remedy}"):
        open_copy(root)
    with pytest.raises(UserError, match="no folder with CelebA's images there"):
        open_copy(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"or a \.csv file of own images"):
        open_copy(tmp_path / "elsewhere.txt")
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "elsewhere.txt").rename(empty / TABLE)
    with pytest.raises(
        UserError, match=f"no images in it or below it; {remedy}; for a plan {empty / TABLE} will do alone"
    ):
        open_copy(empty)
    for name in ("one", "two"):
        (empty / name).mkdir()
        (empty / name / "000001.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=f"images in 2 folders below it; {remedy}"):
        open_copy(empty)


def test_what_a_mac_leaves_beside_images_is_passed_over(celeba_copy):
    root = celeba_copy()
    whole = open_copy(root)
    (root / "img_align_celeba").rename(root / "faces")
    leavings = ["__MACOSX/._000001.jpg", "faces/._000001.jpg", "notes/._cover.png", f"._{TABLE}", ".hidden/000001.jpg"]
    for name in leavings:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\x00\x05\x16\x07")
    assert open_copy(root).fingerprint == whole.fingerprint


def test_labels_for_missing_images_are_an_error_unless_allowed(celeba_copy):
    root = celeba_copy()
    whole = open_copy(root)
    for name in ("000004.jpg", "000009.jpg"):
        (root / "img_align_celeba" / name).unlink()
    with pytest.raises(UserError, match=r"that are not in .*: 2, the first 000004.jpg; .*--allow-missing"):
        open_copy(root)
    partial = open_copy(root, allow_missing=True)
    assert partial.notes == ["Of 40 images that are listed, the 38 that were there were used."]
    kept = [i for i, name in enumerate(whole.ids) if name not in ("000004.jpg", "000009.jpg")]
    assert partial.ids == [whole.ids[i] for i in kept]
    assert torch.equal(partial.labels, whole.labels[kept])
    assert np.array_equal(partial.read(10), whole.read(kept[10]))
    edit_table(root, lambda lines: [*lines[:2], *(line.replace(".jpg", ".jpeg") for line in lines[2:])])
    with pytest.raises(UserError, match="holds none of the images"):
        open_copy(root, allow_missing=True)


def test_a_copy_of_other_size_says_so(celeba_copy):
    root = celeba_copy()
    assert open_copy(root).notes == []
    path = root / "img_align_celeba" / "000001.jpg"
    with Image.open(path) as image:
        image.resize((89, 109)).save(path)
    assert open_copy(root).notes == ["The images are copies of 89x109 pixels; CelebA's own aligned ones have 178x218."]
    path.write_bytes(b"no image")
    assert open_copy(root).notes == []


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "folder"])
def test_a_corrupt_image_is_named_and_leaves_no_store(celeba_copy, tmp_path, damage):
    root = celeba_copy()
    path = root / "img_align_celeba" / "000017.jpg"
    content = {"truncated": path.read_bytes()[:2000], "empty": b"", "text": b"not a picture\n", "folder": None}[damage]
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"000017\.jpg: not a readable image .*replace or remove it"):
        open_store(open_copy(root), tmp_path / "store")
    assert {p.suffix for p in (tmp_path / "store").rglob("*") if p.is_file()} == {".lock"}


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
    with pytest.raises(UserError, match=f"{TABLE}: line {number} must be a name and 40 values .*; write 1 for yes"):
        open_copy(root)


@pytest.mark.parametrize(
    ("values", "says"),
    [("1 " * 39 + "nan", "has 'nan' in the column 'Young'"), ("inf " + "1 " * 39, "in the column '5_o_Clock_Shadow'"),
     ("1 " * 41, "has 41 values")],
)  # fmt: skip
def test_a_bad_value_is_named_by_its_column(celeba_copy, values, says):
    root = celeba_copy()
    edit_table(root, lambda lines: [*lines[:11], f"000010.jpg {values}", *lines[12:]])
    with pytest.raises(UserError, match=f"{TABLE}: line 12 must be a name and 40 values of 1 or -1, .*{says};"):
        open_copy(root)


def test_other_damage_to_the_attribute_file_is_named(celeba_copy):
    root = celeba_copy()
    edit_table(root, lambda lines: [*lines, lines[2]])
    with pytest.raises(UserError, match=r"line 43 names 000001\.jpg a second time"):
        open_copy(root)
    edit_table(root, lambda lines: [lines[0], lines[1].replace("Male ", "Man "), *lines[2:]])
    with pytest.raises(UserError, match="line 2 lacks the column Male"):
        open_copy(root)
    text = (root / TABLE).read_text()
    for encoding in ("utf-16", "latin-1"):
        (root / TABLE).write_text(text.replace("000001", "Å"), encoding=encoding)
        with pytest.raises(UserError, match=f"{TABLE}: cannot be read .*; save it as UTF-8"):
            open_copy(root)
    for lines in ([], ["40"], text.splitlines()[:2], [*text.splitlines()[:2], "", " "]):
        (root / TABLE).write_text("\n".join(lines))
        with pytest.raises(UserError, match=f"{TABLE}: has no row of labels below the columns' names; fetch"):
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
    assert (seen[0], seen[-1]) == ((0, 300), (300, 300))
    everyone = torch.arange(300)
    assert images.shape == (300, 3, 32, 32)
    assert images[everyone].dtype == torch.uint8
    for index in (0, 255, 256, 299):
        assert np.array_equal(images[torch.tensor([index])][0].numpy(), source.read(index))
    again = open_store(source, tmp_path / "store", lambda done, total: seen.append("written twice"))
    assert torch.equal(again[everyone], images[everyone])
    assert "written twice" not in seen


@pytest.mark.parametrize("name", ["../000001.jpg", "/etc/passwd", "a\\b.jpg", ".."])
def test_an_image_elsewhere_is_not_followed(celeba_copy, name):
    root = celeba_copy()
    table = root / "list_attr_celeba.txt"
    table.write_text(table.read_text().replace("000003.jpg", name))
    with pytest.raises(UserError, match=r"list_attr_celeba.txt: line 5: .* cannot be the name of a file or folder"):
        read_attribute_file(table)


def test_the_attribute_file_alone_has_labels_and_no_pixels(celeba_copy, tmp_path):
    root = celeba_copy(8, (178, 218))
    table = tmp_path / "elsewhere" / "list_attr_celeba.txt"
    table.parent.mkdir()
    table.write_bytes((root / table.name).read_bytes())
    whole, alone = open_copy(root / table.name), open_copy(table)
    assert np.array_equal(whole.read(0), open_copy(root).read(0))
    assert torch.equal(whole.labels, alone.labels)
    assert list(whole.ids) == list(alone.ids)
    assert whole.fingerprint != alone.fingerprint
    assert alone.times() is None
    with pytest.raises(UserError, match="holds labels alone; give the folder that holds CelebA's images"):
        alone.read(0)
