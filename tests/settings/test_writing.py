"""Settings as YAML: it is a config again, and every setting of the package has a sentence."""

import pytest
import yaml

from sgbench.data.source import Source
from sgbench.methods.contract import Method
from sgbench.settings.config_files import CONFIGS, METHOD_PACKAGES, SOURCE_PACKAGES
from sgbench.settings.models import MethodEntry, Settings
from sgbench.settings.reading import read_settings
from sgbench.settings.writing import as_config, as_explained_config, explained
from sgbench.support.loading import classes_in
from sgbench.support.settings_model import SettingsModel, sentence_on

OTHER = """
extends: quick
about: "a: text # with signs"
data: {class: folder, path: photos, attributes: ["on", b], values: {"on": ["1", no thing]}}
experiments: {levels: {5000: 500}}
methods:
  sggan/x.y: {levels: [all, 3], balanced: [b], residual: none, pass_through: 0}
  mine: {class: "test_settings:Custom"}
scoring: {lpips: {path: weights.pt}}
notes: ["A note that is so long that it does not fit into one line of such a file: it has a colon, too.", short]
"""
PARTS = {"judge", "jury", "scoring", "scoring.inception", "experiments", "data", "methods"}


@pytest.fixture(params=[*(path.stem for path in sorted(CONFIGS.glob("*.yaml"))), "other"])
def config(request, tmp_path):
    if request.param != "other":
        return CONFIGS / f"{request.param}.yaml"
    (tmp_path / "other.yaml").write_text(OTHER)
    return tmp_path / "other.yaml"


@pytest.mark.parametrize("write", [as_config, as_explained_config])
def test_what_is_written_is_read_as_the_same_settings(config, tmp_path, write):
    settings = read_settings(config, {}, {})
    text = write(settings)
    (tmp_path / "again.yaml").write_text(text)
    assert read_settings(tmp_path / "again.yaml", {}, {}) == settings
    if write is as_explained_config:
        assert max(map(len, text.splitlines())) <= 120


def test_every_setting_of_a_config_is_in_what_is_printed(config):
    settings = read_settings(config, {}, {})
    told = {setting.key for setting in explained(settings)}

    def keys(values, prefix=""):
        for key, value in values.items():
            yield f"{prefix}{key}"
            if isinstance(value, dict) and f"{prefix}{key}" not in ("data.values", "experiments.levels"):
                yield from keys(value, f"{prefix}{key}.")

    written = set(keys(yaml.safe_load(as_config(settings)))) - {"items", "changed"}
    written |= {f"methods.{entry.key}.{key}" for entry in settings.methods for key in ("levels", "balanced")}
    assert told == written


def models(model):
    """A model of settings and those in it."""
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsModel):
            yield from models(field.annotation)


ALL = {
    *models(Settings),
    MethodEntry,
    *(cls.Settings for cls in classes_in(METHOD_PACKAGES, Method)),
    *(cls.Settings for cls in classes_in(SOURCE_PACKAGES, Source)),
}
NO_SETTINGS = {(Settings, "source"), *((MethodEntry, key) for key in ("name", "variant", "cls", "settings"))}


@pytest.mark.parametrize(
    "model", sorted(ALL, key=lambda model: model.__qualname__), ids=lambda model: model.__qualname__
)
def test_every_setting_has_a_sentence(model):
    for key in model.model_fields:
        if (model, key) not in NO_SETTINGS:
            told = sentence_on(model, key)
            assert told.endswith("."), f"{model.__qualname__}.{key}: {told!r}"
            assert told[0].isupper(), f"{model.__qualname__}.{key}: {told!r}"


def test_a_default_is_told_with_each_setting():
    told = {s.key: s for s in explained(read_settings(CONFIGS / "quick.yaml", {}, {}))}
    assert (told["jury.size"].value, told["jury.size"].default) == (3, "5")
    assert told["methods.sggan.lambda_cls"].default == "1.0"
    assert told["levels"].default == "none, it must be given"
    assert told["study"].default == "the file's name"
    assert (told["data.class"].default, told["methods.sggan.class"].default) == ("faces", "the method's name")
    assert (told["methods.sggan.levels"].value, told["methods.sggan.levels"].default) == (None, "null")
    parts = {"data", "methods", "experiments", "judge", "jury", "scoring", "scoring.inception"}
    assert {key for key, setting in told.items() if not setting.default} == parts | {
        f"methods.{name}" for name in ("sggan", "stargan", "residualgan")
    }
    assert told["jury.epochs"].about == "Passes over the training images."
