"""What a model is kept under: moving a class's file orphans none, and nobody can contradict a job's hash."""

import sys
from dataclasses import replace

import pytest
import torch
import yaml

from sgbench.launching.job import run_job
from sgbench.launching.kept_models import settle_models
from sgbench.launching.launch import train_jobs
from sgbench.methods.sggan import SGGAN
from sgbench.plan.study import open_study
from sgbench.results.checkpoints import Checkpoint, write_checkpoint
from sgbench.results.run_folder import RunFolder
from sgbench.run import main
from sgbench.scoring.stages import prepare_data
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_array
from sgbench.support.screen import Screen
from sgbench.training.loop import Loop

MINE = """
from sgbench.methods.sggan import SGGAN


class Mine(SGGAN):
    display_name = "Mine"
    key = "mine"
"""
SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ["gender"]},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 0},
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a config whose method is a class in a module of this name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(module, source=MINE, **settings):
        (tmp_path / f"{module}.py").write_text(source)
        path = tmp_path / "tiny.yaml"
        method = {"class": f"{module}:Mine"} | SMALL | settings
        path.write_text(yaml.safe_dump(CONFIG | {"methods": {"mine": method}}))
        return path

    yield write
    for name in ("first_place", "second_place"):
        sys.modules.pop(name, None)


def opened(path, tmp_path):
    return open_study(read_settings(path, {}, {}), tmp_path / "runs", Screen())


@pytest.mark.slow
def test_moving_a_methods_file_orphans_no_model(write, tmp_path, monkeypatch, capsys):
    assert main(["--config", str(write("first_place")), "--out", str(tmp_path / "runs")]) == 0
    (tmp_path / "first_place.py").unlink()
    sys.modules.pop("first_place")
    moved = write("second_place")
    monkeypatch.setattr("sgbench.launching.launch.run_job", None)
    capsys.readouterr()
    assert main(["--config", str(moved), "--out", str(tmp_path / "runs")]) == 0
    assert "training" not in capsys.readouterr().err
    assert len(list((tmp_path / "runs" / "jobs").iterdir())) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [('key = "mine"', 'key = "other"'), ('key = "mine"', 'key = "mine"\n    version = 12')],
    ids=["key", "version"],
)
def test_another_key_or_version_is_another_model(write, tmp_path, old, new):
    (before,) = opened(write("first_place"), tmp_path).plan.jobs
    (after,) = opened(write("second_place", MINE.replace(old, new)), tmp_path).plan.jobs
    assert before.name != after.name


@pytest.mark.parametrize("own", ["", "\n    version = 3\n"], ids=["the suite's", "its own"])
def test_another_version_of_the_suites_class_is_another_model_of_what_is_made_from_it(
    write, tmp_path, monkeypatch, own
):
    path = write("first_place", MINE + own)
    (before,) = opened(path, tmp_path).plan.jobs
    monkeypatch.setattr(SGGAN, "version", SGGAN.version + 1)
    (after,) = opened(path, tmp_path).plan.jobs
    assert before.name != after.name


@pytest.mark.slow
def test_a_job_builds_what_its_hash_says(write, tmp_path):
    study = opened(write("first_place"), tmp_path)
    (job,) = study.plan.jobs
    train_jobs(study, prepare_data(study).images)
    assert study.runs.job(job.name).is_done()
    with pytest.raises(ValueError, match="is of data other, the images are of "):
        run_job(replace(job, source="other"), prepare_data(study).images, study.runs, study.device, Loop())
    one, other = job.build(), job.build()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    batches = job.batches(torch.zeros(120, 3, 32, 32, dtype=torch.uint8), torch.device("cpu"))
    assert batches.labels is job.labels
    assert torch.equal(batches.positions, job.train)
    changes = {"seed": 1, "precision": "bfloat16", "image_size": 64, "source": "other data", "train": job.train[1:]}
    names = {job.name} | {replace(job, **{field: value}).name for field, value in changes.items()}
    assert len(names) == 1 + len(changes)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../systems", "/etc", "a\\b", "a\0b"])
def test_a_name_read_from_a_file_is_one_component_of_a_path_or_refused(tmp_path, name):
    runs = RunFolder(tmp_path)
    for place in (runs.job, runs.system, runs.judge):
        with pytest.raises(UserError, match="cannot be the name of a file or folder"):
            place(name)


def test_a_method_that_writes_into_its_labels_learns_from_those_that_its_hash_names(write, tmp_path):
    dirty = MINE + "\n    def __init__(self, attributes, image_size, settings, labels):\n"
    dirty += "        labels[labels < 0] = 0\n        super().__init__(attributes, image_size, settings, labels)\n"
    (job,) = opened(write("first_place", dirty), tmp_path).plan.jobs
    job.build()
    labels = job.labels.labels
    assert (labels < 0).any()
    assert hash_of_array(labels.numpy()) == job.labels.manifest["sha256"]


TWO = (
    MINE
    + """

class Other(Mine):
    key = "mine"

    def edit(self, images, labels, group):
        return -super().edit(images, labels, group)
"""
)


def test_another_class_of_the_same_key_does_not_take_its_models(write, tmp_path):
    path = write("first_place", TWO)
    job, folder = _trained(path, tmp_path)
    settle_models(opened(path, tmp_path), None)
    path.write_text(path.read_text().replace("first_place:Mine", "first_place:Other"))
    study = opened(path, tmp_path)
    assert [other.name for other in study.plan.jobs] == [job.name]
    said = "the class, Mine then and Other now, has changed since this was trained: --retrain or --keep"
    with pytest.raises(UserError, match=said):
        settle_models(study, None)
    settle_models(study, "keep")
    assert folder.code() == "first_place:Other"
    settle_models(opened(path, tmp_path), None)
    path.write_text(path.read_text().replace("first_place:Other", "first_place:Mine"))
    settle_models(opened(path, tmp_path), "retrain")
    assert not folder.is_begun()


def _trained(path, tmp_path):
    """A job, marked as done without training, and its folder."""
    study = opened(path, tmp_path)
    (job,) = study.plan.jobs
    folder = study.runs.job(job.name)
    folder.prepare()
    folder.write_identity(job.identity, job.labels.manifest, job.code, job.data, job.files, {})
    write_checkpoint(folder, Checkpoint(2, 1.0, {}, {}))
    folder.mark_done({})
    return job, folder
