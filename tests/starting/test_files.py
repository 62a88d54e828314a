"""A new method: names that Python takes, files that keep the contract and are read as a config, nothing overwritten."""

import sys

import pytest

from sgbench.methods.contract import Method
from sgbench.settings.config_files import METHOD_PACKAGES, find_config
from sgbench.settings.reading import read_settings
from sgbench.starting.files import Names, names_of, write_method
from sgbench.support.loading import classes_in
from sgbench.trials.contract import check_contract
from sgbench.trials.own_settings import settings_for

NAMED = {
    "MyGAN": Names("MyGAN", "MyGAN", "mygan"),
    "my new  GAN": Names("my new GAN", "MyNewGAN", "my_new_gan"),
    "STGAN-v2": Names("STGAN-v2", "STGANV2", "stgan_v2"),
    "2face": Names("2face", "Method2face", "method_2face"),
    "Élan": Names("Élan", "Elan", "elan"),
    "class": Names("class", "ClassMethod", "class_method"),
    "none": Names("none", "NoneMethod", "none_method"),
    "oracle": Names("oracle", "OracleMethod", "oracle_method"),
}


@pytest.mark.parametrize("given", NAMED)
def test_names_are_fit_for_tables_classes_and_modules(given):
    assert names_of(given) == NAMED[given]
    assert NAMED[given].cls.isidentifier()


@pytest.mark.parametrize("given", ["", "---", "名前", 'a"b', "a\\b", "x" * 70])
def test_what_names_nothing_is_refused(given, refused, tmp_path):
    assert "is no name for a method; give letters and digits" in refused(lambda: write_method(given, tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cls", classes_in(METHOD_PACKAGES, Method))
@pytest.mark.parametrize("write", [str, str.lower, lambda title: title.replace("GAN", " GAN")])
def test_the_name_of_a_method_of_the_suite_is_refused(cls, write, refused, tmp_path):
    told = refused(lambda: write_method(write(cls.display_name), tmp_path))
    assert f"{cls.display_name} is a method of the suite already; choose another name" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "module"), [("contract", "sgbench.methods.contract"), ("Torch", "torch"), ("sys", "sys")]
)
def test_a_name_that_is_taken_is_refused(given, module, refused, tmp_path):
    assert f"there is a module {module} already" in refused(lambda: write_method(given, tmp_path))


@pytest.mark.parametrize("there", ["mygan.py", "mygan.yaml"])
def test_nothing_is_overwritten(there, refused, tmp_path):
    (tmp_path / there).write_text("mine")
    assert f"{there}: is there already; choose another name" in refused(lambda: write_method("MyGAN", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.slow
def test_the_files_keep_the_contract_and_run(tmp_path, monkeypatch):
    code, config = write_method("Fresh GAN", tmp_path / "new")
    monkeypatch.syspath_prepend(tmp_path / "new")
    monkeypatch.delitem(sys.modules, "fresh_gan", raising=False)
    quick, settings = read_settings(find_config("quick"), {}, {}), read_settings(config, {}, {})
    *others, entry = settings.methods
    assert (tuple(others), settings.data, settings.judge, settings.jury) == (
        quick.methods,
        quick.data,
        quick.judge,
        quick.jury,
    )
    assert (entry.name, entry.cls.display_name, entry.cls.key) == ("fresh_gan", "Fresh GAN", "fresh_gan")
    assert max(map(len, code.read_text().splitlines())) <= 120
    assert settings_for(entry.cls, [], str(config)) == entry.settings
    settings = settings_for(entry.cls, ["base_width=2", "batch_size=2"])
    findings = list(check_contract(entry.cls, settings))
    assert [finding for finding in findings if finding.state != "ok"] == []
