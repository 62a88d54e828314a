"""Configs that extend others: what is added, replaced and taken away, and where a wrong key is said to stand."""

import re
from pathlib import Path

import pytest
import yaml

from sgbench.settings.config_files import CONFIGS
from sgbench.settings.layers import Layer, merge, packaged_configs, read_layers
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError


@pytest.fixture
def settings(tmp_path):
    """Reads the last of some configs, which are written beside each other first."""

    def read(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return read_settings(tmp_path / f"{list(files)[-1]}.yaml", {}, {})

    return read


def test_mappings_are_added_lists_and_values_replace_and_null_takes_away():
    below = Layer("a", {"x": {"p": 1, "q": [1, 2], "r": {"s": 3}}, "y": 1, "z": 2, "none": None})
    above = Layer("b", {"x": {"q": [3], "r": {"t": 4}}, "y": {"u": 5}, "z": None, "gone": None})
    merged = merge([below, above])
    assert merged.values == {
        "x": {"p": 1, "q": [3], "r": {"s": 3, "t": 4}},
        "y": {"u": 5},
        "none": None,
        "gone": None,
    }
    origins = {key: merged.origin(*key.split(".")) for key in ("x.p", "x.q", "x.r.s", "x.r.t", "y", "y.u", "z", "new")}
    assert origins == dict(zip(origins, ["a", "b", "a", "b", "b", "b", "b", "b"], strict=True))


def test_a_config_of_three_lines(settings):
    own = settings(mine="extends: quick\nseeds: [0, 1]\nmethods: {sggan: {lambda_cls: 5}, residualgan: null}\n")
    quick = read_settings(CONFIGS / "quick.yaml", {}, {})
    assert (own.study, own.seeds, own.levels, own.data) == ("mine", (0, 1), quick.levels, quick.data)
    assert [m.key for m in own.methods] == ["sggan", "stargan"]
    assert own.methods[0].settings == quick.methods[0].settings.model_copy(update={"lambda_cls": 5.0})
    assert own.methods[1] == quick.methods[1]
    assert own.about == ""


def test_a_chain_is_found_from_the_folder_of_each_config(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "base.yaml").write_text("extends: quick\nlevels: [7]\n")
    (tmp_path / "a" / "mine.yaml").write_text("extends: ../base.yaml\nseeds: [3]\n")
    own = read_settings(tmp_path / "a" / "mine.yaml", {}, {})
    assert (own.levels, own.seeds, own.study) == ((7,), (3,), "mine")
    origins = [layer.origin for layer in read_layers(tmp_path / "a" / "mine.yaml")]
    assert [origin.rpartition("/")[2] for origin in origins] == ["quick.yaml", "base.yaml", "mine.yaml"]


def test_a_config_called_like_one_of_the_package_can_extend_it(settings):
    assert settings(quick="extends: quick\nseeds: [4]\n").seeds == (4,)


BAD = {
    "itself": ({"mine": "extends: mine.yaml"}, "mine.yaml: extends: mine.yaml extends mine.yaml: it goes round in a"),
    "a circle": ({"b": "extends: mine.yaml", "mine": "extends: b.yaml"}, "b.yaml: extends: mine.yaml extends b.yaml"),
    "not there": ({"mine": "extends: quik"}, "mine.yaml: extends: no file quik beside it; the configs of sgbench are"),
    "no name": (
        {"mine": "extends: [quick]"},
        "mine.yaml: extends: must be a file or the name of a config, not ['quick",
    ),
    "a wrong key below": (
        {"b": "extends: quick\njury: {epoch: 3}", "mine": "extends: b.yaml"},
        "b.yaml: unknown key jury.epoch",
    ),
    "a wrong key here": (
        {"mine": "extends: quick\njury: {epoch: 3}"},
        "mine.yaml: unknown key jury.epoch; did you mean",
    ),
    "a wrong value here": (
        {"mine": "extends: quick\nmethods: {sggan: {iterations: 0}}"},
        "mine.yaml: methods.sggan.iter",
    ),
    "a list below": ({"b": "[1]", "mine": "extends: b.yaml"}, "b.yaml: must be a mapping of settings, not list"),
    "what is missing": ({"mine": "extends: quick\nlevels: null"}, "mine.yaml: levels: Field required"),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_with_the_file_in_which_it_stands(settings, files, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        settings(**files)
    assert "\n" not in str(caught.value)


def test_another_class_takes_away_what_only_the_one_below_it_knows(settings, tmp_path):
    data = f"data: {{class: celeba, path: {tmp_path}}}"
    below = (
        "extends: quick\nmethods: {sggan: null, stargan: null, residualgan: null, own: {class: stargan, batch_size: 3}}"
    )
    own = settings(base=below, mine=f"extends: base.yaml\n{data}\nmethods: {{own: {{class: residualgan, alpha: 3}}}}\n")
    assert (own.source.name, own.data.num_test, own.data.image_size) == ("celeba", None, 32)
    (entry,) = own.methods
    assert (entry.settings.alpha, entry.settings.iterations, entry.settings.batch_size) == (3, 50_000, 16)


def test_notes_go_with_the_settings_that_they_speak_of(settings):
    notes = read_settings(CONFIGS / "quick.yaml", {}, {}).notes
    assert settings(mine="extends: quick\nseeds: [5]\nlevels: [100]\njury: {size: 5}\nworkers: 1\n").notes == notes
    assert settings(mine="extends: quick\nmethods: {stargan: null}\n").notes == notes
    (note,) = settings(mine="extends: quick\nmethods: {sggan: {lambda_cls: 5}}\n").notes
    assert note == (
        "The settings are those of the config quick but for methods.sggan.lambda_cls; so changed they were not tuned."
    )
    (note,) = settings(mine="extends: quick\nmethods: {sggan/x: {}}\n").notes
    assert "but for methods.sggan/x;" in note
    assert settings(mine="extends: quick\nprecision: float32\nnotes: [mine]\n").notes == ("mine",)


def test_the_configs_of_the_package_say_what_they_are_and_cost():
    files = {path.stem: yaml.safe_load(path.read_text()) for path in CONFIGS.glob("*.yaml")}
    assert {c.name: (c.about, c.cost) for c in packaged_configs()} == {
        name: (values["about"], values["cost"]) for name, values in files.items()
    }
    assert all(config.about and config.cost for config in packaged_configs())
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    for config in packaged_configs():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{config.name}` |"))
        assert row.replace("`", "").endswith(f"| {config.cost} |")
