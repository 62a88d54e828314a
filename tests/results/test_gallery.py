"""A gallery comes back as it was kept; of a system that has none, none is read."""

import numpy as np
import pytest

from sgbench.results.gallery import Pictures, read_gallery, write_gallery
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import BrokenFile


def pictures(target, number, side=4):
    rng = np.random.default_rng(target)
    images = rng.integers(0, 256, (number, side, side, 3), dtype=np.uint8)
    return Pictures(target, np.arange(number), np.ones(number, np.int8), images)


def test_a_gallery_comes_back_as_it_was_kept(tmp_path):
    kept = (pictures(0, 3), pictures(2, 1))
    write_gallery(tmp_path / "x.npz", kept)
    read = read_gallery(tmp_path / "x.npz")
    assert [own.target for own in read] == [0, 2]
    for own, other in zip(kept, read, strict=True):
        for name in ("positions", "values", "images"):
            assert np.array_equal(getattr(own, name), getattr(other, name))


def test_a_system_scored_without_a_gallery_has_none_and_a_later_scoring_takes_its_place(tmp_path):
    folder = SystemFolder(tmp_path)
    assert folder.read_gallery() == ()
    folder.write_gallery((pictures(0, 2),))
    assert len(folder.read_gallery()) == 1
    folder.write_gallery(())
    assert folder.read_gallery() == ()


def test_a_gallery_that_was_sealed_and_is_lost_is_missed(tmp_path):
    folder = SystemFolder(tmp_path)
    folder.write_gallery((pictures(0, 2),))
    folder.read_gallery()  # which seals it
    (tmp_path / "gallery.npz").unlink()
    with pytest.raises(BrokenFile, match=r"gallery\.npz: is missing"):
        folder.read_gallery()
