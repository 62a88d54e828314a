"""Settings: what a config and the command line may say, and one line for everything else."""

import os
import re
from pathlib import Path

import pytest
import yaml

from baselines.stargan import StarGAN
from sgbench.data.sources.celeba import CelebA
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.methods.sggan import SGGAN
from sgbench.regression.tolerances import load_tolerances
from sgbench.settings.config_files import CONFIGS, find_config
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError

GOOD = {
    "data": {"class": "faces", "num_images": 200, "num_test": 60, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [5],
    "methods": {"sggan": {"iterations": 2, "constant_iterations": 1}, "stargan": {}},
}


class Custom(SGGAN):
    """A method of somebody's own."""

    key = "custom"
    display_name = "Custom"


class Kin(Custom):
    """A variant of it by another class."""

    key = "kin"


KIN = {"Custom": "", "Kin": "/kin"}


class Keyless(SGGAN):
    """One that would be taken for SG-GAN."""


class Twin(SGGAN):
    """One with SG-GAN's key."""

    key = "sggan"


@pytest.fixture
def read(tmp_path):
    """Reads a config that differs from a good one at the keys given, ``a.b`` being ``b`` under ``a``."""

    def read(changes=(), overrides=None, data_overrides=None):
        raw = yaml.safe_load(yaml.safe_dump(GOOD))
        for key, value in dict(changes).items():
            *path, last = key.split(".")
            place = raw
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
        return read_settings(tmp_path / "mine.yaml", overrides or {}, data_overrides or {})

    return read


def test_a_variant_says_that_labels_are_not_the_methods_usual_ones(read):
    true, guessed = (read({"methods.stargan.source_labels": own}).methods[1] for own in ("true", "guessed"))
    assert (true.settings.source_labels, true.at_test, true.shown_variant) == ("true", {}, "")
    assert (guessed.at_test, guessed.shown_variant) == ({"source_labels": "guessed"}, "guessed labels")
    with pytest.raises(
        UserError, match=r"methods.stargan.source_labels: Input should be 'true' or 'guessed', not 'no'"
    ):
        read({"methods.stargan.source_labels": "no"})
    with pytest.raises(UserError, match="true is neither a number nor a text; quote it"):
        read({"methods.stargan.source_labels": True})
    with pytest.raises(UserError, match="one is named twice"):
        read({"methods.stargan": {"source_labels": "guessed"}, "methods.stargan/guessed": {"source_labels": "guessed"}})
    variant = read({"methods.stargan/narrow": {"source_labels": "guessed"}}).methods[2]
    assert variant.shown_variant == "narrow, guessed labels"


def test_a_good_config_is_read(read):
    settings = read()
    assert settings.study == "mine"
    assert settings.source is EmbeddedFaces
    assert (settings.data.num_images, settings.data.attributes) == (200, ("gender", "smile"))
    assert (settings.levels, settings.seeds, settings.precision) == ((5,), (0,), "float32")
    assert [(m.name, m.variant, m.cls) for m in settings.methods] == [("sggan", "", SGGAN), ("stargan", "", StarGAN)]
    assert settings.methods[0].settings.iterations == 2
    assert settings.methods[1].settings == StarGAN.Settings()


def test_the_judge_and_the_controls_alone_are_a_study(read):
    assert read({"methods": {}}).methods == ()
    assert read(overrides={"methods": []}).methods == ()


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_the_package_is_valid(config):
    settings = read_settings(find_config(config.stem), {}, {})
    assert settings.study == config.stem


def test_the_command_line_replaces_and_chooses(read):
    overrides = {"methods": ["stargan"], "levels": ["all", 7], "seeds": [1, 2], "device": "cpu"}
    settings = read(overrides=overrides, data_overrides={"num_test": 50, "attributes": ["smile"]})
    assert [m.name for m in settings.methods] == ["stargan"]
    assert (settings.levels, settings.seeds, settings.device) == (("all", 7), (1, 2), "cpu")
    assert (settings.data.num_test, settings.data.attributes, settings.data.num_images) == (50, ("smile",), 200)


def test_another_data_set_keeps_only_what_every_data_set_has(read):
    settings = read(data_overrides={"class": "celeba", "path": "photos"})
    assert settings.source is CelebA
    assert (settings.data.path, settings.data.image_size) == (Path("photos"), 32)
    assert settings.data.num_test is None


def test_variants_of_a_method_stand_side_by_side(read):
    settings = read({"methods.sggan/residual": {"residual": "residual"}})
    entry = next(m for m in settings.methods if m.variant)
    assert (entry.name, entry.variant, entry.key, entry.slug) == (
        "sggan",
        "residual",
        "sggan/residual",
        "sggan.residual",
    )
    assert entry.settings.residual == "residual"
    chosen = read({"methods.sggan/residual": {"residual": "residual"}}, {"methods": ["sggan/residual"]})
    assert chosen.methods == (entry,)


def test_a_variant_has_its_methods_settings_but_for_its_own(read):
    own = {
        "methods.sggan": {"class": "sggan", "lambda_rec": 3, "levels": [5]},
        "methods.sggan/strong": {"lambda_cls": 7},
    }
    plain, strong = (read(own, {"methods": [name]}).methods[0] for name in ("sggan", "sggan/strong"))
    assert (plain.settings.lambda_rec, strong.settings.lambda_rec) == (3, 3)
    assert (plain.settings.lambda_cls, strong.settings.lambda_cls) == (1, 7)
    assert (strong.cls, strong.levels) == (SGGAN, plain.levels)


@pytest.mark.slow
def test_a_variant_of_another_class_has_none_of_its_methods_settings(read):
    own = {f"methods.mine{variant}": {"class": f"test_settings:{name}"} for name, variant in KIN.items()}
    own["methods.mine"]["lambda_rec"] = 3
    plain, other = read(own, {"methods": ["mine", "mine/kin"]}).methods
    assert (plain.settings.lambda_rec, other.settings.lambda_rec) == (3, Kin.Settings().lambda_rec)


def test_a_class_of_ones_own_is_loaded_by_name(read):
    (entry,) = read(overrides={"methods": ["test_settings:Custom"]}).methods
    assert (entry.name, entry.cls) == ("custom", Custom)
    (entry,) = read({"methods": {"mine": {"class": "test_settings:Custom", "iterations": 3}}}).methods
    assert (entry.name, entry.cls, entry.settings.iterations) == ("mine", Custom, 3)


BAD = {
    "top key": ({"level": [5]}, "mine.yaml: unknown key level; did you mean levels? known are study, about"),
    "data key": (
        {"data.images": 5},
        "mine.yaml: unknown key data.images; did you mean num_images? known are image_size",
    ),
    "judge key": ({"judge.epoch": 5}, "mine.yaml: unknown key judge.epoch; did you mean epochs? known are epochs"),
    "jury key": ({"jury.judges": 5}, "mine.yaml: unknown key jury.judges; known are "),
    "a jury of one": ({"jury.size": 1}, "mine.yaml: jury.size: Input should be greater than or equal to 2, not 1"),
    "one architecture": ({"jury.architectures": ["compact_vgg"]}, "mine.yaml: jury.architectures: a jury needs two"),
    "validation": ({"data.validation": 1}, "mine.yaml: data.validation: "),
    "scored on": ({"data.scored_on": "train"}, "mine.yaml: data.scored_on: "),
    "scoring key": ({"scoring.resamples": 5}, "mine.yaml: unknown key scoring.resamples"),
    "method key": (
        {"methods.sggan.iters": 5},
        "mine.yaml: unknown key methods.sggan.iters; did you mean iterations? known are iterations",
    ),
    "image size": ({"data.image_size": 48}, "mine.yaml: data.image_size: Input should be 32, 64, 128 or 256, not 48"),
    "no attributes": ({"data.attributes": []}, "mine.yaml: data.attributes: "),
    "negative test": ({"data.num_test": -1}, "mine.yaml: data.num_test: Input should be greater than 0, not -1"),
    "level 0": ({"levels": [0]}, "mine.yaml: levels: 0 is neither 'all' nor a number of labels from 1 on"),
    "level word": ({"levels": ["most"]}, "mine.yaml: levels: 'most' is neither"),
    "level yes": ({"levels": [True]}, "mine.yaml: levels: True is neither"),
    "levels number": ({"levels": 500}, "mine.yaml: levels: Input should be a valid tuple, not 500"),
    "levels twice": ({"levels": [5, 5]}, "mine.yaml: levels: 5, 5: one is named twice"),
    "seeds twice": ({"seeds": [0, 1, 0]}, "mine.yaml: seeds: 0, 1, 0: one is named twice"),
    "seed": ({"seeds": [-1]}, "mine.yaml: seeds.0: Input should be greater than or equal to 0, not -1"),
    "huge seed": ({"seeds": [2**63]}, "seeds: a whole number beyond 2,147,483,647 is too large"),
    "precision": ({"precision": "fp8"}, "mine.yaml: precision: "),
    "study": ({"study": "a/b"}, "mine.yaml: study: "),
    "study of a year": ({"study": 2024}, "not 2024; YAML takes it for another thing than a text: put it in quotes"),
    "attribute on": ({"data.attributes": [True]}, "data.attributes: true is neither a number nor a text; quote it"),
    "floor": ({"judge.floor": 2}, "mine.yaml: judge.floor: "),
    "rate": ({"methods.sggan.learning_rate": 0}, "mine.yaml: methods.sggan.learning_rate: "),
    "variant": ({"methods.sggan/a/b": {}}, "mine.yaml: methods.sggan/a/b.variant: "),
    "method": ({"methods.sgan": {}}, "mine.yaml: methods.sgan: unknown method 'sgan'"),
    "method list": ({"methods": ["sggan"]}, "mine.yaml: methods must be a mapping of settings, not ['sggan']"),
    "method value": ({"methods.sggan": 5}, "mine.yaml: methods.sggan must be a mapping of settings, not 5"),
    "no methods": ({"methods": None}, "mine.yaml: methods: none is given"),
    "same slug": ({"methods": {"sggan/x": {}, "sggan.x": {"class": "sggan"}}}, "one is named twice"),
    "judge list": ({"judge": [1]}, "mine.yaml: judge must be a mapping"),
    "data text": ({"data": "faces"}, "mine.yaml: data must be a mapping of settings, not 'faces'"),
    "source": ({"data.class": "imagenet"}, "mine.yaml: data.class: unknown source 'imagenet'"),
    "source module": ({"data.class": "nowhere:Photos"}, "unknown source 'nowhere:Photos': No module named 'nowhere'"),
    "source class": ({"data.class": "sgbench.data.sources.faces:Faces"}, "has no complete Source of that name"),
    "abstract": ({"data.class": "sgbench.data.source:Source"}, "has no complete Source of that name"),
    "empty module": ({"data.class": ":Photos"}, "unknown source ':Photos'"),
    "number": ({"data.class": 5}, "unknown source '5'"),
    "unknown module": ({"methods.mine": {"class": "losses"}}, "mine.yaml: methods.mine: unknown method 'losses'"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_one_line_that_names_file_and_key(read, changes, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read(changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "data_overrides", "message"),
    [
        ({"methods": ["sgan"]}, {}, "mine.yaml are sggan, stargan): unknown method 'sgan'"),
        ({"methods": ["sggan/new"]}, {}, "unknown method 'sggan/new': "),
        ({"methods": ["sggan", "sggan"]}, {}, "methods sggan, sggan: one is named twice"),
        ({"methods": ["nowhere:GAN"]}, {}, "unknown method 'nowhere:GAN': No module named 'nowhere'"),
        ({"methods": ["sgbench.methods.sggan:SGGANGenerator"]}, {}, "has no complete Method of that name"),
        ({"seeds": [1, 1]}, {}, "command line: seeds: 1, 1: one is named twice"),
        ({}, {"image_size": 48}, "command line: data.image_size: Input should be 32, 64, 128 or 256, not 48"),
        ({}, {"num_test": 0}, "command line: data.num_test: "),
        ({"jury": {"size": 0}}, {}, "command line: jury.size: "),
        ({}, {"allow_missing": True}, "command line: unknown key data.allow_missing"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_to_be_there(read, overrides, data_overrides, message):
    with pytest.raises(UserError, match=re.escape(message)):
        read(overrides=overrides, data_overrides=data_overrides)


@pytest.mark.parametrize("text", ["a: [1,", "- just\n- a list\n", "", "\x00"])
def test_a_file_that_is_not_a_mapping_is_named(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml: (cannot be read as YAML|must be a mapping)"):
        read_settings(tmp_path / "bad.yaml", {}, {})


def test_a_config_that_is_not_there_is_an_error_that_lists_those_that_are():
    with pytest.raises(UserError, match=r"--config quik: no such file; the configs here are .*quick"):
        find_config("quik")


@pytest.mark.parametrize(
    ("name", "said"),
    [("Keyless", 'key = "keyless"'), ("Twin", "has the key 'sggan' of a method that comes with sgbench")],
)
def test_a_method_that_would_be_taken_for_another_is_refused(read, name, said):
    with pytest.raises(UserError) as caught:
        read({"methods": {"sggan": {}, "mine": {"class": f"test_settings:{name}"}}})
    assert said in str(caught.value)


class CustomTwin(SGGAN):
    """Another class with the key of ``Custom``."""

    key = "custom"


def test_two_methods_of_ones_own_cannot_share_a_key(read):
    methods = {name: {"class": f"test_settings:{cls}"} for name, cls in (("one", "Custom"), ("two", "CustomTwin"))}
    with pytest.raises(UserError, match="two classes have the key 'custom'"):
        read({"methods": methods})


CONFUSED = {
    "two names of one class": (
        {"sggan": {}, "mine": {"class": "sggan"}},
        "a report would show both mine and sggan as SG-GAN; call mine sggan/mine, which makes it a variant",
    ),
    "a name shown of the suite": (
        {"sggan": {}, "mine": {"class": "test_settings:Shown"}},
        "a report would show both mine and sggan as SG-GAN; give one of their classes another display_name",
    ),
    "a name that reads like a row": (
        {"sggan": {}, "mine": {"class": "test_settings:LikeARow"}},
        "mine is called SG-GAN (500), as a row of sggan; give one of their classes another display_name",
    ),
    "the name of a control": (
        {"mine": {"class": "test_settings:LikeAControl"}},
        "mine is called Real images, as a control is; give it another display_name",
    ),
    "variants shown by two names": (
        {"mine": {"class": "test_settings:Custom"}, "mine/x": {"class": "test_settings:Shown"}},
        "methods mine: variants of one method are shown by one name, not as Custom and as SG-GAN",
    ),
    "a name of the suite": (
        {"stargan": {"class": "test_settings:Custom"}},
        "methods.stargan: stargan is the name of StarGAN (baselines.stargan), with whose published figures Custom",
    ),
}


class LikeARow(SGGAN):
    """One whose name has another's level in it."""

    display_name, key = "SG-GAN (500)", "like_a_row"


class LikeAControl(SGGAN):
    """One that is called like a control."""

    display_name, key = "Real images", "like_a_control"


class Shown(SGGAN):
    """One that inherits the name that is shown."""

    key = "shown"


@pytest.mark.parametrize(("methods", "message"), CONFUSED.values(), ids=CONFUSED)
def test_methods_that_a_report_could_not_tell_apart_are_refused(read, methods, message):
    with pytest.raises(UserError, match=re.escape(message)):
        read({"methods": methods})


def test_a_method_may_have_the_name_of_a_module_that_is_none(read):
    (entry,) = read({"methods": {"losses": {"class": "test_settings:Custom"}}}).methods
    assert entry.name == "losses"


def test_the_class_of_the_data_is_no_key_of_the_study(read):
    with pytest.raises(UserError, match="unknown key source; the data set is chosen under data"):
        read({"source": "faces"})


def test_the_jury_of_the_command_line_is_added_to_the_files(read):
    own = read({"jury": {"size": 4, "epochs": 3, "floor": 0.6}}, {"jury": {"size": 2}}).jury
    assert (own.size, own.epochs, own.floor) == (2, 3, 0.6)
    assert read().jury.size == 5


@pytest.mark.parametrize("read", [lambda path: read_settings(path, {}, {}), load_tolerances])
def test_a_config_is_a_regular_file_of_at_most_so_many_bytes(read, tmp_path):
    path = tmp_path / "tolerances.yaml"
    os.mkfifo(path)
    with pytest.raises((UserError, ValueError), match=r"tolerances\.yaml: .*it is a pipe, not a regular file"):
        read(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises((UserError, ValueError), match="it has 1,099,511,627,776 bytes; at most 268,435,456 are read"):
        read(path)
