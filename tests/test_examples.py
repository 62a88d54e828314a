"""The examples run, with other sizes and schedules; that of a method is what a new method begins with."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.own import use_metrics
from sgbench.report.verification import verify
from sgbench.results.records import read_records
from sgbench.run import main
from sgbench.starting.files import write_method

EXAMPLES = Path(__file__).parents[1] / "examples"
SHORT = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
TINY = {
    "levels": [5],
    "judge": {"epochs": 1, "floor": 0},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the examples, with configs that take seconds."""
    work = tmp_path / "examples"
    shutil.copytree(EXAMPLES, work, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    for path in work.glob("*.yaml"):
        settings = yaml.safe_load(path.read_text())
        settings["data"] |= {"num_images": 80, "num_test": 20}
        settings["scoring"] |= {"num_resamples": 10, "figure_people": 0}
        settings["methods"] = {name: own | SHORT for name, own in settings["methods"].items()}
        path.write_text(yaml.safe_dump(settings | TINY))
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(work)
    names = [path.stem for path in work.glob("*.py")]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield work
    use_metrics(())
    for name in names:
        sys.modules.pop(name, None)


def records(folder, name):
    return read_records(folder / "runs" / f"{name}-5" / "report" / "records.csv")


def test_every_example_has_code_and_a_config():
    code = {path.stem for path in EXAMPLES.glob("*.py")}
    assert code == {path.stem for path in EXAMPLES.glob("*.yaml")} == {"mygan", "warmth", "discs"}


def test_the_method_is_what_a_new_one_begins_with(tmp_path):
    for path in write_method("MyGAN", tmp_path):
        assert path.read_text() == (EXAMPLES / path.name).read_text()


@pytest.mark.slow
def test_the_method_runs(folder):
    assert main(["--config", "mygan.yaml"]) == 0
    assert "mygan" in {record.method for record in records(folder, "mygan")}


@pytest.mark.slow
def test_the_metric_runs_and_its_report_can_be_verified(folder):
    assert main(["--config", "warmth.yaml"]) == 0
    own = [record for record in records(folder, "warmth") if record.metric == "warmth"]
    assert {record.measured_on for record in own} == {"image"}
    assert {record.unit for record in own} == {"levels"}
    assert {record.value for record in own if record.method == "copy"} == {0.0}
    use_metrics(())
    assert "warmth" not in METRICS
    assert verify(folder / "runs" / "warmth-5").problems == ()


@pytest.mark.slow
def test_the_data_set_runs_with_its_counterfactuals(folder):
    assert main(["--config", "discs.yaml"]) == 0
    found = records(folder, "discs")
    assert {record.dataset for record in found} == {"discs"}
    assert {record.target for record in found if record.method == "oracle"} >= {"size", "colour"}
