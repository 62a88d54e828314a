"""Several jobs at once: the same models as one after another, errors and interrupts reach the command."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml

from sgbench.data.store.packed import open_store
from sgbench.launching.launch import train_jobs
from sgbench.plan.study import open_study
from sgbench.results.checkpoints import read_checkpoint
from sgbench.run import main
from sgbench.settings.reading import read_settings
from sgbench.support.screen import Screen

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "data": {"class": "faces", "num_images": 120, "num_test": 30, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [5],
    "methods": {"sggan": SMALL | {"n_critic": 1}, "residualgan": SMALL},
}


@pytest.fixture
def config(tmp_path):
    def write(**methods):
        path = tmp_path / "tiny.yaml"
        settings = {name: own | methods.get(name, {}) for name, own in CONFIG["methods"].items()}
        path.write_text(yaml.safe_dump(CONFIG | {"methods": settings}))
        return path

    return write


def train(config, out, workers):
    study = open_study(read_settings(config, {"workers": workers}, {}), out, Screen())
    train_jobs(study, open_store(study.plan.source, study.runs.store))
    return {job.name: read_checkpoint(study.runs.job(job.name)).method for job in study.plan.jobs}


@pytest.mark.slow
def test_two_at_a_time_are_the_same_models(config, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, os.cpu_count() // 2))
    try:
        alone = train(config(), tmp_path / "one", 1)
    finally:
        torch.set_num_threads(threads)
    together = train(config(), tmp_path / "two", 2)
    assert len(together) == 3
    assert together.keys() == alone.keys()
    for name, parameters in alone.items():
        for key, value in parameters.items():
            assert torch.equal(value, together[name][key]), f"{name}: {key}"


def test_what_is_wrong_in_a_process_is_one_line(config, tmp_path, capsys):
    path = config(residualgan={"learning_rate": 1e30, "iterations": 5})
    assert main(["--config", str(path), "--out", str(tmp_path / "runs"), "--workers", "2"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "not finite" in last


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_an_interrupt_leaves_a_checkpoint_of_every_running_job(config, tmp_path, number):
    path, out = config(sggan={"iterations": 10_000}, residualgan={"iterations": 10_000}), tmp_path / "runs"
    command = [sys.executable, "-m", "sgbench.run", "--config", str(path), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 90
    while len(list(out.glob("jobs/*/job.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert len(list(out.glob("jobs/*/checkpoint.pt"))) == 2
