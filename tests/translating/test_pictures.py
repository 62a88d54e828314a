"""Which photographs are read, and under which names results are kept."""

import numpy as np
import pytest
from PIL import Image
from trained import refusal

from sgbench.translating.pictures import check_apart, find_photos, name_results, save_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for name in ("b.png", "a.JPG", "c.gif", "notes", ".hidden.png"):
        (folder / name).write_bytes(b"")
    return folder


def names(photos):
    return [photo.path.name for photo in photos]


def test_a_folder_gives_its_files_in_order_and_a_file_named_itself_comes_once(folder):
    photos = find_photos([folder / "b.png", folder])
    assert names(photos) == ["b.png", "a.JPG", "c.gif", "notes"]
    assert [photo.found for photo in photos] == [False, True, True, True]


def test_results_of_a_folder_keep_their_names_in_formats_that_hold_all_colours(folder, tmp_path):
    photos = find_photos([folder])
    out = tmp_path / "out"
    assert name_results(photos, out) == [out / "a.JPG", out / "b.png", out / "c.gif.png", out / "notes.png"]


def test_one_photograph_goes_into_a_file_or_under_its_name_into_a_folder(folder, tmp_path):
    photos = find_photos([folder / "b.png"])
    assert name_results(photos, tmp_path / "x.webp") == [tmp_path / "x.webp"]
    assert name_results(photos, tmp_path) == [tmp_path / "b.png"]
    assert "must end in one of .png" in refusal(lambda: name_results(photos, tmp_path / "x.gif"))


def test_no_photograph_is_written_over(folder, tmp_path):
    photos = find_photos([folder])
    alone = find_photos([folder / "b.png"])
    assert "b.png: is a photograph" in refusal(lambda: name_results(alone, folder / "b.png"))
    assert "a.JPG: is a photograph" in refusal(lambda: name_results(photos, folder))
    (tmp_path / "link.png").symlink_to(folder / "b.png")
    assert "is a photograph" in refusal(lambda: check_apart(tmp_path / "link.png", photos))
    assert "b.png: is a photograph" in refusal(lambda: check_apart(folder / "below" / ".." / "b.png", photos))


def test_what_cannot_be_is_refused(folder, tmp_path):
    (folder / "below" / "b.png").write_bytes(b"")
    both = find_photos([folder / "b.png", folder / "below" / "b.png"])
    assert "its result would have the name of that of" in refusal(lambda: name_results(both, tmp_path / "out"))
    assert "for several photographs give a folder" in refusal(lambda: name_results(both, tmp_path / "x.png"))
    assert "no such file or folder" in refusal(lambda: find_photos([tmp_path / "nowhere"]))
    (tmp_path / "empty").mkdir()
    assert "holds no files; give a photograph" in refusal(lambda: find_photos([tmp_path / "empty"]))
    (tmp_path / "empty" / "faces").mkdir()
    told = refusal(lambda: find_photos([tmp_path / "empty"]))
    assert told.endswith(
        f"folders below it are not looked into: name one itself, such as {tmp_path / 'empty' / 'faces'}"
    )


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.bmp", "x.tiff", "x.TIF"])
def test_pictures_are_kept_pixel_by_pixel(tmp_path, name):
    save_picture(Image.fromarray(PIXELS), tmp_path / name, None)
    with Image.open(tmp_path / name) as image:
        assert np.array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp", "x.tif"])
def test_what_colours_mean_is_kept(tmp_path, name):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save_picture(Image.fromarray(PIXELS), tmp_path / name, profile)
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == profile
