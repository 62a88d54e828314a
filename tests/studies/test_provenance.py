"""What a run says of how its figures came about."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.run import main
from sgbench.support.environment import commit, packages

CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ["gender"]},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 1, "composition": 0},
    "methods": {"sggan": {"iterations": 1, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}},
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("provenance")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    assert main(["--config", str(folder / "tiny.yaml"), "--out", str(folder / "runs")]) == 0
    return folder / "runs"


def runtime(out):
    return json.loads((out / "tiny-5" / "runtime.json").read_text())


@pytest.mark.slow
def test_all_that_made_the_figures_is_named(out):
    made = runtime(out)
    assert made["commit"] == commit()
    assert made["packages"] == packages()
    assert made["packages"]["torch"].count(".") == 2
    assert made["device"].startswith("CPU, ")
    assert made["seeds"] == [0]
    assert (made["data"]["training images"], made["data"]["test images"]) == (80, 40)
    assert len(made["data"]["sha256"]) == 64
    weights = (out / "cache" / "judge").glob("*.pt")
    kept = {hashlib.sha256(path.read_bytes()).hexdigest() for path in weights}
    assert len(kept) == 3
    assert {judge["sha256"] for judge in made["judges"]} == kept
    seats = [(judge["architecture"], judge["seed"]) for judge in made["judges"]]
    assert seats == [("resnet18", 0), ("compact_vgg", 1), ("compact_resnet", 2)]
    (job,) = (out / "jobs").iterdir()
    manifest = json.loads((job / "job.json").read_text())["manifest"]
    assert made["labels"] == {job.name: manifest["sha256"]}
    assert made["weights"] == {"inception": None}
    assert made["metrics"]["accuracy"] == {"version": 1, "definitions": ["most probable value"]}
    settings = EmbeddedFaces.Settings(**{key: value for key, value in CONFIG["data"].items() if key != "class"})
    labels = EmbeddedFaces(settings).labels.numpy().tobytes()
    assert made["data"]["labels sha256"] == hashlib.sha256(labels).hexdigest()


@pytest.mark.slow
def test_every_json_is_of_the_standard(out):
    """Without NaN and Infinity, which Python writes and other programs refuse."""

    def refuse(constant):
        raise AssertionError(constant)

    files = list(out.rglob("*.json"))
    assert len(files) > 10
    for file in files:
        json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.slow
def test_what_was_made_earlier_keeps_its_own_commit(out, monkeypatch):
    before = runtime(out)
    origins = [*before["jobs"].values(), *before["systems"].values(), *(judge["origin"] for judge in before["judges"])]
    assert len(origins) == 1 + 4 + 3
    assert all(origin["commit"] == before["commit"] for origin in origins)
    monkeypatch.setattr("sgbench.studies.provenance.commit", lambda: "a later one")
    assert main(["--config", str(out.parent / "tiny.yaml"), "--out", str(out)]) == 0
    after = runtime(out)
    assert after.pop("commit") == "a later one"
    del before["commit"]
    assert after == before


@pytest.mark.slow
def test_the_commit_is_that_of_the_start(tmp_path):
    """What is committed while a study trains is not in the code that runs."""
    code = (
        "import sgbench.support.environment as e; from sgbench.plan.study import open_study\n"
        "from sgbench.settings.config_files import find_config; from sgbench.settings.reading import read_settings\n"
        "from pathlib import Path; from sgbench.support.screen import Screen\n"
        "data = {'num_images': 40, 'num_test': 20}\n"
        "open_study(read_settings(find_config('quick'), {'methods': []}, data), Path('runs'), Screen())\n"
        "e.subprocess.run = None\n"
        "print(e.commit())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().removesuffix("-dirty") == commit().removesuffix("-dirty")


@pytest.mark.slow
def test_a_commit_is_named_with_whether_files_differ_from_it(tmp_path, monkeypatch):
    def git(*arguments):
        own = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", *own, *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    def now():
        commit.cache_clear()
        return commit(tmp_path)

    assert now() == "not in a git checkout"
    git("init", "-q")
    (tmp_path / "__init__.py").write_text("")
    assert now() == "not in a git checkout"
    git("add", "__init__.py")
    git("commit", "-qm", "first")
    assert now() == git("rev-parse", "HEAD")
    (tmp_path / "new.py").write_text("")
    assert now() == git("rev-parse", "HEAD") + "-dirty"
    (tmp_path / "new.py").unlink()
    git("tag", "v1")
    (tmp_path / "__init__.py").write_text("x = 1")
    assert now() == git("rev-parse", "HEAD") + "-dirty"
    right = now()
    for place in (".git", str(Path(__file__).parents[2] / ".git")):  # as in a hook of this repository, or of another
        monkeypatch.setenv("GIT_DIR", place)
        assert now() == right
    commit.cache_clear()
