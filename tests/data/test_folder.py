"""One's own images from folders that the tests make: cells, values, split, decoding, and every error."""

import csv
import pickle
import re
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from sgbench.data.labels import HIDDEN, NONE, Attribute
from sgbench.data.source import IMAGE_SIZES
from sgbench.data.sources.folder import Folder
from sgbench.plan.plan import make_plan
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError

SPECIES = ("cat", "dog", "wild")


def open_folder(path, *attributes, image_size=32, **settings):
    return Folder(Folder.Settings(path=path, attributes=attributes, image_size=image_size, **settings))


def smooth(rng, size, mode="RGB"):
    """A random picture without edges."""
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def made(tmp_path):
    """Writes a CSV as text and a small PNG for each path in its first column; returns the CSV."""

    def make(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        image = Image.new("RGB", (8, 8), (200, 100, 50))
        for row in list(csv.reader(text.splitlines()))[1:]:
            name = row[0].strip().replace("\\", "/") if row else ""
            if name and ".." not in name and not name.startswith("/"):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                image.save(tmp_path / name, "PNG")
        return path

    return make


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """As LFW: 250x250 JPEGs in a folder for each person, binary columns with blanks; returns the CSV and its cells."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(30):
        person = f"Person_{number // 3:02d}"
        name = f"{person}/{person}_{number % 3 + 1:04d}.jpg"
        (root / "lfw" / person).mkdir(parents=True, exist_ok=True)
        smooth(rng, (250, 250)).save(root / "lfw" / name, quality=95)
        rows.append([name, *rng.choice(["1", "0", ""], 2, p=[0.4, 0.4, 0.2]), rng.choice(["1", "-1"])])
    path = root / "people.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["image", "smiling", "glasses", "male"], *rows])
    return path, rows


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """As AFHQ: JPEGs and PNGs of about 512x512, three species, young or not, and a split; returns the folder."""
    root = tmp_path_factory.mktemp("animals")
    rng = np.random.default_rng(4)
    rows = []
    for number in range(36):
        species = SPECIES[number % 3]
        part = "Test" if number >= 24 else "train"
        name = f"{part.lower()}/{species}/{number:05d}.{'png' if number % 2 else 'jpg'}"
        (root / "afhq" / name).parent.mkdir(parents=True, exist_ok=True)
        smooth(rng, (512, 500 + number)).save(root / "afhq" / name)
        rows.append([name, species, int(number // 3 % 2 == 0), part])
    with (root / "afhq" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "species", "young", "split"], *rows])
    return root / "afhq"


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_people_in_folders_of_their_own(people, image_size):
    path, rows = people
    source = open_folder(path, "male", "smiling", images=path.parent / "lfw", image_size=image_size)
    assert source.attributes == (Attribute("male", ("no", "yes")), Attribute("smiling", ("no", "yes")))
    assert source.ids == [row[0] for row in rows]
    meaning = {"1": 1, "0": 0, "-1": 0, "": HIDDEN}
    assert source.labels.tolist() == [[meaning[row[3]], meaning[row[1]]] for row in rows]
    assert source.labels.dtype == torch.int8
    assert (source.labels == HIDDEN).any()
    image = source.read(7)
    assert image.shape == (3, image_size, image_size)
    assert image.dtype == np.uint8
    whole = Image.open(path.parent / "lfw" / rows[7][0]).resize((image_size, image_size), Image.Resampling.BILINEAR)
    assert np.array_equal(image.transpose(1, 2, 0), np.asarray(whole))
    train, test = source.split()
    assert (len(train), len(test), source.num_test()) == (24, 6, 6)
    assert not set(train.tolist()) & set(test.tolist())


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_species_with_a_split_of_their_own(animals, image_size):
    source = open_folder(animals, "species", image_size=image_size)
    assert source.attributes == (Attribute("species", SPECIES),)
    assert source.labels.flatten().tolist() == [0, 1, 2] * 12
    train, test = source.split()
    assert train.tolist() == list(range(24))
    assert test.tolist() == list(range(24, 36))
    assert train.dtype == test.dtype == torch.int64
    assert source.num_test() == 12
    assert source.read_many([0, 35]).shape == (2, 3, image_size, image_size)


def test_a_wide_and_a_tall_image_are_cropped_to_the_middle(made, tmp_path):
    path = made("image,a\nwide.png,1\ntall.png,0\n")
    pixels = np.zeros((60, 101, 3), np.uint8)
    pixels[:, 20:80] = (10, 200, 30)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    for image in open_folder(path, "a").read_many([0, 1]):
        assert (image == np.array([10, 200, 30])[:, None, None]).all()


def test_orientation_in_exif_is_applied(made, tmp_path):
    path = made("image,a\n0.png,1\n1.png,0\n")
    upright = smooth(np.random.default_rng(0), (48, 48))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the left: shown after a quarter turn to the right
    upright.save(tmp_path / "0.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "1.png", exif=exif)
    first, second = open_folder(path, "a").read_many([0, 1])
    assert np.array_equal(first, second)


def test_every_kind_of_pixel_becomes_rgb(made, tmp_path):
    names = ["grey", "alpha", "grey_alpha", "palette", "see_through", "bits", "cmyk", "deep", "deep_tiff"]
    path = made("image,a\n" + "".join(f"{name}.png,{k % 2}\n" for k, name in enumerate(names)))
    grey = Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1)))
    transparent = Image.fromarray(np.zeros((64, 64), np.uint8))
    coloured = Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    palette = grey.convert("P")
    pictures = {
        "grey": (grey, "PNG", {}),
        "alpha": (Image.merge("RGBA", (*coloured.split(), transparent)), "PNG", {}),
        "grey_alpha": (Image.merge("LA", (grey, transparent)), "PNG", {}),
        "palette": (palette, "GIF", {}),
        "see_through": (palette, "PNG", {"transparency": bytes(range(256))}),
        "bits": (grey.point(lambda v: 255 * (v > 99)).convert("1"), "PNG", {}),
        "cmyk": (coloured.convert("CMYK"), "TIFF", {}),
        "deep": (deep, "PNG", {}),
        "deep_tiff": (deep, "TIFF", {}),
    }
    for name, (picture, kind, options) in pictures.items():
        picture.save(tmp_path / f"{name}.png", kind, **options)
    source = open_folder(path, "a", image_size=64)
    images = dict(zip(names, source.read_many(range(len(names))), strict=True))
    flat = np.broadcast_to(np.asarray(grey), (3, 64, 64))
    colours = np.asarray(coloured).transpose(2, 0, 1)
    for name in ("grey", "grey_alpha", "palette", "see_through", "deep", "deep_tiff"):
        assert np.array_equal(images[name], flat), name
    assert np.array_equal(images["alpha"], colours)
    assert np.array_equal(images["cmyk"], colours)
    assert np.array_equal(images["bits"], 255 * (flat > 99))


def test_pixels_are_read_without_a_warning(made, tmp_path, recwarn):
    path = made("image,a\n0.png,1\n1.png,0\n")
    palette = Image.fromarray(np.zeros((8, 8), np.uint8)).convert("P")
    palette.save(tmp_path / "0.png", transparency=bytes(range(256)))
    open_folder(path, "a").read(0)
    assert not recwarn.list


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "folder", "float"])
def test_a_file_that_is_no_image_is_named(made, tmp_path, damage):
    path = made("image,a\nx/0.png,1\n1.png,0\n")
    victim = tmp_path / "x" / "0.png"
    content = {"truncated": victim.read_bytes()[:50], "empty": b"", "text": b"not a picture\n"}.get(damage)
    victim.unlink()
    if damage == "folder":
        victim.mkdir()
    elif damage == "float":
        Image.fromarray(np.zeros((8, 8), np.float32)).save(victim, "TIFF")
    else:
        victim.write_bytes(content)
    source = open_folder(path, "a")
    assert source.read(1).shape == (3, 32, 32)
    with pytest.raises(UserError, match=r"x/0\.png: not a readable image .*; replace or remove it"):
        source.read(0)


def test_names_none_and_blanks(made):
    path = made("image,hair,size\na.png,black,big\nb.png,none,small\nc.png,blond,big\nd.png,,small\ne.png,None,big\n")
    source = open_folder(path, "hair", "size")
    assert source.attributes == (
        Attribute("hair", ("black", "blond"), exhaustive=False),
        Attribute("size", ("big", "small")),
    )
    assert source.labels.tolist() == [[0, 0], [NONE, 1], [1, 0], [HIDDEN, 1], [NONE, 0]]


@pytest.mark.parametrize("value", ["NA", "nan", "null", "N/A", "true", "1e5"])
def test_texts_that_other_readers_take_for_missing_or_for_numbers_are_values(made, value):
    path = made(f"image,country\na.png,{value}\nb.png,other\nc.png,\n")
    with warnings.catch_warnings(record=True, action="always") as told:
        folder = open_folder(path, "country")
    doubtful = [f"{path}: row 2: column 'country': '{value}' counts as a value"] * (value not in ("true", "1e5"))
    assert [str(warning.message).partition(" like")[0] for warning in told] == doubtful
    open_folder(path, "country", values={"country": (value, "other")})  # which says that they are meant
    (attribute,) = folder.attributes
    assert set(attribute.values) == {value, "other"}
    assert folder.labels.flatten().tolist() == [attribute.values.index(value), attribute.values.index("other"), -1]


def test_suffixes_in_capitals_are_read(made):
    folder = open_folder(made("image,country\nA.PNG,x\nb.Png,y\n"), "country")
    assert [folder.read(k).shape for k in range(2)] == [(3, 32, 32)] * 2


def test_an_order_of_values_decides_the_groups(made):
    path = made("image,hair,smile\na.png,black,1\nb.png,blond,0\nc.png,grey,1\nd.png,black,0\n")
    by_name = open_folder(path, "hair", "smile")
    order = {"hair": ("grey", "blond", "black"), "smile": ("yes", "no")}
    ordered = open_folder(path, "hair", "smile", values=order)
    assert [a.values for a in by_name.attributes] == [("black", "blond", "grey"), ("no", "yes")]
    assert [a.values for a in ordered.attributes] == list(order.values())
    assert by_name.labels.tolist() == [[0, 1], [1, 0], [2, 1], [0, 0]]
    assert ordered.labels.tolist() == [[2, 0], [1, 1], [0, 0], [2, 1]]
    assert ordered.fingerprint != by_name.fingerprint


def test_a_binary_column_as_pandas_writes_it_with_blanks(made):
    source = open_folder(made("image,a\n0.png,1.0\n1.png,\n2.png,0.0\n"), "a")
    assert source.attributes[0].values == ("no", "yes")
    assert source.labels.flatten().tolist() == [1, HIDDEN, 0]


PLAIN = "image,hair,smile\nx/a.png,black,1\nb.png,dark blond,0\nc.png,black,1\n"
WRITTEN = {
    "byte order mark": "\ufeff" + PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "Excel": "\ufeff" + PLAIN.replace("\n", "\r\n"),
    "quotes": PLAIN.replace("dark blond", '"dark blond"').replace("x/a.png", '"x/a.png"').replace("hair", '"hair"'),
    "spaces": PLAIN.replace(",", " , ").replace("image", " image"),
    "quotes after spaces": PLAIN.replace(",black", ', "black"'),
    "blank rows": PLAIN.replace("b.png", "\n,,\nb.png"),
    "no last line feed": PLAIN.rstrip(),
    "backslashes": PLAIN.replace("x/a", "x\\a"),
    "a dot": PLAIN.replace("x/a", "./x//a"),
    "-1 for 0": PLAIN.replace(",0\n", ",-1\n"),
    "another header": PLAIN.replace("image", "Datei"),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_however_the_table_is_written_it_is_the_same_data_set(made, text):
    plain = open_folder(made(PLAIN), "hair", "smile")
    source = open_folder(made(text), "hair", "smile")
    assert source.ids == ["x/a.png", "b.png", "c.png"]
    assert source.attributes[0].values == ("black", "dark blond")
    assert torch.equal(source.labels, plain.labels)
    assert source.fingerprint == plain.fingerprint


def test_the_table_may_be_given_by_its_folder(made, tmp_path):
    path = made(PLAIN)
    assert open_folder(tmp_path, "hair").fingerprint == open_folder(path, "hair").fingerprint
    (tmp_path / "Other.CSV").write_text(PLAIN)
    with pytest.raises(UserError, match=r"must hold one CSV, has Other\.CSV, labels\.csv; set data\.path to the file"):
        open_folder(tmp_path, "hair")
    with pytest.raises(UserError, match="must hold one CSV, has none"):
        open_folder(tmp_path / "x", "hair")
    with pytest.raises(UserError, match="nowhere: no CSV"):
        open_folder(tmp_path / "nowhere", "hair")
    with pytest.raises(UserError, match="elsewhere: no folder of images there"):
        open_folder(path, "hair", images=tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"b\.png: must be the folder .* is a file"):
        open_folder(path, "hair", images=tmp_path / "b.png")


def test_fingerprint_changes_with_images_labels_split_size_and_values_and_not_with_the_attributes_chosen(
    made, tmp_path
):
    text = "image,hair,smile,split,note\na.png,black,1,train,first\nb.png,blond,0,test,second\nc.png,black,1,train,\n"
    seen = {open_folder(made(text), "hair").fingerprint}
    assert open_folder(tmp_path, "smile", "hair").fingerprint in seen
    prints = [
        open_folder(tmp_path, "hair", image_size=64).fingerprint,
        open_folder(tmp_path, "smile", values={"hair": ("blond", "black")}).fingerprint,
        open_folder(made(text.replace("c.png,black", "c.png,blond")), "smile").fingerprint,
        open_folder(made(text.replace("c.png,black", "c.png,")), "smile").fingerprint,
        open_folder(made(text.replace("c.png,black", "c.png,none")), "smile").fingerprint,
        open_folder(made(text.replace("black", "brown")), "smile").fingerprint,
        open_folder(
            made(text.replace("1,train\nb", "1,test\nb").replace("1,train,\n", "1,test,\n")), "smile"
        ).fingerprint,
        open_folder(made(text.replace("c.png", "d.png")), "smile").fingerprint,
    ]
    made(text)
    Image.new("RGB", (50, 8)).save(tmp_path / "b.png")
    prints.append(open_folder(tmp_path, "hair").fingerprint)
    assert len(seen | set(prints)) == 1 + len(prints)


def test_only_attributes_asked_for_need_be_valid(made):
    path = made("image,hair,age,id,all\na.png,black,1,x,1\nb.png,blond,old,y,1\n")
    assert open_folder(path, "hair").attributes[0].name == "hair"
    with pytest.raises(UserError, match="column 'age'"):
        open_folder(path, "hair", "age")


GOOD = "image,hair,smile\na.png,black,1\nb.png,blond,0\nc.png,none,\n"
SPLIT = "image,hair,split\na.png,black,train\nb.png,blond,test\n"
MANY = "image,hair\n" + "".join(f"{k}.png,v{k}\n" for k in range(129))
BAD = {
    "duplicate": (GOOD + "./a.png,black,1\n", {}, "row 5: column 'image': a.png is in row 2 already; remove one"),
    "duplicate in another normal form": (
        GOOD + "é.png,black,1\ne\u0301.png,black,1\n",
        {},
        "row 6: column 'image': e\u0301.png is in row 5 already",
    ),
    "decimals": (
        "image,hair\na.png,2.0\nb.png,3.0\nc.png,2\n",
        {"attributes": ["hair"]},
        "row 4: column 'hair': '2' differs from '2.0' in row 2 in decimals alone; write one of them throughout",
    ),
    "case": (
        GOOD.replace("none", "Blond") + "d.png,BLOND,0\n",
        {},
        "row 4: column 'hair': 'Blond' differs from 'blond' in row 3 in case alone; write one of them throughout",
    ),
    "pandas' index": (
        "".join(f"{k or ''},{row}\n" for k, row in enumerate(GOOD.splitlines())),
        {},
        "row 1: column 1 has no name, as where pandas writes its index; write the file with index=False",
    ),
    "no header": (GOOD.partition("\n")[2], {}, "row 1: 'a.png' is an image; the first row must name the columns"),
    "mixed": (GOOD + "d.png,1,1\n", {}, "row 2: column 'hair': 'black' in a column that also has 1; give names"),
    "0 and -1": (GOOD + "d.png,black,-1\n", {}, "row 5: column 'smile': -1 in a column that also has 0; write one"),
    "one value": (GOOD.replace("blond", "black"), {}, "column 'hair' has only the value 'black'; an attribute needs"),
    "one binary value": (GOOD.replace(",0", ",1"), {}, "column 'smile' has only the value 'yes'"),
    "no value": (GOOD.replace(",0", ",").replace(",1", ",none"), {}, "column 'smile' has no value"),
    "too many values": (MANY, {"attributes": ["hair"]}, "column 'hair' has 129 values, an attribute at most 128"),
    "short row": (GOOD + "d.png,black\n", {}, "row 5 has 2 cells, the first row 3"),
    "long row": (GOOD + "\nd.png,black,1,1\n", {}, "row 6 has 4 cells, the first row 3"),
    "open quotes": (GOOD.replace("blond", '"blond'), {}, "row 3: a quoted cell goes on in the next row; close its"),
    "empty": ("", {}, "labels.csv: is empty"),
    "header only": ("image,hair,smile\n\n,,\n", {}, "labels.csv: has no rows below the names of its columns"),
    "no attribute": ("image\na.png\n", {}, "row 1 names no attribute after 'image'; columns are separated by commas"),
    "semicolons": (GOOD.replace(",", ";"), {}, "row 1 names no attribute after 'image;hair;smile'"),
    "only a split": ("image,Split\na.png,test\n", {}, "row 1 names no attribute after 'image'"),
    "column twice": (GOOD.replace("smile", "hair"), {}, "row 1: two columns are named 'hair'; the first row must"),
    "split twice": ("image,hair,split,Split\na.png,black,test,test\n", {}, "two columns are named 'split'"),
    "column without a name": (GOOD.replace("smile", " "), {}, "row 1: column 3 has no name; the first row"),
    "name of a column": (GOOD.replace("hair", "a/b"), {"attributes": ["a/b"]}, "column 'a/b': an attribute's name has"),
    "unknown attribute": (GOOD, {"attributes": ["beard"]}, "unknown attribute 'beard'; those of"),
    "split as an attribute": (SPLIT, {"attributes": ["split"]}, "unknown attribute 'split'"),
    "attribute twice": (GOOD, {"attributes": ["hair", "hair"]}, "one is named twice"),
    "values of nobody": (GOOD, {"values": {"beard": ["a", "b"]}}, "unknown attribute 'beard'"),
    "value left out": (GOOD, {"values": {"hair": ["blond", "red"]}}, "row 2: column 'hair': 'black' is not one of"),
    "split": (SPLIT.replace("test", "val"), {}, "row 3: column 'split': must be train or test, not 'val'"),
    "blank split": (SPLIT.replace("test", ""), {}, "row 3: column 'split': must be train or test, not ''"),
    "all train": (SPLIT.replace("test", "train"), {}, "column 'split' must put images into both train and test"),
    "two splits": (
        SPLIT,
        {"num_test": 1},
        "column 'split' says which images are for testing: leave out the number of test images (num_test)",
    ),
    "parent": (
        GOOD.replace("b.png", "x/../../b.png"),
        {},
        "row 3: column 'image': 'x/../../b.png' is not a path within",
    ),
    "absolute": (GOOD.replace("b.png", "/b.png"), {}, "row 3: column 'image': '/b.png' is not a path within"),
    "drive": (GOOD.replace("b.png", "C:\\b.png"), {}, r"row 3: column 'image': 'C:\b.png' is not a path within"),
    "no path": (GOOD.replace("b.png", ""), {}, "row 3: column 'image': '' is not a path within"),
}


@pytest.mark.parametrize(("text", "settings", "message"), BAD.values(), ids=BAD)
def test_a_bad_table_is_refused_in_one_line_that_says_where(made, text, settings, message):
    path = made(text)
    attributes = settings.pop("attributes", None) or ["hair", "smile"][: 1 if "split" in text.lower() else 2]
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        open_folder(path, *attributes, **settings)
    assert str(path) in str(caught.value) or "named twice" in message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\x1b[1m", "a\u202eb", "a\x00", "a\x9b", "a\u200b"])
def test_a_value_with_hidden_characters_is_refused(made, value):
    path = made(f"image,hair\na.png,{value}\nb.png,blond\n")
    with pytest.raises(UserError, match=r"column 'hair': hair: the value '.*' .* has characters that are not shown"):
        open_folder(path, "hair")


def test_values_that_look_the_same_in_two_normal_forms_are_refused(made):
    composed, decomposed = (unicodedata.normalize(form, "né") for form in ("NFC", "NFD"))
    path = made(f"image,hair\na.png,{composed}\nb.png,{decomposed}\nc.png,blond\n")
    with pytest.raises(UserError, match=r"row 3.* differs from .* in row 2 in Unicode form alone"):
        open_folder(path, "hair")


def test_a_value_that_holds_the_start_of_another_group_is_refused(tmp_path, made):
    rows = "".join(f"{n}.png,{'a+ hair=b' if n % 2 else 'c'},{'x' if n % 4 > 1 else 'y'}\n" for n in range(40))
    path = made(f"image,age,hair\n{rows}")
    config = {"data": {"class": "folder", "path": str(path), "attributes": ["age", "hair"], "image_size": 32}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**config, "levels": [2], "methods": {}}))
    settings = read_settings(tmp_path / "c.yaml", {}, {})
    with pytest.raises(UserError, match=r"age: in the value 'a\+ hair=b' a plus and an attribute's name look like"):
        make_plan(settings, settings.source(settings.data))


def test_a_table_in_another_encoding_is_refused(made):
    for encoding in ("utf-16", "latin-1"):
        with pytest.raises(UserError, match=r"labels\.csv: cannot be read as CSV in UTF-8 .*; save it as such"):
            open_folder(made(GOOD.replace("blond", "blönd"), encoding), "hair")


@pytest.mark.parametrize("names", [["black"], ["black", "black"], ["black", "none"], ["black", " "]])
def test_an_order_must_be_two_or_more_names(made, names):
    with pytest.raises(ValueError, match="hair: must be two or more names"):
        Folder.Settings(path="x", attributes=["hair"], values={"hair": names})


def test_missing_images_are_an_error_unless_allowed(made, tmp_path):
    path = made("image,hair,split\na.png,black,train\nx/b.png,blond,test\nc.png,blond,train\nd.png,black,test\n")
    whole = open_folder(path, "hair")
    (tmp_path / "x" / "b.png").unlink()
    (tmp_path / "x").rmdir()
    (tmp_path / "c.png").unlink()
    with pytest.raises(UserError, match=r"row 3: column 'image': .*: 2, the first x/b\.png; .* --allow-missing"):
        open_folder(path, "hair")
    partial = open_folder(path, "hair", allow_missing=True)
    assert partial.ids == ["a.png", "d.png"]
    assert (whole.notes, partial.notes) == ([], ["Of 4 images that are listed, the 2 that were there were used."])
    assert torch.equal(partial.labels, whole.labels[[0, 3]])
    assert [part.tolist() for part in partial.split()] == [[0], [1]]
    (tmp_path / "d.png").unlink()
    with pytest.raises(UserError, match="must put images into both train and test"):
        open_folder(path, "hair", allow_missing=True)
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match=r"holds none of the images listed, such as a\.png"):
        open_folder(path, "hair", allow_missing=True)


@pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_column_is_found_by_its_name_in_another_normal_form(made, written, asked):
    path = made(unicodedata.normalize(written, "image,espèce\na.png,cat\nb.png,dog\n"))
    (attribute,) = open_folder(path, unicodedata.normalize(asked, "espèce")).attributes
    assert attribute.name == "espèce"


@pytest.mark.parametrize(("written", "filed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_another_normal_form_find_their_files(made, tmp_path, written, filed):
    text = unicodedata.normalize(written, "image,hair\nZoë/é.png,black\nZoë/ö.png,blond\nb.png,blond\n")
    path = made(text)
    plain = open_folder(path, "hair")
    for name in ("Zoë/é.png", "Zoë/ö.png", "Zoë"):
        old = tmp_path / unicodedata.normalize(written, name)
        old.rename(old.with_name(unicodedata.normalize(filed, old.name)))
    source = open_folder(path, "hair")
    assert source.ids == plain.ids == [row.partition(",")[0] for row in text.splitlines()[1:]]
    assert source.fingerprint == plain.fingerprint
    assert np.array_equal(source.read_many(range(3)), pickle.loads(pickle.dumps(source)).read_many(range(3)))
    next(tmp_path.glob("Zo*/*")).unlink()
    assert len(open_folder(path, "hair", allow_missing=True).ids) == 2


def test_a_folder_can_be_sent_to_another_process_and_read_from_several_threads(animals):
    source = open_folder(animals, "species", values={"species": ("wild", "dog", "cat")})
    sent = pickle.loads(pickle.dumps(source))
    assert sent.fingerprint == source.fingerprint
    assert all(torch.equal(a, b) for a, b in zip(sent.split(), source.split(), strict=True))
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(sent.read, [*range(12)] * 2))
    assert np.array_equal(np.stack(images), source.read_many([*range(12)] * 2))


SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}


@pytest.fixture
def planned(animals, tmp_path):
    """Plans a study of the animals from a config."""

    def plan(methods, attributes):
        raw = {
            "data": {"class": "folder", "path": str(animals), "image_size": 32, "attributes": attributes},
            "levels": [3],
            "workers": 1,
            "methods": dict.fromkeys(methods, SMALL),
        }
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
        settings = read_settings(tmp_path / "mine.yaml", {}, {})
        return make_plan(settings, settings.source(settings.data))

    return plan


def test_a_folder_is_planned_for_every_method_that_can_take_its_attributes(planned):
    plan = planned(["sggan", "stargan"], ["species", "young"])
    assert [job.attributes[0].values for job in plan.jobs] == [SPECIES, SPECIES]
    assert plan.test.tolist() == list(range(24, 36))
    assert plan.jobs[0].labels.manifest["counts"]["species"] == {"cat": 3, "dog": 3, "wild": 3, "none": 0}
    (job,) = planned(["residualgan"], ["young"]).jobs
    assert job.attributes == (Attribute("young", ("no", "yes")),)
    with pytest.raises(UserError, match=r"residualgan: .* two values, not species: cat, dog, wild; every attribute"):
        planned(["residualgan"], ["species"])
