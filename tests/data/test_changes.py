"""Images that change in place after they were packed."""

import os

import numpy as np
import pytest
from PIL import Image

from sgbench.data.sources.folder import Folder
from sgbench.data.store import changes
from sgbench.data.store.changes import check_everything
from sgbench.data.store.packed import PackedImages, check_source, open_store, store_folder
from sgbench.support.errors import UserError

NUMBER = 70
CHANGED = r"photo-33\.png: was changed since it was packed in .*store.*: put those back, or give another folder"


def draw(path, level):
    """A picture in one colour; each has a file of the same size."""
    Image.fromarray(np.full((32, 32, 3), level, np.uint8)).save(path, compress_level=0)


@pytest.fixture
def source(tmp_path):
    """Opens the data set, more images than have their bytes in the fingerprint."""
    rows = [f"photo-{i:02d}.png,{i % 2}" for i in range(NUMBER)]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(["file,smile", *rows]) + "\n")
    for i in range(NUMBER):
        draw(tmp_path / "photos" / f"photo-{i:02d}.png", i)
    settings = Folder.Settings(path=tmp_path / "photos" / "labels.csv", image_size=32, attributes=("smile",))
    return lambda: Folder(settings)


@pytest.fixture
def cache(tmp_path, source):
    """The cache of a run folder with the packed images."""
    cache = tmp_path / "runs" / "cache" / "store"
    open_store(source(), cache)
    return cache


def test_an_image_that_was_changed_is_refused_until_it_is_back(tmp_path, source, cache):
    photo, fingerprint = tmp_path / "photos" / "photo-33.png", source().fingerprint
    draw(photo, 200)
    assert source().fingerprint == fingerprint
    for opened in (check_source, open_store):
        with pytest.raises(UserError, match=CHANGED):
            opened(source(), cache)
    other = open_store(source(), tmp_path / "other" / "cache" / "store")
    assert len(other) == NUMBER
    draw(photo, 33)
    check_source(source(), cache)
    open_store(source(), cache)


def test_an_image_that_was_changed_and_given_its_earlier_time_is_refused(tmp_path, source, cache):
    photo = tmp_path / "photos" / "photo-33.png"
    before = photo.stat()
    draw(photo, 200)
    os.utime(photo, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photo.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(UserError, match=CHANGED):
        check_source(source(), cache)


def test_files_of_any_year_have_a_time(tmp_path, source, cache):
    os.utime(tmp_path / "photos" / "photo-33.png", (2**34, 2**34))  # in the year 2514
    check_source(source(), cache)


def test_files_that_were_only_touched_are_no_matter_and_are_read_once(tmp_path, source, cache, monkeypatch):
    for i in (3, 33):
        os.utime(tmp_path / "photos" / f"photo-{i:02d}.png", ns=(1, 1))
    check_source(source(), cache)
    monkeypatch.setattr(Folder, "read", None)
    check_source(source(), cache)


def test_of_a_copied_data_set_some_images_are_compared(tmp_path, source, cache, monkeypatch):
    monkeypatch.setattr(changes, "_COMPARED", 10)
    seen, read = [], Folder.read

    def watched(self, index):
        seen.append(index)
        return read(self, index)

    monkeypatch.setattr(Folder, "read", watched)
    for i in range(NUMBER):
        os.utime(tmp_path / "photos" / f"photo-{i:02d}.png", ns=(1, 1))
    check_source(source(), cache)
    assert len(seen) == 10
    assert {0, NUMBER - 1} <= set(seen)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_times_that_were_lost_are_kept_again_after_a_comparison(tmp_path, source, cache, damage):
    times = store_folder(source(), cache) / "file-times"
    content = times.read_bytes()
    times.unlink() if damage == "missing" else times.write_bytes(content[: 0 if damage == "empty" else 150])
    draw(tmp_path / "photos" / "photo-33.png", 200)
    with pytest.raises(UserError, match=CHANGED):
        check_source(source(), cache)
    draw(tmp_path / "photos" / "photo-33.png", 33)
    check_source(source(), cache)
    assert times.stat().st_size == len(content)


def verified(source, cache):
    folder = store_folder(source, cache)
    check_everything(folder, source, PackedImages(folder).__getitem__)


def test_verified_every_image_is_compared_also_of_a_data_set_without_files(tmp_path, source, cache, monkeypatch):
    verified(source(), cache)
    monkeypatch.setattr(Folder, "times", lambda self: None)
    verified(source(), cache)
    draw(tmp_path / "photos" / "photo-33.png", 200)
    open_store(source(), cache)  # nothing tells of it
    with pytest.raises(UserError, match=CHANGED):
        verified(source(), cache)


def test_a_data_set_that_is_not_packed_is_not_looked_at(tmp_path, source, monkeypatch):
    monkeypatch.setattr(Folder, "times", None)
    check_source(source(), tmp_path / "runs" / "cache" / "store")


def test_of_many_files_with_new_times_those_not_looked_at_are_another_time(tmp_path, source, cache, monkeypatch):
    """A copied data set in which one image was changed: a few are looked at each time, until all were."""
    monkeypatch.setattr(changes, "_COMPARED", 10)
    draw(tmp_path / "photos" / "photo-33.png", 200)
    for i in range(NUMBER):
        os.utime(tmp_path / "photos" / f"photo-{i:02d}.png", ns=(1, 1))

    def every_time():
        for _ in range(NUMBER // 10 + 1):
            check_source(source(), cache)

    with pytest.raises(UserError, match=CHANGED):
        every_time()
