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


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "attgan", "stgan"])
def test_a_photograph_is_cropped_and_translated(trained, photo, call, tmp_path, method):
    name, out = f"tiny-5:{method}@5/1", tmp_path / "out.png"
    status, printed, said = call(photo, "--model", name, "--to", "hair_color=blond", "--to", "gender=male", "-o", out)
    assert (status, printed) == (0, [str(out)])
    assert np.array_equal(pixels(out), expected(trained, photo, name, [Group(1, 1), Group(0, 1)]))
    assert any("at 32x32, asked for hair_color=blond, gender=male" in line for line in said)
    assert any("has only seen drawn faces, no photographs" in line for line in said)
    guessing = {"stargan": "StarGAN", "attgan": "AttGAN", "stgan": "STGAN"}
    assert [name for name in guessing.values() if any(f"{name} guesses gender=" in line for line in said)] == [
        name for key, name in guessing.items() if key == method
    ]


def test_pasted_back_all_else_is_as_it_was(photo, call, tmp_path):
    alone, whole = tmp_path / "alone.png", tmp_path / "whole.png"
    options = (photo, "--model", "tiny-5:sggan@5/1", "--to", "gender=yes", "-o")
    assert call(*options, alone)[0] == call(*options, whole, "--paste")[0] == 0
    before, after = pixels(photo), pixels(whole)
    with Image.open(alone) as result:
        square = np.asarray(result.resize((44, 44), Image.Resampling.BICUBIC))
    assert np.array_equal(after[:, 8:52], square)
    assert np.array_equal(after[:, :8], before[:, :8])
    assert np.array_equal(after[:, 52:], before[:, 52:])


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
