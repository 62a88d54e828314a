"""A study is settled when it is opened: reading it trains nothing and opens no file of the user's."""

import sys

import pytest
import torch
import yaml

from sgbench.data.labels import Attribute, sparsify
from sgbench.data.store.packed import open_store
from sgbench.methods.sggan import SGGAN
from sgbench.plan.job import Job, System
from sgbench.plan.study import open_source, open_study
from sgbench.run import STAGES, main
from sgbench.settings.models import MethodEntry
from sgbench.settings.reading import read_settings
from sgbench.settings.writing import as_config
from sgbench.support.screen import Screen

SMALL = {"iterations": 1, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ["gender"]},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 1},
    "methods": {"sggan": SMALL | {"n_critic": 1}, "residualgan": SMALL},
}
HEAVY = (
    "sgbench.data.store.packed.PackedImages.__init__",
    "sgbench.data.sources.faces.EmbeddedFaces.read",
    "sgbench.judges.training.train_judge",
    "sgbench.judges.cache.open_judge",
    "sgbench.features.inception.load_inception",
    "sgbench.launching.job.run_job",
    "pathlib.Path.open",
    "pathlib.Path.read_text",
    "pathlib.Path.read_bytes",
)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path / "tiny.yaml"


def properties(thing):
    """The value of every property of an object and of its class's bases."""
    for cls in type(thing).__mro__:
        for name, value in vars(cls).items():
            if isinstance(value, property) or type(value).__name__ == "cached_property":
                yield name, getattr(thing, name)


def test_reading_a_study_trains_nothing_and_opens_nothing(config, tmp_path, monkeypatch):
    study = open_study(read_settings(config, {}, {}), tmp_path / "runs", Screen())

    def never(*_, **__):
        raise AssertionError("a property is not to train or open anything")

    for name in HEAVY:
        monkeypatch.setattr(name, never)
    things = [study, study.plan, study.protocol, study.protocol.files, study.folder, study.runs]
    things += [
        *study.plan.systems,
        *study.plan.jobs,
        study.folder.report,
        *map(study.system_folder, study.plan.systems),
    ]
    read = {f"{type(thing).__name__}.{name}" for thing in things for name, _ in properties(thing)}
    assert {"Study.folder", "Study.controls", "Plan.jobs", "Plan.edits", "Job.identity", "System.name"} <= read
    assert not study.is_scored()
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_every_stage_is_shown_and_timed_under_its_name(config, tmp_path, capsys):
    import json

    assert main(["--config", str(config), "--out", str(tmp_path / "runs")]) == 0
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stage ")]
    assert shown == [f"stage {number}/5: {name}" for number, name in enumerate(STAGES, 1)]
    runtime = json.loads((tmp_path / "runs" / "tiny-5" / "runtime.json").read_text())
    assert tuple(runtime["seconds"]) == STAGES
    assert all(seconds >= 0 for seconds in runtime["seconds"].values())


@pytest.mark.slow
def test_a_finished_study_is_only_reported_again(config, tmp_path, capsys):
    arguments = ["--config", str(config), "--out", str(tmp_path / "runs")]
    assert main(arguments) == 0
    runtime = (tmp_path / "runs" / "tiny-5" / "runtime.json").read_text()
    capsys.readouterr()
    assert main(arguments) == 0
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stage ")]
    assert shown == ["stage 5/5: write the report"]
    assert (tmp_path / "runs" / "tiny-5" / "runtime.json").read_text() == runtime


def test_names_of_folders_are_cut_and_stay_different(tmp_path):
    labels = torch.arange(40, dtype=torch.int8).remainder(2).unsqueeze(1).expand(40, 60)
    names = []
    for last in "xy":
        attributes = tuple(
            Attribute(f"属性 {k:02d} of many{last if k == 59 else ''}", ("no", "yes")) for k in range(60)
        )
        entry = MethodEntry(name="m" * 100, variant="v" * 100, cls=SGGAN, settings=SGGAN.Settings())
        sparse = sparsify(labels, attributes, "all", 0)
        job = Job(entry, "all", 0, tuple(range(60)), attributes, 32, "float32", sparse, "data", torch.arange(40))
        names += [job.name, System(entry, "all", 0, (job,)).name]
    assert len(set(names)) == 4
    assert max(len(f"{name}-{'0' * 8}".encode()) for name in names) <= 255
    assert "属性 00 of many+属性 01 of many" in names[0]


SOURCE = """
from sgbench.data.sources.faces import EmbeddedFaces


class Drawn(EmbeddedFaces):
    name = "drawn"
"""


@pytest.mark.parametrize(("in_hardware", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_study_names_the_precision_that_its_models_and_judges_have(
    config, tmp_path, monkeypatch, in_hardware, precision
):
    wanted = CONFIG | {key: CONFIG.get(key, {}) | {"precision": "auto"} for key in ("judge", "jury")}
    config.write_text(yaml.safe_dump(wanted | {"precision": "auto"}))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": in_hardware})
    study = open_study(read_settings(config, {}, {}), tmp_path / "runs", Screen())
    named = (study.settings, study.settings.judge, study.settings.jury, *study.plan.jobs)
    assert {part.precision for part in named} == {precision}
    assert not any("auto" in line for line in as_config(study.settings).splitlines() if "precision" in line)


def test_the_code_of_a_data_set_from_elsewhere_is_in_its_fingerprint(config, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    fingerprints = []
    for text in (SOURCE, SOURCE, SOURCE + "    number = 2\n"):
        (tmp_path / "drawn_faces.py").write_text(text)
        sys.modules.pop("drawn_faces", None)
        settings = read_settings(config, {}, CONFIG["data"] | {"class": "drawn_faces:Drawn"})
        fingerprints.append(open_source(settings, Screen()).fingerprint)
    sys.modules.pop("drawn_faces", None)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    plain = open_source(read_settings(config, {}, {}), Screen())
    assert plain.fingerprint == plain.__class__(plain.settings).fingerprint


def test_two_data_sets_of_one_module_are_two_though_one_inherits_name_and_fingerprint(config, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    inverted = (
        "class Inverted(Drawn):\n    def read_many(self, index):\n        return 255 - super().read_many(index)\n"
    )
    (tmp_path / "two_kinds.py").write_text(f"{SOURCE}\n\n{inverted}")
    stores, protocols = [], []
    for name in ("Drawn", "Inverted"):
        settings = read_settings(config, {}, CONFIG["data"] | {"class": f"two_kinds:{name}"})
        study = open_study(settings, tmp_path / "runs", Screen())
        stores.append(open_store(study.plan.source, study.runs.store)[torch.arange(4)])
        protocols.append(study.protocol.hash)
    sys.modules.pop("two_kinds", None)
    assert torch.equal(stores[1], 255 - stores[0])
    assert protocols[0] != protocols[1]
