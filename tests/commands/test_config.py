"""``sgbench config``: the configs, and all settings of one, for people and for programs."""

import json

import pytest
import yaml

from sgbench.commands.config import main
from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings


def test_without_a_name_the_configs_are_listed_with_what_they_cost(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    for path in CONFIGS.glob("*.yaml"):
        assert f"\n{path.stem} " in f"\n{out}"
        assert f"cost: {yaml.safe_load(path.read_text())['cost']}\n" in out
    assert main(["--json"]) == 0
    configs = json.loads(capsys.readouterr().out)
    assert [set(config) for config in configs] == [{"name", "about", "cost"}] * len(configs)


def test_a_config_is_printed_as_one_that_reads_back(capsys, tmp_path):
    assert main(["quick"]) == 0
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    assert read_settings(tmp_path / "mine.yaml", {}, {}) == read_settings(CONFIGS / "quick.yaml", {}, {})


def test_a_program_gets_each_setting_with_default_and_sentence(capsys):
    assert main(["quick", "--json"]) == 0
    settings = {own["key"]: own for own in json.loads(capsys.readouterr().out)}
    assert settings["jury.size"] == {
        "key": "jury.size",
        "value": 3,
        "default": "5",
        "about": "Number of judges whose verdicts are averaged.",
    }


@pytest.mark.parametrize(("arguments", "message"), [(["quik"], "--config quik: no such file"), (["--all"], "--all")])
def test_a_wrong_name_is_one_line(capsys, arguments, message):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
