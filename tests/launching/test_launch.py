"""Several jobs at once: the same models as one after another, errors and interrupts reach the command."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
import yaml
from failing import FAILING

from sgbench.data.store.packed import open_store
from sgbench.launching.launch import train_jobs
from sgbench.launching.parcel import Parcel, carry_out
from sgbench.launching.processes import _listen, _Worker
from sgbench.plan.study import open_study
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.run import main
from sgbench.settings.reading import read_settings
from sgbench.support.cores import torch_threads
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen, Task
from sgbench.trials import dry_step

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


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Makes a study of a single method that fails; returns the config and the only job's title."""

    def make(name):
        (tmp_path / "failing_methods.py").write_text(FAILING)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(
            sys.modules, "failing_methods", raising=False
        )  # that of an earlier test, whose file is gone
        path = tmp_path / "tiny.yaml"
        method = SMALL | {"n_critic": 1, "class": f"failing_methods:{name}"}
        path.write_text(yaml.safe_dump(CONFIG | {"methods": {name.lower(): method}}))
        return path, f"{name.lower()} (5, seed 0)"

    return make


def train(config, out, **overrides):
    study = open_study(read_settings(config, overrides, {}), out, Screen())
    train_jobs(study, open_store(study.plan.source, study.runs.store))
    return study


def models(study):
    return {job.name: read_checkpoint(study.runs.job(job.name)).method for job in study.plan.jobs}


@pytest.mark.slow
def test_the_number_of_workers_changes_no_model(config, tmp_path):
    with torch_threads(1):  # what this process happens to compute with does not matter
        alone = train(config(), tmp_path / "one", workers=1, threads=2)
        assert torch.get_num_threads() == 1
    together = train(config(), tmp_path / "two", workers=2, threads=2)
    assert len(models(together)) == 3
    assert models(together).keys() == models(alone).keys()
    for name, parameters in models(alone).items():
        for key, value in parameters.items():
            assert torch.equal(value, models(together)[name][key]), f"{name}: {key}"
    for study in (alone, together):
        for job in study.plan.jobs:
            assert study.runs.job(job.name).origin()["device"] == "CPU, 2 threads"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["Hungry", "Greedy"])
def test_memory_that_runs_out_is_one_line(failing, tmp_path, name, workers):
    path, title = failing(name)
    with pytest.raises(UserError) as caught:
        train(path, tmp_path / "runs", workers=workers)
    assert str(caught.value) == (
        f"{title}: out of memory on cpu; lower --workers, methods.{name.lower()}.batch_size (now 2) or --image-size "
        "(now 32), and run again"
    )


@pytest.mark.slow
def test_a_process_that_was_killed_is_one_line(failing, tmp_path):
    path, title = failing("Shot")
    with pytest.raises(UserError, match="most likely because memory ran out; lower --workers") as caught:
        train(path, tmp_path / "runs", workers=2)
    assert str(caught.value).startswith(f"{title}: its process was killed")


@pytest.mark.parametrize("held", [False, True], ids=["closed", "held by a process that it left"])
@pytest.mark.parametrize("done", [False, True])
def test_a_worker_that_ends_with_status_0_has_done_its_job_or_is_an_error(tmp_path, done, held):
    receive, send = multiprocessing.Pipe(duplex=False)
    if not held:
        send.close()
    folder = JobFolder(tmp_path)
    process = SimpleNamespace(join=lambda: None, exitcode=0, is_alive=lambda: False)
    worker = _Worker(SimpleNamespace(title="sggan (5, seed 0)"), folder, torch.device("cpu"), process, receive, Task())
    if done:
        folder.mark_done({})
        assert not _listen(worker)
    else:
        with pytest.raises(UserError, match=r"^sggan \(5, seed 0\): its process ended before the job was done"):
            _listen(worker)


def test_what_a_worker_said_last_is_heard_although_it_has_ended(tmp_path):
    receive, send = multiprocessing.Pipe(duplex=False)
    process = SimpleNamespace(join=lambda: None, exitcode=0, is_alive=lambda: False)
    worker = _Worker(SimpleNamespace(title="sggan"), JobFolder(tmp_path), torch.device("cpu"), process, receive, Task())
    send.send((3, "losses"))
    send.send("what is wrong")
    assert _listen(worker)
    with pytest.raises(UserError, match="what is wrong"):
        _listen(worker)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Faulty", r"failing_methods:Faulty: .*failing_methods\.py:\d+: RuntimeError: .*of something else"),
        ("Mistaken", r"failing_methods:Mistaken: .*failing_methods\.py:\d+: KeyError: 'no such part'"),
        ("Plain", r"Plain\.step\(\) must return tensors of one number by their names, not \{'loss': 1\.0\}"),
        ("Silent", r"Silent\.step\(\) must return tensors of one number by their names, not None"),
        ("Gone", r"failing_methods:Gone: calls os\._exit\(0\), which would end the program"),
    ],
)
def test_an_error_of_a_methods_code_is_one_line(failing, tmp_path, name, problem):
    path, _ = failing(name)
    with pytest.raises(UserError, match=f"^{problem}"):
        train(path, tmp_path / "runs", workers=1)


@pytest.mark.slow
def test_an_error_of_a_methods_code_in_a_process_is_one_line(failing, tmp_path):
    path, _ = failing("Gone")
    with pytest.raises(UserError, match=r"^failing_methods:Gone: calls os\._exit\(0\)"):
        train(path, tmp_path / "runs", workers=2)


def test_a_method_that_was_edited_before_its_job_began_elsewhere_is_refused(failing, tmp_path):
    path, _ = failing("Blank")
    study = open_study(read_settings(path, {}, {}), tmp_path / "runs", Screen())
    parcel = Parcel(study.plan.jobs[0], None, study.runs, study.device, 1).packed()
    with (tmp_path / "failing_methods.py").open("a") as file:
        file.write("# 2\n")
    told = carry_out(parcel, lambda *_: None)
    assert told == "failing_methods:Blank: its files were changed while the study was running; run again"


def test_settings_that_cannot_be_sent_to_another_process_are_one_line(failing, tmp_path):
    path, _ = failing("Unsent")
    study = open_study(read_settings(path, {}, {}), tmp_path / "runs", Screen())
    parcel = Parcel(study.plan.jobs[0], None, study.runs, study.device, 1)
    with pytest.raises(
        UserError, match=r"^failing_methods:Unsent: its settings cannot be sent to another process \(Can"
    ):
        parcel.packed()


def test_a_method_cannot_end_the_program(failing, tmp_path):
    path, _ = failing("Leaving")
    with pytest.raises(UserError, match=r"^failing_methods:Leaving: calls sys.exit\(0\), which would end the program"):
        train(path, tmp_path / "runs", workers=1)
    assert not list(tmp_path.glob("runs/jobs/*/done"))


def test_an_edit_that_gives_no_results_is_told_while_its_job_trains(failing, tmp_path):
    path, _ = failing("Blank")
    with pytest.raises(UserError, match=r"jobs/blank-.*: iteration 1: SG-GAN returned NaN or infinity"):
        train(path, tmp_path / "runs", workers=1)


def test_what_a_method_changes_of_the_process_is_put_back_after_its_job(failing, tmp_path):
    path, _ = failing("Changing")
    train(path, tmp_path / "runs", workers=1)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert "SGBENCH_TEST" not in os.environ


@pytest.mark.slow
def test_what_is_wrong_in_a_process_is_one_line(config, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(dry_step, "try_methods", lambda *_: None)  # which finds it before
    path = config(residualgan={"learning_rate": 1e30, "iterations": 5})
    assert main(["--config", str(path), "--out", str(tmp_path / "runs"), "--workers", "2", "--unscored"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "lower the learning rate (no checkpoint yet)" in last


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.slow
def test_an_interrupt_leaves_a_checkpoint_of_every_running_job(config, tmp_path, number):
    path, out = config(sggan={"iterations": 10_000}, residualgan={"iterations": 10_000}), tmp_path / "runs"
    command = [sys.executable, "-m", "sgbench.run", "--config", str(path), "--out", str(out), "--workers", "2"]
    command += ["--unscored"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 600  # on a machine that does much else
        while len(list(out.glob("jobs/*/job.json"))) < 2:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(number)
        _, err = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "run the same command again" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert len(list(out.glob("jobs/*/checkpoint.pt"))) == 2
