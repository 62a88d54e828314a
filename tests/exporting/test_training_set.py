"""Training images with their sparse labels as files: what our own reader makes of them is what methods learn from."""

import subprocess

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from trained import DATA, METHODS, quiet, refusal

from sgbench.commands.export import main
from sgbench.data.labels import HIDDEN
from sgbench.data.sources.folder import Folder
from sgbench.exporting.training_set import export_training
from sgbench.plan.plan import make_plan
from sgbench.plan.study import open_source
from sgbench.settings.reading import read_settings


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(yaml.safe_dump({"data": DATA, "levels": [5, 8], "methods": METHODS}, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The trained study's images and labels, of its seed 1."""
    folder = tmp_path_factory.mktemp("exported") / "faces 5"
    config = str(trained.folder.path)
    words = ["--training", "--config", config, "--seeds", "1", "-o", str(folder), "--out", str(trained.runs.root)]
    assert main(words) == 0
    return folder


def read_back(folder):
    return Folder(Folder.Settings(path=folder / "labels.csv", image_size=32, attributes=DATA["attributes"]))


@pytest.mark.slow
def test_what_is_read_back_is_what_methods_learn_from(trained, exported):
    source, plan = read_back(exported), trained.plan
    train, test = source.split()
    assert (len(train), len(test)) == (40, 20)
    assert [a.values for a in source.attributes] == [a.values for a in plan.attributes]
    job = next(job for job in plan.jobs if (job.entry.name, job.seed) == ("sggan", 1))
    assert torch.equal(source.labels[train], job.labels.labels)
    assert (source.labels[train] == HIDDEN).any()
    assert torch.equal(source.labels[test], plan.test_labels)
    for positions, own in ((train, plan.train), (test, plan.test)):
        images = np.stack([source.read(i) for i in positions.tolist()])
        assert np.array_equal(images, plan.source.read_many(own.tolist()))


def test_each_attribute_alone_has_the_labels_of_its_own_job(trained, exported):
    source = read_back(exported)
    train, _ = source.split()
    for job in trained.plan.jobs:
        if (job.entry.name, job.seed) == ("residualgan", 1):
            assert torch.equal(source.labels[train][:, list(job.columns)], job.labels.labels)


def test_the_manifest_says_what_was_revealed_and_the_hashes_hold(trained, exported):
    about = yaml.safe_load((exported / "manifest.yaml").read_text())
    job = next(job for job in trained.plan.jobs if (job.entry.name, job.seed) == ("sggan", 1))
    assert about["labels"] == job.labels.manifest
    assert about["fingerprint"] == trained.plan.source.fingerprint
    assert about["attributes"] == {a.name: list(a.values) for a in trained.plan.attributes}
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=exported).returncode == 0
    assert {path.name for path in exported.iterdir()} == {
        "README.txt",
        "SHA256SUMS",
        "labels.csv",
        "manifest.yaml",
        "test",
        "train",
    }


def test_the_readme_has_the_commands_that_score(trained, exported):
    text = (exported / "README.txt").read_text()
    config = trained.folder.settings_file
    assert f"sgbench evaluate --write-requests asked/ --config {config}\n" in text
    assert f"sgbench evaluate asked/ --name NAME --level 5 --seed 1 --config {config}\n" in text


def test_options_of_data_are_in_the_readme(config, tmp_path, capsys):
    words = ["--training", "--config", str(config), "--sparse", "5", "--attributes", "gender", "--num-test", "10"]
    assert main([*words, "-o", str(tmp_path / "out"), "--out", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'labels.csv'}\n"
    text = (tmp_path / "out" / "README.txt").read_text()
    assert f"--config {config} --attributes gender --num-test 10\n" in text
    with Image.open(next((tmp_path / "out" / "test").iterdir())) as image:
        assert image.size == (32, 32)


def test_what_cannot_be_is_refused_and_leaves_nothing(config, tmp_path):
    def export(folder, **top):
        return lambda: export_training(read_settings(config, {"methods": []} | top, {}), folder, "", tmp_path / "runs")

    assert "one level and one seed" in refusal(export(tmp_path / "out"))
    assert "one level and one seed" in refusal(export(tmp_path / "out", levels=[5], seeds=[0, 1]))
    assert "only " in refusal(export(tmp_path / "out", levels=[5000]))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    assert "is there and not empty" in refusal(export(tmp_path / "full", levels=[5]))
    assert {path.name for path in tmp_path.iterdir()} <= {"full", "runs"}


def test_a_method_whose_labels_are_balanced_in_its_own_way_is_chosen(tmp_path):
    small = METHODS["residualgan"]
    methods = {"residualgan": small, "residualgan/even": {"balanced": ["gender"]}}
    settings = {"data": DATA | {"attributes": ["hair_color", "gender"]}, "levels": ["all"], "methods": methods}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    told = refusal(lambda: export_training(read_settings(path, {}, {}), tmp_path / "no", "", tmp_path / "runs"))
    assert "residualgan by nothing; residualgan/even by gender" in told
    settings = read_settings(path, {}, {})
    plan = make_plan(settings, open_source(settings, quiet()))
    read = {}
    for name in methods:
        out = tmp_path / name.replace("/", "-")
        words = [
            "--training",
            "--config",
            str(path),
            "--methods",
            name,
            "-o",
            str(out),
            "--out",
            str(tmp_path / "runs"),
        ]
        assert main(words) == 0
        source = read_back(out)
        read[name] = source.labels[source.split()[0]]
        for job in plan.jobs:
            if job.entry.key == name:
                columns = [[a.name for a in source.attributes].index(a.name) for a in job.attributes]
                assert torch.equal(read[name][:, columns], job.labels.labels)
    assert not torch.equal(*read.values())
