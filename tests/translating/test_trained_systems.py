"""Systems made of their jobs' folders alone: the same results as in scoring, what is missing or changed is said."""

import json
import shutil

import pytest
import torch
from trained import METHODS, refusal, train_study

from sgbench.data.labels import HIDDEN, Group, all_groups
from sgbench.results.job_identity import read_labels
from sgbench.results.run_folder import RunFolder
from sgbench.scoring.translator import editor, load_models
from sgbench.support.errors import UserError
from sgbench.support.sealed import seal
from sgbench.translating.naming import NamedModel, find_model
from sgbench.translating.systems import open_system

CPU = torch.device("cpu")
IMAGES = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
KNOWN = torch.tensor([[0, 1], [1, -2], [1, 0]], dtype=torch.int8)


def opened(study, name):
    return open_system(find_model(name, study.runs), CPU)


@pytest.fixture
def copied(trained, tmp_path):
    """Copies a job's folder, whose place is free to be changed; returns it."""

    def copy(method):
        job = next(job for job in trained.plan.jobs if (job.entry.name, job.seed) == (method, 1))
        shutil.copytree(trained.runs.job(job.name).path, tmp_path / "jobs" / job.name)
        return RunFolder(tmp_path).job(job.name)

    return copy


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "semistargan", "attgan", "stgan"])
def test_results_are_those_of_scoring(trained, method):
    (system,) = [s for s in trained.plan.systems if (s.entry.name, s.seed) == (method, 1)]
    edit = editor(load_models(system, trained.runs, CPU), CPU, trained.settings.precision)
    mine = opened(trained, f"tiny-5:{method}@5/1")
    assert mine.attributes == trained.plan.attributes
    assert mine.source.name == "faces"
    for groups in ([Group(0, 1)], [Group(1, 0)], [Group(1, 1), Group(0, 0)]):
        labels = mine.completed(IMAGES, KNOWN)
        assert torch.equal(mine.edit(IMAGES, labels, groups), edit(IMAGES, KNOWN, groups, 0))


def test_a_variant_is_used_as_in_its_study(tmp_path):
    strong = METHODS["stgan"] | {"class": "stgan", "strength": 3.0}
    study = train_study(tmp_path, methods={"stgan/strong": strong, "stgan": METHODS["stgan"]})
    results = {}
    for system in study.plan.systems:
        edit = editor(load_models(system, study.runs, CPU), CPU, study.settings.precision)
        mine = opened(study, f"tiny-5:{system.entry.key}")
        results[system.entry.key] = mine.edit(IMAGES, mine.completed(IMAGES, KNOWN), [Group(0, 1)])
        assert torch.equal(results[system.entry.key], edit(IMAGES, KNOWN, [Group(0, 1)], 0))
    assert not torch.equal(results["stgan"], results["stgan/strong"])
    assert torch.equal(opened(study, "tiny-5:stgan.strong").edit(IMAGES, KNOWN, [Group(0, 1)]), results["stgan/strong"])
    study.folder.write_settings("methods: {sggan: {}}")
    assert "settings.yaml: is broken (methods: has no stgan/strong" in refusal(
        lambda: opened(study, "tiny-5:stgan/strong")
    )


def test_labels_that_are_read_are_guessed_where_they_are_not_known(trained):
    stargan = opened(trained, "tiny-5:stargan@5/1")
    hidden = torch.full_like(KNOWN, HIDDEN)
    guessed = stargan.completed(IMAGES, hidden)
    assert (guessed != HIDDEN).all()
    assert guessed.dtype == torch.int8
    half = KNOWN.clone()
    half[:, 1] = HIDDEN
    assert torch.equal(stargan.completed(IMAGES, half)[:, 0], KNOWN[:, 0])
    assert torch.equal(stargan.completed(IMAGES, half)[:, 1], guessed[:, 1])
    for group in all_groups(stargan.attributes):  # the method guesses the same itself
        assert torch.equal(stargan.edit(IMAGES, guessed, [group]), stargan.edit(IMAGES, hidden, [group]))
    sggan = opened(trained, "tiny-5:sggan@5/1")
    assert not sggan.reads_labels
    assert torch.equal(sggan.completed(IMAGES, hidden), hidden)


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "semistargan", "attgan", "stgan"])
def test_every_edit_is_each_edit(trained, method):
    for model in opened(trained, f"tiny-5:{method}@5/1").models:
        images = IMAGES / 127.5 - 1
        hidden = torch.full((3, len(model.columns)), HIDDEN, dtype=torch.int8)
        with torch.no_grad():
            every = model.method.every_edit(images)
            own = [model.method.edit(images, hidden, group) for group in all_groups(model.method.attributes)]
        torch.testing.assert_close(every, torch.stack(own, 1), atol=1e-5, rtol=0)


def test_a_folder_keeps_the_labels_that_its_method_was_built_with(trained):
    job = next(job for job in trained.plan.jobs if job.seed == 1)
    kept = read_labels(trained.runs.job(job.name), len(job.attributes))
    assert torch.equal(torch.from_numpy(kept), job.labels.labels)


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "semistargan", "attgan", "stgan"])
def test_a_folder_of_an_earlier_version_is_read_without_labels_and_data(trained, copied, method):
    folder = copied(method)
    folder.labels_file.unlink()
    about = json.loads(folder.identity_file.read_text())
    del about["data"]
    keep_identity(folder, json.dumps(about))
    system = open_system(NamedModel("old", (folder,)), CPU)
    new = open_system(NamedModel("new", (trained.runs.job(folder.path.name),)), CPU)
    assert system.source is None
    hidden = torch.full((3, len(system.attributes)), HIDDEN, dtype=torch.int8)
    assert torch.equal(system.edit(IMAGES, hidden, [Group(0, 1)]), new.edit(IMAGES, hidden, [Group(0, 1)]))


def keep_identity(folder, text):
    """As another version, or a folder that was made otherwise, has it."""
    folder.identity_file.write_text(text)
    seal(folder.identity_file)


def changed_identity(folder):
    about = json.loads(folder.identity_file.read_text())
    about["attributes"].reverse()
    folder.identity_file.write_text(json.dumps(about))
    return "job.json: is not as it was written"


def broken_identity(folder):
    keep_identity(folder, "{")
    return "job.json: is broken"


def no_attributes(folder):
    about = json.loads(folder.identity_file.read_text()) | {"attributes": [["smile", ["no"], True]]}
    keep_identity(folder, json.dumps(about))
    return "job.json: is broken (attributes: attribute 'smile' needs at least two values"


def with_setting(folder, **setting):
    about = json.loads(folder.identity_file.read_text())
    about["settings"] |= setting
    keep_identity(folder, json.dumps(about))


def no_class(folder):
    about = json.loads(folder.identity_file.read_text()) | {"class": "nowhere.gan:GAN"}
    keep_identity(folder, json.dumps(about))
    return "start in the folder that holds the class"


def other_settings(folder):
    with_setting(folder, base_width=4)
    return "its checkpoint does not fit sgbench.methods.sggan:SGGAN as it is now"


def wrong_setting(folder):
    with_setting(folder, base_width=-1)
    return "job.json: settings: base_width:"


def broken_checkpoint(folder):
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:-100])
    return "checkpoint.pt: is not as it was written"


def unfinished(folder):
    with_setting(folder, iterations=3)
    return "checkpoint.pt: is of iteration 2, not of the last"


def broken_labels(folder):
    folder.labels_file.write_bytes(b"no labels")
    return "labels.npz: is not as it was written"


@pytest.mark.parametrize(
    "damage",
    [
        changed_identity,
        broken_identity,
        no_attributes,
        no_class,
        other_settings,
        wrong_setting,
        broken_checkpoint,
        unfinished,
        broken_labels,
    ],
)
def test_a_damaged_folder_is_refused_in_a_line(copied, damage):
    folder = copied("sggan")
    said = damage(folder)
    assert said in refusal(lambda: open_system(NamedModel("x", (folder,)), CPU))


def test_another_version_of_the_method_is_said(copied):
    folder = copied("sggan")
    about = json.loads(folder.identity_file.read_text()) | {"version": 1}
    keep_identity(folder, json.dumps(about))
    with pytest.warns(UserWarning, match="was trained by version 1 of SG-GAN, here is version 2"):
        open_system(NamedModel("x", (folder,)), CPU)


FOREIGN = """
from sgbench.methods.contract import Method, MethodSettings
import torch


class Mine(Method):
    display_name, key = "Mine", "mine_of_a_test"

    class Settings(MethodSettings):
        source_labels: str = "true"

    def __init__(self, attributes, image_size, settings, labels):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.shift = torch.nn.Parameter(torch.zeros(()))
        self.known = float((labels >= 0).float().mean())
        self.optimizers = {"all": torch.optim.Adam(self.parameters(), capturable=False)}

    def step(self, batches, iteration):
        return {"loss": (self.shift * 1).detach()}

    def edit(self, images, labels, group):
        return (images + self.known + 0.1 * labels[:, :1, None, None]).clamp(-1, 1)
"""


def test_a_class_from_elsewhere_has_its_labels_and_says_what_changed(tmp_path, monkeypatch):
    from trained import train_study

    (tmp_path / "mine_elsewhere.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(tmp_path)
    methods = {"mine": {"class": "mine_elsewhere:Mine", "iterations": 1, "constant_iterations": 1, "batch_size": 2}}
    study = train_study(tmp_path, "foreign", methods=methods)
    system = opened(study, "foreign-5:mine")
    (job,) = study.plan.jobs
    method = system.models[0].method
    assert method.known == float((job.labels.labels >= 0).float().mean())
    assert torch.equal(system.completed(IMAGES, KNOWN), KNOWN)
    hidden = torch.full_like(KNOWN, HIDDEN)
    message = refusal(lambda: system.completed(IMAGES, hidden))
    assert (
        "Mine reads the source image's labels and cannot guess them; give all, such as --from gender=female" in message
    )
    folder = study.runs.job(job.name)
    about = json.loads(folder.identity_file.read_text())
    about["files"] = [{"mine_elsewhere.py": "0" * 64}]
    keep_identity(folder, json.dumps(about))
    with pytest.warns(UserWarning, match=r"mine_elsewhere\.py has changed since this was trained"):
        opened(study, "foreign-5:mine")
    folder.labels_file.unlink()
    with pytest.warns(UserWarning, match="has changed"), pytest.raises(UserError, match="kept no labels"):
        opened(study, "foreign-5:mine")
