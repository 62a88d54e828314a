"""Stored results that cannot be right: one line that names the file, the row and the remedy."""

import io
import json
import struct
import zipfile
import zlib

import elsewhere
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from sgbench.data.labels import Group
from sgbench.submissions.opening import open_results
from sgbench.support.errors import UserError

GOOD = elsewhere.png(elsewhere.expected(0, []))
FEMALE, MALE, SMILING, BLOND = Group(0, 0), Group(0, 1), Group(1, 1), Group(2, 1)


def opened(path):
    return open_results(path, elsewhere.inputs(), torch.device("cpu"), batch_size=5)


def refusal(path):
    """What a user is told; always one line that begins with the path."""
    with pytest.raises(UserError) as caught:
        opened(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def folder_of(root, rows, files=None):
    folder = root / "made"
    folder.mkdir()
    for name, data in ({"a.png": GOOD} if files is None else files).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "results.csv").write_text(elsewhere.table(rows))
    return folder


def zip_of(root, rows, files=None):
    with zipfile.ZipFile(root / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results.csv", elsewhere.table(rows))
        for name, data in ({"a.png": GOOD} if files is None else files).items():
            archive.writestr(name, data)
    return root / "made.zip"


def folder_in_zip_of(root, rows, files=None):
    """As a file manager compresses a folder: all below one name, and what macOS adds."""
    path = zip_of(root, rows, files)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("made/", b"")
        archive.writestr("__MACOSX/made/._results.csv", b"")
        for name, data in contents.items():
            archive.writestr(f"made/{name}", data)
    return path


def declared(width, height):
    """A PNG whose header says this size."""
    header = b"IHDR" + struct.pack(">II", width, height) + GOOD[24:29]
    return GOOD[:12] + header + struct.pack(">I", zlib.crc32(header)) + GOOD[33:]


WRONG_ROWS = [
    ("a.png", "1.jpg", "gender=male", "unknown source '1.jpg'; the 13 test images are named like '000500.jpg'"),
    ("a.png", "000500.jpg", "beard=full", "unknown group 'beard=full'; the study has gender=female, gender=male"),
    ("a.png", "000500.jpg", "gender=male\nx", r"unknown group 'gender=male\nx'"),
    ("a.png", "000500.jpg", "smile=smiling+", "unknown group 'smile=smiling+'"),
    ("a.png", "000500.jpg", "gender=male+gender=female", "name an attribute twice"),
    ("b.png", "000500.jpg", "gender=male", "'b.png' is not there; add the file or remove the row"),
    ("../a.png", "000500.jpg", "gender=male", "'../a.png' leads out of the"),
    ("x/../../a.png", "000500.jpg", "gender=male", "'x/../../a.png' leads out of the"),
    ("/etc/hostname", "000500.jpg", "gender=male", "'/etc/hostname' leads out of the"),
    ("a\0.png", "000500.jpg", "gender=male", r"'a\x00.png'"),
    ("n" * 9999, "000500.jpg", "gender=male", "nnn"),
]


@pytest.mark.parametrize("make", [folder_of, zip_of, folder_in_zip_of])
@pytest.mark.parametrize(("result", "source", "groups", "problem"), WRONG_ROWS)
def test_a_wrong_row_is_named_by_its_line(make, result, source, groups, problem, tmp_path):
    path = make(tmp_path, [("a.png", "000501.jpg", "gender=female"), (result, source, groups)])
    message = refusal(path)
    last_line = 3 + groups.count("\n")
    assert message.startswith(f"/results.csv: line {last_line}: ")
    assert problem in message


@pytest.mark.parametrize("make", [folder_of, zip_of, folder_in_zip_of])
def test_two_results_of_one_translation_are_refused(make, tmp_path):
    names = ("a.png", "b.png")
    path = make(tmp_path, [(name, "000501.jpg", "gender=female") for name in names], dict.fromkeys(names, GOOD))
    message = refusal(path)
    assert message.startswith("/results.csv: line 3: 000501.jpg with gender=female is there twice")
    assert "line 2; remove one" in message


WRONG_PICTURES = {
    "another shape": (
        elsewhere.png(np.zeros((3, 9, 8), np.uint8)),
        "is 8x9, the study's images 8x8; results are never",
    ),
    "another format": (elsewhere.png(np.zeros((3, 8, 8), np.uint8), "BMP"), "is not a readable PNG or JPEG"),
    "nothing": (b"", "is not a readable PNG or JPEG"),
    "81 million pixels": (declared(9000, 9000), "is 9000x9000, the study's images 8x8"),
    "4 billion pixels": (declared(60000, 60000), "is not a readable PNG or JPEG"),
    "too many bytes": (bytes(2**24 + 1), "has 16,777,217 bytes; at most 16,777,216 are read"),
}


@pytest.mark.parametrize("make", [folder_of, zip_of, folder_in_zip_of])
@pytest.mark.parametrize("what", WRONG_PICTURES)
def test_a_wrong_picture_is_named_before_anything_is_scored(make, what, tmp_path):
    data, problem = WRONG_PICTURES[what]
    message = refusal(make(tmp_path, [("a.png", "000500.jpg", "gender=male")], {"a.png": data}))
    assert message.startswith("/results.csv: line 2: 'a.png' ")
    assert problem in message


@pytest.mark.parametrize("make", [folder_of, zip_of, folder_in_zip_of])
def test_pixels_that_break_off_are_named_when_they_are_asked_for(make, tmp_path):
    results = opened(make(tmp_path, [("a.png", "000500.jpg", "gender=male")], {"a.png": GOOD[:-40]}))
    with pytest.raises(UserError, match=r"results.csv: line 2: 'a.png' cannot be decoded"):
        results.translate(torch.tensor([0]), [MALE])


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(GOOD)
    path = folder_of(tmp_path, [("a.png", "000500.jpg", "gender=male")], {})
    (path / "a.png").symlink_to(tmp_path / "secret.png")
    assert "'a.png' leads out of the folder" in refusal(path)


def test_every_kind_of_picture_becomes_rgb(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    rgb = Image.fromarray(grey).convert("RGB")
    kinds = {"L": Image.fromarray(grey), "P": Image.fromarray(grey).convert("P"), "RGBA": rgb.convert("RGBA")}
    kinds["RGBA"].putalpha(7)
    for kind, image in kinds.items():
        image.save(tmp_path / f"{kind}.png")
        path = tmp_path / kind
        path.mkdir()
        (tmp_path / f"{kind}.png").rename(path / "a.png")
        (path / "results.csv").write_text(elsewhere.table([("a.png", "000500.jpg", "gender=male")]))
        results = opened(path)
        given = results.translate(torch.tensor([0]), [MALE])
        assert np.array_equal(given[0].numpy(), np.stack([grey] * 3)), kind
        assert ("1 of 1 results are transparent in places" in " ".join(results.remarks())) == (kind == "RGBA")


def test_a_channel_of_alpha_that_hides_nothing_is_not_told_of(tmp_path):
    picture = io.BytesIO()
    Image.new("RGBA", (8, 8), (1, 2, 3, 255)).save(picture, format="PNG")
    path = folder_of(tmp_path, [("a.png", "000500.jpg", "gender=male")], {"a.png": picture.getvalue()})
    assert list(opened(path).remarks()) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_orientation_tag_is_told_and_not_applied(tmp_path, kind):
    pixels, turned, upright = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8), io.BytesIO(), io.BytesIO()
    for file, orientation in ((turned, 6), (upright, 1)):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Image.fromarray(pixels).save(file, format=kind, exif=exif)
    rows = [("a.png", "000500.jpg", "gender=male"), ("b.png", "000501.jpg", "gender=male")]
    results = opened(folder_of(tmp_path, rows, {"a.png": turned.getvalue(), "b.png": upright.getvalue()}))
    assert results.unapplied == "1 of 2 results have an orientation tag"
    (told,) = (line for line in results.remarks() if "orientation" in line)
    assert told.startswith(
        f"{results.given}: 1 of 2 results have an orientation tag: scored are the pixels as they are "
    )
    stored = np.asarray(Image.open(upright).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(results.translate(torch.tensor([0]), [MALE])[0].numpy(), stored)


def test_sixteen_bits_are_not_squeezed_into_eight(tmp_path):
    Image.new("I;16", (8, 8), 300).save(tmp_path / "deep.png")
    path = folder_of(
        tmp_path, [("a.png", "000500.jpg", "gender=male")], {"a.png": (tmp_path / "deep.png").read_bytes()}
    )
    assert "'a.png' has more than 8 bits a channel; store it as 8-bit RGB" in refusal(path)


def test_jpeg_results_are_read(tmp_path):
    flat = np.full((3, 8, 8), 90, np.uint8)
    data = elsewhere.png(flat, "JPEG", quality=95)
    path = folder_of(tmp_path, [("a.jpg", "000500.jpg", "gender=male")], {"a.jpg": data})
    results = opened(path)
    given = results.translate(torch.tensor([0]), [MALE])
    assert (given.int() - 90).abs().max() <= 1
    assert results.lossy == "1 of 1 results are JPEGs"


def test_results_without_loss_say_nothing_of_it(tmp_path):
    assert opened(folder_of(tmp_path, [("a.png", "000500.jpg", "gender=male")])).lossy == ""


@pytest.mark.parametrize("make", [folder_of, zip_of, folder_in_zip_of])
def test_pictures_that_no_row_names_are_told(tmp_path, make):
    rows = [("a.png", "000500.jpg", "gender=male")]
    more = {"a.png": GOOD, "more/b.PNG": GOOD, "c.jpeg": GOOD, "notes.txt": b"", ".hidden.png": GOOD}
    results = opened(make(tmp_path, rows, more))
    told = "2 pictures are in no row of results.csv and are not used, the first 'c.jpeg'; name them there"
    assert results.extra == told
    assert list(results.remarks()) == [f"{results.given}: {told}"]


def test_pictures_of_the_sources_that_the_table_names_are_not_extra(tmp_path):
    files = {"a.png": GOOD, "given/s.png": GOOD, "sources/t.png": GOOD}
    folder = folder_of(tmp_path, [("a.png", "000500.jpg", "gender=male")], files)
    assert "given/s.png" in opened(folder).extra
    (folder / "results.csv").write_text("image,source,groups,result\ngiven/s.png,000500.jpg,gender=male,a.png\n")
    assert opened(folder).extra == ""


def test_results_that_nothing_asks_for_are_counted(tmp_path):
    own, unknown = ("a.png", "000500.jpg", "gender=female"), ("b.png", "000503.jpg", "hair_color=blond")
    asked, neither = ("c.png", "000500.jpg", "gender=male"), ("d.png", "000502.jpg", "hair_color=blond")
    pair = ("e.png", "000500.jpg", "gender=male+smile=smiling")
    rows = [own, unknown, asked, neither, pair]
    results = opened(folder_of(tmp_path, rows, {row[0]: GOOD for row in rows}))
    assert results.unused == 3
    assert results.has(torch.tensor([0, 3]), [BLOND]).tolist() == [False, True]
    assert results.has(torch.tensor([0]), [MALE, SMILING]).tolist() == [True]
    assert results.has(torch.tensor([0]), [SMILING, MALE]).tolist() == [False]


@pytest.mark.parametrize("groups", ["gender=female", "gender=male+smile=smiling"])
def test_results_none_of_which_is_asked_for_are_refused(groups, tmp_path):
    assert "none of 1 results is asked for" in refusal(folder_of(tmp_path, [("a.png", "000500.jpg", groups)]))


def test_a_table_that_cannot_be_read_is_refused(tmp_path):
    path = folder_of(tmp_path, [])
    assert "none of 0 results" in refusal(path)
    table = path / "results.csv"
    table.write_text("result,source\na.png,000500.jpg\n")
    assert refusal(path) == "/results.csv: line 1 lacks the column groups; needed are result,source,groups"
    table.write_text("result,source,groups\n\na.png,000500.jpg\n")
    assert refusal(path) == "/results.csv: line 3 has 2 cells, the header 3; quote cells with commas in them"
    table.write_bytes(b"result,source,groups\na.png,\xff,gender=male\n")
    assert "/results.csv: cannot be read" in refusal(path)
    table.rename(path / "b.csv")
    (path / "c.csv").write_text("")
    assert refusal(path).startswith(": has 2 CSV files at the top; name the one")
    (path / "b.csv").unlink()
    (path / "c.csv").unlink()
    assert refusal(path).startswith(": has no CSV file at the top")


def test_a_table_from_a_spreadsheet_is_read(tmp_path):
    path = folder_of(tmp_path, [])
    rows = '\ufeffgroups,note,source,result\r\n gender=male ,"a, b",000500.jpg, a.png\r\n'
    (path / "results.csv").write_bytes(rows.encode())
    assert opened(path).has(torch.tensor([0, 1]), [MALE]).tolist() == [True, False]


@pytest.mark.parametrize("folder", ["", "made\\"], ids=["bare", "in a folder"])
def test_backslashes_between_folders_are_slashes(folder, tmp_path):
    """As Windows writes them into tables, and some of its programs into archives."""
    rows = [["png\\a.png", "000500.jpg", "gender=male"], ["png/b.png", "000501.jpg", "gender=female"]]
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr(f"{folder}results.csv", elsewhere.table(rows))
        archive.writestr(f"{folder}png\\a.png", GOOD)
        archive.writestr(f"{folder}png\\b.png", GOOD)
    written = folder_of(tmp_path, rows, {"png/a.png": GOOD, "png/b.png": GOOD})
    for path in (tmp_path / "made.zip", written):
        assert opened(path).has(torch.tensor([0, 1]), [MALE]).tolist() == [True, False]


ARRAYS = {
    "results": np.zeros((2, 3, 8, 8), np.uint8),
    "sources": np.array(["000500.jpg", "000501.jpg"]),
    "groups": np.array(["gender=male", "gender=female"]),
}
NUMBERS = {"results": ARRAYS["results"], "sources": np.array([0, 1]), "attributes": np.array([0, 0])}
NUMBERS["values"] = np.array([1, 0])
WRONG_ARRAYS = [
    (
        ARRAYS,
        {"results": ARRAYS["results"] / 255.0},
        "results must be uint8, are float64; round them to 0..255 yourself",
    ),
    (
        ARRAYS,
        {"results": np.zeros((2, 3, 9, 9), np.uint8)},
        "results must be [2, 3, 8, 8] or [2, 8, 8, 3] for 2 sources",
    ),
    (ARRAYS, {"results": np.zeros((3, 3, 8, 8), np.uint8)}, "are [3, 3, 8, 8]"),
    (ARRAYS, {"results": None}, "has no array 'results'; it has sources, groups"),
    (ARRAYS, {"sources": None}, "must have 'sources', and either 'groups' or both 'attributes' and 'values'"),
    (ARRAYS, {"groups": None}, "must have 'sources', and either"),
    (ARRAYS, {"values": np.array([1, 0])}, "must have 'sources', and either"),
    (ARRAYS, {"sources": np.array(["000500.jpg"] * 3)}, "arrays must be equally long, but are: sources 3, groups 2"),
    (ARRAYS, {"sources": np.array([["000500.jpg"]] * 2)}, "sources must have one dimension, has the shape [2, 1]"),
    (
        ARRAYS,
        {"sources": np.array(["000500.jpg", None])},
        "sources holds Python objects; store texts as np.array(texts",
    ),
    (ARRAYS, {"sources": np.array([0, 13])}, "entry 1: source 13 is neither a name nor a position from 0 to 12"),
    (ARRAYS, {"sources": np.array([0, -1])}, "entry 1: source -1 is neither"),
    (ARRAYS, {"sources": np.array([0.0, 1.0])}, "entry 0: source 0.0 is neither"),
    (ARRAYS, {"groups": np.array([1, 0])}, "entry 0: groups must be a text such as 'gender=female', not 1"),
    (ARRAYS, {"groups": np.array(["gender=male", "gender"])}, "entry 1: unknown group 'gender'"),
    (
        ARRAYS,
        {"sources": np.array(["000500.jpg"] * 2), "groups": np.array(["gender=male"] * 2)},
        "entry 1: 000500.jpg with",
    ),
    (
        NUMBERS,
        {"values": np.array([2, 0])},
        "entry 0: no value 2 of attribute 0; counted from 0, values there are: gender 2",
    ),
    (NUMBERS, {"attributes": np.array([0, 3])}, "entry 1: no value 0 of attribute 3"),
    (NUMBERS, {"attributes": np.array([0, -1])}, "entry 1: no value 0 of attribute -1"),
]


@pytest.mark.parametrize(("good", "change", "problem"), WRONG_ARRAYS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_wrong_array_of_an_npz_is_named(save, good, change, problem, tmp_path):
    save(tmp_path / "good.npz", **good)
    assert opened(tmp_path / "good.npz").unused == 0
    save(tmp_path / "r.npz", **{name: array for name, array in (good | change).items() if array is not None})
    assert problem in refusal(tmp_path / "r.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_pixels_of_an_npz_that_are_not_those_written_are_refused(save, tmp_path):
    path = tmp_path / "r.npz"
    save(path, **ARRAYS)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("results.npy")
    content[info.header_offset + info.compress_size - 9] ^= 1
    path.write_bytes(content)
    assert refusal(path).startswith(": not a readable .npz (")


@pytest.mark.parametrize(
    ("tensors", "texts", "problem"),
    [
        ({"results": np.zeros((2, 3, 8, 8), np.float32)}, {}, "results must be uint8, are F32; round them"),
        ({"results": np.zeros((2, 3, 8, 9), np.uint8)}, {}, "are [2, 3, 8, 9]"),
        ({"pixels": ARRAYS["results"]}, {}, "has no tensor 'results'; it has pixels"),
        ({}, {"sources": "000500.jpg"}, "metadata 'sources' must be a JSON list of texts"),
        ({}, {"sources": "{}"}, "metadata 'sources' must be a JSON list of texts"),
        ({}, {"sources": '["000500.jpg"]'}, "equally long, but are: sources 1, groups 2"),
        ({}, {"groups": '["gender=male", ["x"]]'}, "entry 1: groups must be a text"),
    ],
)
def test_a_wrong_tensor_of_a_safetensors_file_is_named(tensors, texts, problem, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    good = {name: json.dumps(ARRAYS[name].tolist()) for name in ("sources", "groups")}
    save_file({"results": ARRAYS["results"]}, tmp_path / "good.safetensors", good)
    assert opened(tmp_path / "good.safetensors").unused == 0
    save_file(tensors or {"results": ARRAYS["results"]}, tmp_path / "r.safetensors", good | texts)
    assert problem in refusal(tmp_path / "r.safetensors")


@pytest.mark.parametrize("name", ["r.zip", "r.npz", "r.safetensors"])
def test_a_file_that_is_not_what_it_is_called_is_refused(name, tmp_path):
    if name == "r.safetensors":
        pytest.importorskip("safetensors")
    for content in (b"", b"no archive at all", bytes(4096)):
        (tmp_path / name).write_bytes(content)
        assert ": not a readable ." in refusal(tmp_path / name)


def test_a_pickle_in_an_npz_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    np.savez(tmp_path / "r.npz", **ARRAYS | {"sources": np.array([Trap(), Trap()], dtype=object)})
    assert "holds Python objects" in refusal(tmp_path / "r.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "results.npy", "results.csv"])
def test_other_files_are_refused_with_what_is_taken(name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    message = refusal(tmp_path / name)
    assert "results are a folder or .zip, .npz, .safetensors, models .pt2, .onnx or package.module:function" in message


def test_what_is_not_there_is_refused(tmp_path):
    assert "no such file or folder; a function is named package.module:function" in refusal(tmp_path / "nothing.npz")
