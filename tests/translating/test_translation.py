"""Photographs through the whole command: cropped, translated, pasted back; what is said, what is refused."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from sgbench.commands.translate import main
from sgbench.data.labels import HIDDEN, Group
from sgbench.data.sources.celeba import CelebA
from sgbench.data.sources.folder import Folder
from sgbench.data.sources.photographs import centred_square
from sgbench.translating.naming import find_model
from sgbench.translating.systems import open_system


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photograph of 60x44, whose centred square is of 44."""
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    coarse.resize((60, 44), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def call(trained, capsys):
    """Runs the command on the trained study; returns status, lines of standard output and of standard error."""

    def call(*arguments, out=None):
        status = main([*map(str, arguments), "--out", str(out or trained.runs.root), "--device", "cpu"])
        printed, said = capsys.readouterr()
        return status, printed.splitlines(), said.splitlines()

    return call


def pixels(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image).copy()


def expected(trained, photo, name, groups):
    """What the model makes of the centred square."""
    system = open_system(find_model(name, trained.runs), torch.device("cpu"))
    with Image.open(photo) as image:
        small = image.crop((8, 0, 52, 44)).resize((32, 32), Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1)[None]
    labels = torch.full((1, 2), HIDDEN, dtype=torch.int8)
    return system.edit(x, labels, groups)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "semistargan", "attgan", "stgan"])
def test_a_photograph_is_cropped_and_translated(trained, photo, call, tmp_path, method):
    name, out = f"tiny-5:{method}@5/1", tmp_path / "out.png"
    status, printed, said = call(photo, "--model", name, "--to", "hair_color=blond", "--to", "gender=male", "-o", out)
    assert (status, printed) == (0, [str(out)])
    assert np.array_equal(pixels(out), expected(trained, photo, name, [Group(1, 1), Group(0, 1)]))
    assert any("at 32x32, asked for hair_color=blond, gender=male" in line for line in said)
    assert any("has only seen drawn faces, no photographs" in line for line in said)
    guessing = {"stargan": "StarGAN", "semistargan": "SemiStarGAN", "attgan": "AttGAN", "stgan": "STGAN"}
    guesses = [name for name in guessing.values() if any(f" {name} guesses gender=" in f" {line}" for line in said)]
    assert guesses == [name for key, name in guessing.items() if key == method]


def test_pasted_back_all_else_is_as_it_was(photo, call, tmp_path):
    alone, whole = tmp_path / "alone.png", tmp_path / "whole.png"
    options = (photo, "--model", "tiny-5:sggan@5/1", "--to", "gender=male", "-o")
    assert call(*options, alone)[0] == call(*options, whole, "--paste")[0] == 0
    before, after = pixels(photo), pixels(whole)
    with Image.open(alone) as result:
        square = np.asarray(result.resize((44, 44), Image.Resampling.BICUBIC))
    assert np.array_equal(after[:, 8:52], square)
    assert np.array_equal(after[:, :8], before[:, :8])
    assert np.array_equal(after[:, 52:], before[:, 52:])


def whole_of(path):
    with Image.open(path) as image:
        return image.mode, np.asarray(image).copy(), image.info.get("icc_profile")


@pytest.mark.parametrize("name", ["out.png", "out.webp", "out.tiff"])
@pytest.mark.parametrize("kind", ["RGBA", "colour", "palette"])
def test_pasted_back_a_photograph_is_as_transparent_as_it_was(photo, call, tmp_path, name, kind):
    clear, out = tmp_path / "clear.png", tmp_path / name
    with Image.open(photo) as image:
        alpha = np.random.default_rng(0).integers(0, 256, (44, 60), dtype=np.uint8)
        if kind == "RGBA":
            image.putalpha(Image.fromarray(alpha))
            image.save(clear)
        else:
            own = image if kind == "colour" else image.quantize(16)
            own.save(clear, transparency=image.getpixel((0, 0)) if kind == "colour" else 3)
    with Image.open(clear) as image:
        before = np.asarray(image.convert("RGBA"))
    assert before[..., 3].min() < 255
    status, _, said = call(clear, "--model", "tiny-5:sggan@5/1", "--to", "gender=male", "--paste", "-o", out)
    assert (status, [line for line in said if "does not keep" in line]) == (0, [])
    mode, after, _ = whole_of(out)
    assert mode == "RGBA"
    assert np.array_equal(after[..., 3], before[..., 3])
    assert np.array_equal(after[:, :8], before[:, :8])
    assert np.array_equal(after[:, 52:], before[:, 52:])
    assert not np.array_equal(after[:, 8:52], before[:, 8:52])


def lossy(kind, image, path):
    if kind == "16 bits":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path)
    elif kind == "CMYK":
        image.convert("CMYK").save(path, "TIFF")
    elif kind == "frames":
        image.save(path, "GIF", save_all=True, append_images=[image.rotate(90)])
    else:
        image.putalpha(7)
        image.save(path, "PNG")


LOST = {
    "16 bits": "16 bits a colour, of which the upper 8 stay",
    "CMYK": "the colours of its file (CMYK), which become RGB",
    "frames": "frames after the first",
    "transparency": "what is transparent in it; write a PNG",
}


@pytest.mark.parametrize("kind", LOST)
def test_what_a_pasted_photograph_cannot_keep_is_said(photo, call, tmp_path, kind):
    path, out = tmp_path / "photo.png", tmp_path / ("out.jpg" if kind == "transparency" else "out.png")
    with Image.open(photo) as image:
        lossy(kind, image, path)
    options = (path, "--model", "tiny-5:sggan@5/1", "--to", "gender=male", "-o", out)
    assert f"{out}: does not keep {LOST[kind]}" in "\n".join(call(*options, "--paste")[2])
    assert whole_of(out)[0] == "RGB"
    assert "does not keep" not in "\n".join(call(*options)[2])  # nothing of the photograph is in it


@pytest.mark.parametrize("paste", [(), ("--paste",)], ids=["alone", "pasted"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_colours_of_a_result_mean_what_a_profile_of_rgb_says(photo, call, tmp_path, mode, paste):
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}[mode]
    path, out = tmp_path / "photo.tiff", tmp_path / "out.png"
    with Image.open(photo) as image:
        image.convert(mode).save(path, icc_profile=bytes(profile))
    assert call(path, "--model", "tiny-5:sggan@5/1", "--to", "gender=male", "-o", out, *paste)[0] == 0
    assert whole_of(out)[2] == (bytes(profile) if mode == "RGB" else None)


def test_a_folder_keeps_names_and_a_result_does_not_depend_on_the_others(photo, call, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "results"
    folder.mkdir()
    shutil.copy(photo, folder / "b.png")
    with Image.open(photo) as image:
        for name, mode in (("alpha.png", "RGBA"), ("cmyk.jpg", "CMYK"), ("palette.gif", "P")):
            image.convert(mode).save(folder / name)
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(folder / "sixteen.png")
        turned = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        turned.save(folder / "turned.png", exif=exif)
    (folder / "notes.txt").write_text("no photograph")
    options = ("--model", "tiny-5:sggan@5/1", "--to", "gender=male")
    status, printed, said = call(folder, *options, "-o", out)
    assert status == 0
    names = ["alpha.png", "b.png", "cmyk.jpg", "palette.gif.png", "sixteen.png", "turned.png"]
    assert printed == [str(out / name) for name in names]
    assert [line for line in said if line.startswith("left out: ")] == [
        f"left out: {folder / 'notes.txt'}: not a readable image (it is none of JPEG, PNG, WEBP, BMP, GIF, TIFF); "
        "replace or remove it"
    ]
    assert call(photo, *options, "-o", tmp_path / "alone.png")[0] == 0
    for name in ("b.png", "alpha.png", "turned.png"):
        assert (out / name).read_bytes() == (tmp_path / "alone.png").read_bytes()


def test_labels_that_are_given_are_not_guessed(photo, call, tmp_path):
    options = (photo, "--model", "tiny-5:stargan@5/1", "--to", "gender=male", "-o", tmp_path / "x.png")
    said = call(*options, "--from", "gender=female", "--from", "hair_color=none")[2]
    assert not any("guesses" in line for line in said)
    said = call(*options, "--from", "gender=female")[2]
    assert any("guesses hair_color=" in line for line in said)


def test_a_grid_shows_every_group_of_every_photograph(photo, call, tmp_path):
    grid = tmp_path / "grid.png"
    again = tmp_path / "a photograph whose name is far too long for a grid.png"
    shutil.copy(photo, again)
    status, printed, _ = call(photo, again, "--model", "tiny-5:sggan@5/1", "--grid", "-o", grid)
    assert (status, printed) == (0, [str(grid)])
    with Image.open(grid) as image:
        assert image.width > 5 * 128
        assert 2 * 128 < image.height < 3 * 128


def test_photographs_are_framed_as_their_data_set_frames_its_own():
    assert CelebA.frame(178, 218) == (0, 20, 178, 198)
    assert CelebA.frame(50, 50) == (0, 0, 50, 50)
    assert CelebA.frame(640, 480) is None
    assert Folder.frame(640, 480) == centred_square(640, 480) == (80, 0, 560, 480)


REFUSED = {
    "no model": ("{photo} --to gender=male -o {out}", "--model is missing"),
    "nothing asked": ("{photo} --model tiny-5:sggan@5/1 -o {out}", "--to is missing"),
    "no pair": ("{photo} --model m --to smile -o {out}", "argument --to: 'smile' must be ATTRIBUTE=VALUE"),
    "no output": ("{photo} --model m --to a=b", "the following arguments are required: -o/--output"),
    "grid of one": ("{photo} --model m --grid --to a=b -o {out}", "leave out --to and --paste, or --grid"),
    "grid as jpg": ("{photo} --model tiny-5:sggan@5/1 --grid -o {out}.jpg", "a grid is one PNG"),
    "no photograph": ("nowhere.png --model tiny-5:sggan@5/1 --to gender=male -o {out}", "no such file or folder"),
    "not an image": ("{text} --model tiny-5:sggan@5/1 --to gender=male -o {out}", "not a readable image"),
    "no images": ("{texts} --model tiny-5:sggan@5/1 --to gender=male -o {out}.d", "none of its files is a photograph"),
    "labels": (
        "{photo} --model tiny-5:sggan@5/1 --to gender=male --from gender=male -o {out}",
        "--from: SG-GAN does not look at labels of the source image",
    ),
    "attribute": ("{photo} --model tiny-5:sggan@5/1 --to gendre=male -o {out}", "did you mean gender?"),
    "not trained": ("{photo} --model tiny-5:sggan@5/0 --to gender=male -o {out}", "job.json: is missing"),
    "twice": ("{photo} --model m --model n --to a=b -o {out}", "argument --model: is given 2 times"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_a_line(photo, call, tmp_path, name):
    command, message = REFUSED[name]
    (tmp_path / "texts").mkdir()
    text = tmp_path / "texts" / "notes.png"
    text.write_text("no image")
    places = {"photo": photo, "out": tmp_path / "out.png", "text": text, "texts": text.parent}
    status, printed, said = call(*(word.format(**places) for word in command.split()))
    assert (status, printed) == (2, [])
    assert said[-1].startswith("error: ")
    assert message in said[-1]
    assert not (tmp_path / "out.png").exists()
