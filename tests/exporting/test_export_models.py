"""Exported models: the same results as the model's own for any number of images, or no file at all."""

import pytest
import torch
import yaml
from trained import DATA, METHODS

from sgbench import run
from sgbench.commands.export import main
from sgbench.exporting import models
from sgbench.exporting.models import export_model
from sgbench.exporting.programs import EveryEdit
from sgbench.results.run_folder import RunFolder
from sgbench.submissions.evaluation import evaluate
from sgbench.submissions.group_names import GROUPS
from sgbench.submissions.programs import Port, Program
from sgbench.translating.naming import find_model
from sgbench.translating.systems import open_system

CPU = torch.device("cpu")
CONFIG = {
    "study": "small",
    "data": DATA | {"num_images": 120, "num_test": 40},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "figure_people": 1, "composition": 0},
    "methods": METHODS | {name: METHODS[name] | {"source_labels": "guessed"} for name in ("stargan", "semistargan")},
}
NAMES = "gender=female, gender=male, hair_color=black, hair_color=blond"


@pytest.fixture(scope="module")
def system(trained):
    return open_system(find_model("tiny-5:sggan@5/1", trained.runs), CPU)


@pytest.fixture
def plainly(monkeypatch):
    """Lets a file stand for the model in memory, since torch takes seconds to write one and to read it; returns it."""
    held = []

    def written(system):
        held.append(EveryEdit(system).eval())
        return held[0]

    def run(images):
        with torch.no_grad():
            return held[0](images)

    ports = (Port("float32", ((1, float("inf")), (3, 3), (32, 32), (32, 32))),)
    monkeypatch.setattr(models, "written_down", written)
    monkeypatch.setitem(models.WRITERS, ".pt2", lambda program, system, path: path.write_text("a program"))
    monkeypatch.setitem(models._READERS, ".pt2", ("torch", lambda path, device: Program(str(path), ports, run)))
    return held


def export(trained, *arguments):
    return main([*map(str, arguments), "--out", str(trained.runs.root)])


@pytest.mark.slow
def test_a_file_that_gives_the_models_results_is_kept(trained, plainly, tmp_path, capsys):
    path = tmp_path / "model.pt2"
    assert export(trained, "--model", "tiny-5:sggan@5/1", "-o", path) == 0
    printed, said = capsys.readouterr()
    assert printed == f"{path}\n"
    assert "results in torch within " in said
    assert f"groups in their order: {NAMES}" in said
    assert path.read_text() == "a program"


def test_results_that_differ_leave_no_file_and_are_named(trained, plainly, monkeypatch, tmp_path, capsys):
    def broken(program, system, path):
        with torch.no_grad():  # after the model's own results were taken
            system.models[0].method.generator.branches.of_features.bias[3:6] += 0.5
        path.write_text("another program")

    monkeypatch.setitem(models.WRITERS, ".pt2", broken)
    assert export(trained, "--model", "tiny-5:sggan@5/1", "-o", tmp_path / "model.pt2") == 2
    said = capsys.readouterr().err
    assert "model.pt2: not written: results for gender=male differ by " in said
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_fails_is_not_kept(trained, plainly, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(models._READERS, ".pt2", ("torch", lambda path, device: Program("x", (), None)))
    assert export(trained, "--model", "tiny-5:sggan@5/1", "-o", tmp_path / "model.pt2") == 2
    assert "model.pt2: not written: x: takes nothing; must take float32 [n, 3, 32, 32]" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


REFUSED = {
    "nothing": ("-o {out}.pt2", "nothing to export: give --model"),
    "both": ("--model m --training -o {out}.pt2", "not allowed with argument"),
    "suffix": ("--model tiny-5:sggan@5/1 -o {out}.pth", "the name must end in .onnx or .pt2"),
    "data": ("--model tiny-5:sggan@5/1 --image-size 64 -o {out}.pt2", "go with --training"),
    "model": ("--model tiny-5:sggan@5 -o {out}.pt2", "is several models; say which"),
    "two folders": ("--training -o {out} {out}2", "--training writes one folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_a_line(trained, tmp_path, capsys, name):
    command, message = REFUSED[name]
    assert export(trained, *(word.format(out=tmp_path / "out") for word in command.split())) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [*tmp_path.iterdir()] == []


def test_without_its_packages_onnx_is_refused_at_once(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    assert export(trained, "--model", "tiny-5:sggan@5/1", "-o", tmp_path / "x.onnx") == 2
    assert "pip install 'sgbench[onnx]'" in capsys.readouterr().err


LOOKING = """
from sgbench.methods.contract import Method, MethodSettings
import torch


class Looking(Method):
    display_name, key = "Looking", "looking_of_a_test"
    Settings = MethodSettings

    def __init__(self, attributes, image_size, settings, labels):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.shift = torch.nn.Parameter(torch.zeros(()))
        self.optimizers = {"all": torch.optim.Adam(self.parameters())}

    def step(self, batches, iteration):
        return {"loss": (self.shift * 1).detach()}

    def edit(self, images, labels, group):
        return images + self.shift if images.mean() > 0 else images
"""


@pytest.mark.slow
def test_what_cannot_be_written_down_is_said_with_the_remedy(tmp_path, monkeypatch, capsys):
    from trained import train_study

    (tmp_path / "looking_elsewhere.py").write_text(LOOKING)
    monkeypatch.syspath_prepend(tmp_path)
    methods = {
        "look": {"class": "looking_elsewhere:Looking", "iterations": 1, "constant_iterations": 1, "batch_size": 2}
    }
    study = train_study(tmp_path, "foreign", methods=methods)
    assert export(study, "--model", "foreign-5:look", "-o", tmp_path / "x.pt2") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "torch cannot write down what Looking computes" in said
    assert "look at no value of a tensor" in said


@pytest.mark.slow
def test_exported_files_are_scored_as_the_systems_themselves(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    config, out = tmp_path / "small.yaml", tmp_path / "runs"
    config.write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    assert run.main(["--config", str(config), "--out", str(out)]) == 0
    names = {GROUPS: ""}
    key = ["metric", "target", "direction", "measured_on"]
    for method, kinds in {
        "sggan": (".onnx", ".pt2"),
        "stargan": (".pt2",),
        "residualgan": (".onnx",),
        "semistargan": (".pt2",),
    }.items():
        files = [tmp_path / f"{method}{kind}" for kind in kinds]
        export_model(f"small-5:{method}", files, out)
        for file in files:
            name = f"{method} {file.suffix[1:]}"
            records = evaluate(file, name=name, config=str(config), compare=out / "small-5", out=out).records
            mine = records[records["method"] == name.replace(" ", "-")].set_index(key)["value"]
            own = records[records["method"] == method].set_index(key)["value"]
            assert len(mine) > 50
            shared = mine.index.intersection(own.index)
            assert len(shared) == len(own)
            assert (mine[shared] - own[shared]).abs().max() < 0.01
    program = torch.export.load(tmp_path / "sggan.pt2", extra_files=names)
    assert names == {GROUPS: NAMES}
    own = open_system(find_model("small-5:sggan", RunFolder(out)), CPU).models[0].method
    assert sum(value.numel() for value in program.state_dict.values()) <= sum(
        p.numel() for p in own.generator.parameters()
    )
