"""Judges: no test image among the training images, cached by what made them."""

import json
import math
import shutil
from functools import cache as once
from typing import get_args

import numpy as np
import pytest
import torch

from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.judges import cache, training
from sgbench.judges.architectures import Architecture, build_network
from sgbench.judges.cache import judge_hash, open_judge, without_twins
from sgbench.judges.judge import Judge
from sgbench.judges.training import JudgeSettings, batch_sizes, train_judge
from sgbench.results.judge_files import JudgeFiles
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.global_state import foreign
from sgbench.support.hashing import hash_of_file
from sgbench.support.sealed import seal

FACES = EmbeddedFaces(EmbeddedFaces.Settings(image_size=32, attributes=("gender", "smile"), num_images=60, num_test=20))
TRAIN, TEST = FACES.split()
SETTINGS = JudgeSettings(epochs=1, batch_size=16)
CPU = torch.device("cpu")


@once
def all_images():
    """Drawn when a test first needs them: to collect the tests takes no time."""
    return torch.from_numpy(FACES.read_many(range(60)))


def test_training_images_with_the_pixels_of_a_test_image_are_left_out():
    images = all_images().clone()
    images[TRAIN[4]] = images[TEST[0]]
    images[TRAIN[9]] = images[TEST[7]]
    images[TRAIN[11]] = images[TRAIN[12]]
    kept = without_twins(images, TRAIN)
    assert kept.tolist() == [i for k, i in enumerate(TRAIN.tolist()) if k not in (4, 9)]
    images[TRAIN[4], 2, 31, 31] ^= 1
    assert TRAIN[4] in without_twins(images, TRAIN)


def test_a_judge_never_sees_a_twin_and_says_how_many_there_were(tmp_path, monkeypatch):
    images, seen = all_images().clone(), []
    images[TRAIN[4]] = images[TEST[0]]

    def train(images, positions, labels, *rest, **more):
        seen.append((positions, labels))
        return Judge(FACES.attributes)

    monkeypatch.setattr(cache, "train_judge", train)
    files = JudgeFiles(tmp_path, judge_hash(FACES, TRAIN, SETTINGS, "resnet18"))
    open_judge(FACES, images, TRAIN, SETTINGS, "resnet18", files, torch.device("cpu"))
    ((positions, labels),) = seen
    assert TRAIN[4] not in positions
    assert torch.equal(labels, FACES.labels[positions])
    facts = files.facts()
    assert (facts["training images"], facts["left out"]) == (39, 1)


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(2, [2]), (3, [3]), (16, [16]), (17, [17]), (18, [16, 2]), (32, [16, 16]), (33, [16, 17]), (34, [16, 16, 2])],
)
def test_no_batch_is_of_one_image(number, sizes):
    assert batch_sizes(number, 16) == sizes


@pytest.mark.parametrize("architecture", get_args(Architecture))
@pytest.mark.parametrize("number", [3, 19])
def test_a_judge_is_trained_on_few_images_and_where_one_is_left(architecture, number):
    labels = FACES.labels[TRAIN[:number]]
    train_judge(all_images(), TRAIN[:number], labels, FACES.attributes, SETTINGS, CPU, architecture=architecture)


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_images_to_train_a_judge_on_are_refused(number):
    with pytest.raises(UserError, match=f"at least 2 images to train on, but has {number - 1}: of {number} training"):
        train_judge(all_images(), TRAIN[:number], FACES.labels[TRAIN[:number]], FACES.attributes, SETTINGS, CPU)


@pytest.mark.slow
def test_the_best_epoch_of_the_whole_schedule_is_kept(monkeypatch):
    scores = [[0.7, 0.8], [0.6, 0.9], [0.5, 0.9], [0.4, 0.9], [0.9, 0.75], [0.9, 0.7]]
    weights = []

    def held_out(judge, images, positions):
        weights.append({name: value.clone() for name, value in judge.state_dict().items()})

    monkeypatch.setattr(training, "_held_out", held_out)
    monkeypatch.setattr(training, "balanced", lambda posteriors, labels: scores[len(weights) - 1])
    settings = SETTINGS.model_copy(update={"epochs": len(scores)})
    labels = FACES.labels[TRAIN]
    judge = train_judge(all_images(), TRAIN, labels, FACES.attributes, settings, torch.device("cpu"))
    assert len(weights) == len(scores)
    same = [all(torch.equal(value, kept[name]) for name, value in judge.state_dict().items()) for kept in weights]
    assert same == [False, False, False, False, True, False]


def test_a_judge_that_diverges_is_told_and_not_kept(tmp_path):
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30, "seed": 3})
    files = JudgeFiles(tmp_path, judge_hash(FACES, TRAIN, settings, "compact_vgg"))
    told = r"^judge compact_vgg 3: epoch 1: weights .*; lower its learning_rate, which is 1e\+30"
    with pytest.raises(UserError, match=told):
        open_judge(FACES, all_images(), TRAIN, settings, "compact_vgg", files, CPU)
    assert not list(tmp_path.glob("*.pt"))


def test_a_judge_does_not_depend_on_what_its_caller_has_set(tmp_path):
    def trained(folder):
        files = JudgeFiles(folder, judge_hash(FACES, TRAIN, SETTINGS, "compact_vgg"))
        return open_judge(FACES, all_images(), TRAIN, SETTINGS, "compact_vgg", files, CPU).state_dict()

    expected = trained(tmp_path / "plain")
    with foreign("caller"):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        found = trained(tmp_path / "changed")
        assert torch.get_default_dtype() == torch.float64
        assert not torch.is_grad_enabled()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_a_judge_is_kept_with_its_facts_and_opened_again(tmp_path):
    files = JudgeFiles(tmp_path, judge_hash(FACES, TRAIN, SETTINGS, "compact_vgg"))
    first = open_judge(FACES, all_images(), TRAIN, SETTINGS, "compact_vgg", files, torch.device("cpu"))
    (weights,) = tmp_path.glob("*.pt")
    before = weights.read_bytes()
    again = open_judge(FACES, None, TRAIN, SETTINGS, "compact_vgg", files, torch.device("cpu"))
    assert weights.read_bytes() == before
    for mine, theirs in zip(first.posteriors(all_images()), again.posteriors(all_images()), strict=True):
        assert torch.equal(mine, theirs)
    assert json.loads(weights.with_suffix(".json").read_text())["architecture"] == "compact_vgg"


def exchanged(files, others, names):
    """Put files of a judge, with their hashes, in the place of those of another."""
    for name in names:
        for path in (files.weights.with_suffix(name), files.weights.with_name(f".{files.weights.stem}{name}.sha256")):
            shutil.copyfile(path.with_name(path.name.replace(files.key, others.key)), path)


@pytest.mark.parametrize("names", [[".pt"], [".json"], [".pt", ".json"], [".pt", ".json", ".origin.json"]])
def test_another_judges_files_are_found_though_their_hashes_came_with_them(tmp_path, names):
    judges = [JudgeFiles(tmp_path, digit * 16) for digit in "ab"]
    for seed, files in enumerate(judges):
        files.weights.write_bytes(f"weights {seed}".encode())
        seal(files.weights)
        files.write_facts({"architecture": "compact_vgg", "seed": seed}, {}, files.weights)
        assert files.facts()["seed"] == seed
    exchanged(*judges, names)
    with pytest.raises(BrokenFile, match=r"a{16}\.pt: it or a{16}\.json is another judge's; "):
        judges[0].facts()
    assert "is another judge's" in judges[0].discard_broken()
    assert judges[0].facts() == {}
    assert judges[1].facts()["seed"] == 1


def test_facts_of_an_earlier_version_are_those_of_the_judge(tmp_path):
    files = JudgeFiles(tmp_path, "a" * 16)
    files.weights.write_bytes(b"weights")
    files.weights.with_suffix(".json").write_text('{"seed": 3}')
    assert files.facts() == {"seed": 3, "judge": files.key, "sha256": hash_of_file(files.weights), "origin": None}


@pytest.mark.parametrize(
    "change", [{"epochs": 2}, {"seed": 1}, {"learning_rate": 0.1}, {"distortion": 1.0}, {"averaged": True}]
)
def test_a_judges_hash_is_of_what_made_it(change):
    own = judge_hash(FACES, TRAIN, SETTINGS, "resnet18")
    assert own != judge_hash(FACES, TRAIN, SETTINGS, "compact_vgg")
    assert own != judge_hash(FACES, TRAIN[1:], SETTINGS, "resnet18")
    assert own != judge_hash(FACES, TRAIN, SETTINGS.model_copy(update=change), "resnet18")
    assert own == judge_hash(FACES, TRAIN, SETTINGS.model_copy(update={"floor": 0.6}), "resnet18")


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_every_architecture_judges_every_size(architecture, size):
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    heads = Judge(FACES.attributes, architecture, size).eval().posteriors(images, batch_size=2)
    assert [list(head.shape) for head in heads] == [[3, 2], [3, 2]]
    assert torch.allclose(torch.cat(heads).sum(1), torch.ones(6, dtype=torch.float64))


@pytest.mark.parametrize("architecture", ["compact_vgg", "compact_resnet"])
def test_the_last_map_of_a_compact_judge_has_4_pixels_at_every_size(architecture):
    sides = []
    for size in (32, 64, 128, 256):
        network = build_network(architecture, 4, size)
        pool = next(k for k, layer in enumerate(network) if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
        sides.append(network[:pool](torch.zeros(2, 3, size, size)).shape[-1])
    assert sides == [4, 4, 4, 4]


@pytest.mark.slow
def test_an_averaged_judge_is_the_moving_average_of_the_second_half(monkeypatch):
    states = []

    class Watched(training.AveragedModel):
        def update_parameters(self, model):
            states.append({name: value.clone() for name, value in model.state_dict().items()})
            super().update_parameters(model)

    monkeypatch.setattr(training, "AveragedModel", Watched)
    settings = JudgeSettings(epochs=4, batch_size=16, averaged=True)
    judge = train_judge(all_images(), TRAIN, FACES.labels[TRAIN], FACES.attributes, settings, torch.device("cpu"))
    assert len(states) == 2 * math.ceil(36 / 16)
    for name, value in judge.state_dict().items():
        expected = states[0][name].double()
        for state in states[1:]:
            expected = 0.98 * expected + 0.02 * state[name].double()
        if value.is_floating_point():
            assert torch.allclose(value.double(), expected, rtol=1e-4, atol=1e-6), name


@pytest.mark.slow
def test_a_jurys_judge_is_trained_by_all_that_its_settings_say():
    """Each of them changes what is trained, and from one seed the same is trained again."""
    base = JudgeSettings(epochs=2, batch_size=16, learning_rate=2e-3)

    def weights(**changes):
        settings = base.model_copy(update=changes)
        judge = train_judge(
            all_images(), TRAIN, FACES.labels[TRAIN], FACES.attributes, settings, CPU, architecture="compact_vgg"
        )
        return torch.cat([p.flatten() for p in judge.parameters()])

    plain = weights()
    assert torch.equal(plain, weights())
    for change in ({"warm_up": 0.3}, {"weight_decay": 0.1}, {"distortion": 1.0}, {"mixed": 0.5}, {"averaged": True}):
        other = weights(**change)
        assert not torch.equal(plain, other)
        assert other.isfinite().all()
        assert torch.equal(other, weights(**change))


def test_the_shortest_schedules_have_room_for_a_warm_up():
    for number, epochs in ((16, 1), (32, 1), (16, 5), (36, 3)):
        settings = JudgeSettings(epochs=epochs, batch_size=16, warm_up=0.1, averaged=True)
        judge = train_judge(
            all_images(),
            TRAIN[:number],
            FACES.labels[TRAIN[:number]],
            FACES.attributes,
            settings,
            CPU,
            architecture="compact_vgg",
        )
        assert all(p.isfinite().all() for p in judge.parameters())
