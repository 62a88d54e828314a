"""A study's methods are tried before judges are trained, once for each kind of job that is left."""

import sys
from collections import Counter

import pytest
import torch
import yaml

from sgbench.plan.study import open_study
from sgbench.run import main
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen
from sgbench.trials import dry_step
from sgbench.trials.dry_step import try_methods
from sgbench.trials.trial import Trial

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "data": {"class": "faces", "num_images": 60, "num_test": 20, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [2, 3],
    "seeds": [0, 1],
    "workers": 1,
    "methods": {"sggan": SMALL | {"n_critic": 1}, "residualgan": SMALL},
}
OWN = """
from sgbench.methods.sggan import SGGAN


class Unlearned(SGGAN):
    key = "unlearned"

    def step(self, batches, iteration):
        return {name: loss.detach() for name, loss in self.generator_losses(self.generator(batches[0].images)).items()}


class Drawing(SGGAN):
    key = "drawing"

    def edit(self, images, labels, group):
        import torch

        return torch.rand_like(images)


class Hungry(SGGAN):
    key = "hungry"

    def step(self, batches, iteration):
        raise MemoryError
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes a config, of the suite's methods or of one of those above."""
    (tmp_path / "tried_methods.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tried_methods", raising=False)

    def write(name=""):
        own = {name.lower(): CONFIG["methods"]["sggan"] | {"class": f"tried_methods:{name}"}} if name else {}
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(CONFIG | {"methods": own or CONFIG["methods"]}))
        return path

    return write


def opened(path):
    study = open_study(read_settings(path, {}, {}), path.parent / "runs", Screen())
    return study, torch.randint(256, (60, 3, 32, 32), dtype=torch.uint8)


def test_each_kind_of_job_that_is_left_is_tried_once(config, monkeypatch):
    study, images = opened(config())
    tried = Counter()
    monkeypatch.setattr(Trial, "passes", lambda trial, check: tried.update([trial.job.entry.name]) or "")
    monkeypatch.setattr(dry_step, "CHECKS", {"one": None})
    try_methods(study, images)
    assert tried == {"sggan": 1, "residualgan": 1}
    for job in study.plan.jobs:
        if job.entry.name == "sggan" or job.level == 2:
            study.runs.job(job.name).prepare()
            study.runs.job(job.name).mark_done({})
    tried.clear()
    try_methods(study, images)
    assert tried == {"residualgan": 1}


def test_the_methods_of_the_suite_pass_and_leave_nothing(config, capsys):
    study, images = opened(config())
    try_methods(study, images)
    assert "warning" not in capsys.readouterr().err
    assert not study.runs.root.exists()


def test_what_is_allowed_and_should_be_known_is_said(config, capsys):
    try_methods(*opened(config("Drawing")))
    assert "warning: drawing: results are drawn at random" in "".join(capsys.readouterr())


def test_memory_that_runs_out_says_what_to_lower(config):
    with pytest.raises(UserError, match=r"^hungry \(2, seed 0\): out of memory on cpu; lower --workers"):
        try_methods(*opened(config("Hungry")))


@pytest.mark.slow
def test_a_method_that_learns_nothing_is_told_before_judges_are_trained(config, tmp_path, capsys):
    assert main(["--config", str(config("Unlearned")), "--out", str(tmp_path / "runs")]) == 2
    err = capsys.readouterr().err
    assert "tried_methods:Unlearned.step() changes no parameter; call zero_grad" in err.splitlines()[-1]
    assert "train judges" not in err
    assert not list((tmp_path / "runs").glob("cache/judge/*.pt"))
    assert not list((tmp_path / "runs").glob("jobs/*"))
