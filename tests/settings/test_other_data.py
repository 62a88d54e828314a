"""A config with other data than its own: another name, another floor, none of its notes."""

from pathlib import Path

import pytest

from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings

QUICK, CELEBA = CONFIGS / "quick.yaml", CONFIGS / "celeba64.yaml"
OWN = {"class": "folder", "attributes": ["smile"]}


def own(path, **overrides):
    return read_settings(QUICK, overrides, OWN | {"path": Path(path)})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("photos/labels.csv", "quick-photos"),
        ("photos", "quick-photos"),
        ("/a/My photos (2026)/labels.csv", "quick-My-photos-2026"),
        ("/写真/labels.csv", "quick-folder"),
        ("/a/b/../c/labels.csv", "quick-c"),
    ],
)
def test_a_study_of_images_of_ones_own_is_called_after_their_folder(path, name):
    assert own(path).study == name


def test_a_file_in_this_folder_is_called_after_it(monkeypatch, tmp_path):
    (tmp_path / "cats").mkdir()
    monkeypatch.chdir(tmp_path / "cats")
    assert own("labels.csv").study == "quick-cats"


def test_a_name_that_is_given_stays():
    assert own("photos/labels.csv", study="mine").study == "mine"


def test_the_notes_of_a_config_do_not_speak_of_other_data():
    (note,) = own("photos/labels.csv").notes
    assert note == (
        "The settings are those of the config quick, made for faces at 32x32; for these data nothing was tuned."
    )
    assert "tuned" in read_settings(QUICK, {}, {"image_size": 64}).notes[0]
    assert len(read_settings(QUICK, {}, {"image_size": 64}).notes) == 1


def test_other_attributes_and_fewer_test_images_are_the_same_data():
    same = read_settings(QUICK, {"seeds": [1], "levels": [100]}, {"attributes": ["smile"], "num_test": 100})
    assert (same.study, same.notes) == ("quick", read_settings(QUICK, {}, {}).notes)


def test_a_copy_of_celeba_elsewhere_is_celeba(tmp_path):
    same = read_settings(CELEBA, {}, {"path": tmp_path, "allow_missing": True})
    assert (same.study, same.notes) == ("celeba64", read_settings(CELEBA, {}, {}).notes)
    assert read_settings(QUICK, {}, {"path": tmp_path}).study == "quick-celeba"


def test_the_floor_is_that_of_the_data_unless_it_is_given(tmp_path):
    def floors(settings):
        return settings.judge.floor, settings.jury.floor

    assert floors(read_settings(QUICK, {}, {})) == (0.98, 0.98)
    assert floors(own("photos/labels.csv")) == (0.85, 0.85)
    assert floors(read_settings(CELEBA, {}, {})) == (0.85, 0.85)
    assert floors(own("photos/labels.csv", jury={"floor": 0.6})) == (0.85, 0.6)
    (tmp_path / "mine.yaml").write_text("extends: quick\njudge: {floor: null}\njury: {floor: 0.7}\n")
    assert floors(read_settings(tmp_path / "mine.yaml", {}, {})) == (0.98, 0.7)
