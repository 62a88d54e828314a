"""What TensorBoard is told: losses, rates, grids; nothing twice after a break; one line where it is not installed."""

import sys
from dataclasses import replace

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sgbench.launching import tensorboard
from sgbench.launching.job import run_job
from sgbench.launching.launch import check_launcher
from sgbench.plan.study import open_study
from sgbench.results.job_folder import JobFolder
from sgbench.run import parser
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen
from sgbench.training.loop import Loop

CONFIG = {
    "data": {"class": "faces", "num_images": 60, "num_test": 20, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [2],
    "methods": {
        "sggan": {"iterations": 8, "constant_iterations": 4, "base_width": 2, "batch_size": 2, "n_critic": 1},
    },
}


class Images:
    """Noise in the place of packed images."""

    def __init__(self, fingerprint):
        self.fingerprint = fingerprint

    def __getitem__(self, index):
        return torch.full((len(index), 3, 32, 32), 100, dtype=torch.uint8)


@pytest.fixture
def study(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return open_study(read_settings(tmp_path / "tiny.yaml", {"tensorboard": True}, {}), tmp_path / "runs", Screen())


def points(folder, tag):
    events = EventAccumulator(str(folder.curves), purge_orphaned_data=True).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


@pytest.mark.slow
def test_losses_rates_and_grids_are_written_and_none_twice(study, monkeypatch):
    monkeypatch.setattr(tensorboard, "_EVERY", 2)
    (job,) = study.plan.jobs
    folder = study.runs.job(job.name)

    def interrupt(done, losses):
        if done == 5:
            raise KeyboardInterrupt

    loop = Loop(report=interrupt, checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, Images(job.source), study.runs, study.device, loop, tensorboard=True)
    run_job(job, Images(job.source), study.runs, study.device, replace(loop, report=None), tensorboard=True)
    assert [step for step, _ in points(folder, "losses/d_adv")] == [2, 4, 6, 8]
    rates = dict(points(folder, "rates/generator"))
    assert rates[2] == rates[4] == pytest.approx(1e-4)
    assert rates[8] == pytest.approx(1e-4 / 4)
    events = EventAccumulator(str(folder.curves)).Reload()
    assert [event.step for event in events.Images("samples")][-1] == 8
    folder.discard()
    assert not folder.curves.exists()


@pytest.mark.slow
def test_without_the_option_nothing_is_written(study):
    (job,) = study.plan.jobs
    run_job(job, Images(job.source), study.runs, study.device, Loop())
    assert not JobFolder(study.runs.job(job.name).path).curves.exists()


def test_where_it_is_not_installed_that_is_one_line_before_anything_is_trained(study, monkeypatch):
    check_launcher(study)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"^--tensorboard needs TensorBoard; install it: pip install"):
        check_launcher(study)


def test_the_option_changes_no_hash(study, tmp_path):
    plain = open_study(read_settings(tmp_path / "tiny.yaml", {}, {}), tmp_path / "runs", Screen())
    assert plain.protocol.hash == study.protocol.hash
    assert [job.name for job in plain.plan.jobs] == [job.name for job in study.plan.jobs]
    assert parser().parse_args(["--tensorboard"]).tensorboard
