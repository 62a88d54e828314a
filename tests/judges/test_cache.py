"""Judges: no test image among the training images, cached by what made them."""

import json

import pytest
import torch

from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.judges import cache, training
from sgbench.judges.cache import judge_hash, open_judge, without_twins
from sgbench.judges.judge import Judge
from sgbench.judges.training import JudgeSettings, train_judge
from sgbench.results.judge_files import JudgeFiles

FACES = EmbeddedFaces(EmbeddedFaces.Settings(image_size=32, attributes=("gender", "smile"), num_images=60, num_test=20))
IMAGES = torch.from_numpy(FACES.read_many(range(60)))
TRAIN, TEST = FACES.split()
SETTINGS = JudgeSettings(epochs=1, batch_size=16)


def test_training_images_with_the_pixels_of_a_test_image_are_left_out():
    images = IMAGES.clone()
    images[TRAIN[4]] = images[TEST[0]]
    images[TRAIN[9]] = images[TEST[7]]
    images[TRAIN[11]] = images[TRAIN[12]]
    kept = without_twins(images, TRAIN)
    assert kept.tolist() == [i for k, i in enumerate(TRAIN.tolist()) if k not in (4, 9)]
    images[TRAIN[4], 2, 31, 31] ^= 1
    assert TRAIN[4] in without_twins(images, TRAIN)


def test_a_judge_never_sees_a_twin_and_says_how_many_there_were(tmp_path, monkeypatch):
    images, seen = IMAGES.clone(), []
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


def test_the_best_epoch_of_the_whole_schedule_is_kept(monkeypatch):
    scores = [[0.7, 0.8], [0.6, 0.9], [0.5, 0.9], [0.4, 0.9], [0.9, 0.75], [0.9, 0.7]]
    weights = []

    def held_out(judge, images, positions):
        weights.append({name: value.clone() for name, value in judge.state_dict().items()})

    monkeypatch.setattr(training, "_held_out", held_out)
    monkeypatch.setattr(training, "balanced", lambda posteriors, labels: scores[len(weights) - 1])
    settings = SETTINGS.model_copy(update={"epochs": len(scores)})
    labels = FACES.labels[TRAIN]
    judge = train_judge(IMAGES, TRAIN, labels, FACES.attributes, settings, torch.device("cpu"))
    assert len(weights) == len(scores)
    same = [all(torch.equal(value, kept[name]) for name, value in judge.state_dict().items()) for kept in weights]
    assert same == [False, False, False, False, True, False]


def test_a_judge_is_kept_with_its_facts_and_opened_again(tmp_path):
    files = JudgeFiles(tmp_path, judge_hash(FACES, TRAIN, SETTINGS, "vgg11_bn"))
    first = open_judge(FACES, IMAGES, TRAIN, SETTINGS, "vgg11_bn", files, torch.device("cpu"))
    (weights,) = tmp_path.glob("*.pt")
    before = weights.read_bytes()
    again = open_judge(FACES, None, TRAIN, SETTINGS, "vgg11_bn", files, torch.device("cpu"))
    assert weights.read_bytes() == before
    for mine, theirs in zip(first.posteriors(IMAGES), again.posteriors(IMAGES), strict=True):
        assert torch.equal(mine, theirs)
    assert json.loads(weights.with_suffix(".json").read_text())["architecture"] == "vgg11_bn"


@pytest.mark.parametrize("change", [{"epochs": 2}, {"seed": 1}, {"learning_rate": 0.1}])
def test_a_judges_hash_is_of_what_made_it(change):
    own = judge_hash(FACES, TRAIN, SETTINGS, "resnet18")
    assert own != judge_hash(FACES, TRAIN, SETTINGS, "vgg11_bn")
    assert own != judge_hash(FACES, TRAIN[1:], SETTINGS, "resnet18")
    assert own != judge_hash(FACES, TRAIN, SETTINGS.model_copy(update=change), "resnet18")
    assert own == judge_hash(FACES, TRAIN, SETTINGS.model_copy(update={"floor": 0.6}), "resnet18")


@pytest.mark.parametrize("size", [32, 64, 128])
def test_both_architectures_judge_every_size(size):
    images = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    for architecture in ("resnet18", "vgg11_bn"):
        heads = Judge(FACES.attributes, architecture).eval().posteriors(images, batch_size=2)
        assert [list(head.shape) for head in heads] == [[3, 2], [3, 2]]
        assert torch.allclose(torch.cat(heads).sum(1), torch.ones(6, dtype=torch.float64))
