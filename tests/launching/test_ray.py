"""Jobs on Ray: the same models, resumed when a process is lost, interrupted and refused as on one machine."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from pathlib import Path

import pytest
import torch
import yaml
from failing import FAILING

from sgbench.launching.ray_cluster import gpu_share
from sgbench.run import main
from sgbench.support.errors import UserError

METHODS = """
import os
import signal
import time

import torch

from sgbench.methods.sggan import SGGAN


class Watched(SGGAN):
    key = "watched"

    def step(self, batches, iteration):
        with open(os.environ["STEPS"], "a") as file:
            print(os.getpid(), iteration, file=file)
        time.sleep(0.1)
        return super().step(batches, iteration)
"""
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 30, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [5],
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "figure_people": 0, "composition": 0},
}
SMALL = {"iterations": 60, "constant_iterations": 30, "base_width": 2, "batch_size": 2, "n_critic": 1}


@pytest.fixture
def environment(tmp_path):
    """Of a command that starts a Ray cluster of its own, whose files lie where sockets may have their names."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "methods_of_a_test.py").write_text(FAILING + METHODS)
    folder = tempfile.mkdtemp(prefix="ray")
    paths = os.pathsep.join(filter(None, [str(tmp_path / "code"), os.environ.get("PYTHONPATH")]))
    own = {"RAY_ADDRESS": "local", "RAY_TMPDIR": folder, "RAY_AUTH_TOKEN": uuid.uuid4().hex, "PYTHONPATH": paths}
    own["RAY_worker_niceness"] = "0"  # else they wait for all other tests
    yield os.environ | own | {"STEPS": str(tmp_path / "steps"), "OMP_NUM_THREADS": "1"}
    shutil.rmtree(folder)


@pytest.fixture
def command(tmp_path):
    """Makes the command that trains one of the methods with two seeds."""

    def make(method, *options):
        config = tmp_path / "tiny.yaml"
        methods = {method.lower(): SMALL | {"class": f"methods_of_a_test:{method}"}}
        config.write_text(yaml.safe_dump(CONFIG | {"methods": methods, "seeds": [0, 1]}))
        return [sys.executable, "-m", "sgbench.run", "--config", str(config), *options]

    return make


def on_ray(out):
    return "--out", str(out), "--launcher", "ray", "--workers", "2"


def iterations(environment):
    """The iterations that each process has done, by its number, in the order in which they began."""
    found = defaultdict(list)
    steps = Path(environment["STEPS"])
    for line in steps.read_text().splitlines() if steps.exists() else ():
        process, iteration = line.split()
        found[int(process)].append(int(iteration))
    return found


def wait_for(process, condition):
    deadline = time.monotonic() + 600  # only a run that hangs is ended: another machine may be slow
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def checkpoints(out):
    return {path.parent.name: torch.load(path, weights_only=True) for path in Path(out).glob("jobs/*/checkpoint.pt")}


@pytest.mark.slow
def test_interrupted_and_with_processes_killed_and_ended_the_models_are_those_of_one_machine(
    environment, command, tmp_path
):
    alone, out = tmp_path / "alone", tmp_path / "on ray"
    subprocess.run(command("Watched", "--out", str(alone)), env=environment, check=True, capture_output=True)
    ran_before = set(iterations(environment))

    def start():
        return subprocess.Popen(
            command("Watched", *on_ray(out)),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ran(at_least):
        tried = {process.pid}  # where each method is tried before judges are trained
        found = {p: done for p, done in iterations(environment).items() if p not in ran_before | tried}
        return found if len(found) == 2 and all(len(done) >= at_least for done in found.values()) else None

    process = start()
    wait_for(process, lambda: ran(5))
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C on a terminal does
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; all that is done is kept: run the same command again to go on"
    assert "Traceback" not in err
    kept = {name: checkpoint["iteration"] for name, checkpoint in checkpoints(out).items()}
    assert sorted(kept.values()) == sorted(len(done) for done in ran(5).values())

    ran_before = set(iterations(environment))
    process = start()
    wait_for(process, lambda: ran(3))
    first = ran(3)
    killed, ended = first
    os.kill(killed, signal.SIGKILL)
    os.kill(ended, signal.SIGTERM)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    done = iterations(environment)
    resumed = [done[p] for p in done.keys() - ran_before - first.keys() - {process.pid}]
    assert {done[killed][0], done[ended][0]} == set(kept.values())
    assert sorted(done[0] for done in resumed) == sorted([done[killed][0], done[ended][-1] + 1])
    assert all(done == list(range(done[0], SMALL["iterations"])) for done in resumed)
    assert err.count("training 1/2") >= 1
    assert err.count("training 2/2") >= 1

    ours, theirs = checkpoints(alone), checkpoints(out)
    assert len(ours) == 2
    assert ours.keys() == theirs.keys()
    for name, checkpoint in ours.items():
        assert checkpoint["iteration"] == theirs[name]["iteration"] == SMALL["iterations"]
        for key, value in checkpoint["method"].items():
            assert torch.equal(value, theirs[name]["method"][key]), f"{name}: {key}"


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("Hungry", "out of memory on cpu; lower --workers, methods.hungry.batch_size (now 2) or --image-size (now 32)"),
        (
            "Shot",
            "its process was killed, most likely because memory ran out; lower --workers, methods.shot.batch_size",
        ),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_in_a_job_is_one_line(environment, command, tmp_path, method, line):
    done = subprocess.run(
        command(method, *on_ray(tmp_path / "runs")), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {method.lower()} (5, seed ")
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_one_line(environment, command, tmp_path):
    environment |= {"RAY_ADDRESS": "127.0.0.1:9"}
    done = subprocess.run(
        command("Watched", *on_ray(tmp_path / "runs")), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: --launcher ray: no Ray cluster answers at 127.0.0.1:9: ")


def test_without_ray_installed_a_line_says_how_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | {"methods": {"sggan": SMALL}}))
    assert main(["--config", str(tmp_path / "tiny.yaml"), *on_ray(tmp_path / "runs")]) == 2
    line = "error: --launcher ray: Ray is not installed here: pip install 'sgbench[ray]'"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert not (tmp_path / "runs" / "cache" / "store").exists()


@pytest.mark.slow
def test_ray_is_imported_only_when_it_is_asked_for():
    program = """
import sys
import sgbench.commands.door, sgbench.run, sgbench.launching.launch
sgbench.run.main(["--config", "nosuch"])
assert "torch" in sys.modules
assert "ray" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


GPU, CPU = torch.device("cuda"), torch.device("cpu")
NODE = {"CPU": 8.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("machines", "device", "workers", "share"),
    [
        ([NODE], GPU, 4, 1.0),
        ([NODE], GPU, 3, 1.0),
        ([NODE], GPU, 8, 0.5),
        ([NODE, NODE], GPU, 8, 1.0),
        ([NODE, NODE], GPU, 9, 1.0),
        ([NODE, NODE], GPU, 16, 0.5),
        ([NODE, {"CPU": 2.0}], GPU, 12, 1 / 3),
        ([NODE], CPU, 8, 0.0),
    ],
)
def test_each_job_takes_the_part_of_a_gpu_by_which_all_gpus_are_filled(machines, device, workers, share):
    assert gpu_share(machines, device, 2, workers) == share


def test_a_cluster_on_which_no_job_could_run_is_refused():
    with pytest.raises(UserError, match="no machine of the cluster has 9 CPUs, the largest has 8; lower --threads"):
        gpu_share([NODE, NODE], CPU, 9, 1)
    with pytest.raises(UserError, match="the cluster has no GPU"):
        gpu_share([{"CPU": 8.0}], GPU, 1, 1)
