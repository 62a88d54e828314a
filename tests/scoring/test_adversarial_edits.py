"""Noise that fools a judge is no translation: a judge of another architecture and the counterfactual error tell."""

import importlib
from pathlib import Path

import pytest
import torch

from sgbench.data.labels import Group
from sgbench.data.requests import make_requests
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.data.store.references import References
from sgbench.judges.training import JudgeSettings, train_judge
from sgbench.metrics.accuracy import Accuracy
from sgbench.scoring.evaluation_set import everything_asked
from sgbench.scoring.panel import Panel
from sgbench.scoring.scorer import score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NUM_FACES, NUM_TEST = 1400, 120
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def faces():
    settings = EmbeddedFaces.Settings(image_size=32, attributes=("gender",), num_images=NUM_FACES, num_test=NUM_TEST)
    source = EmbeddedFaces(settings)
    return source, torch.from_numpy(source.read_many(range(NUM_FACES)))


@pytest.fixture
def study(monkeypatch):
    """The study of juries, which makes such noise too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("verdicts")


@pytest.fixture(scope="module")
def judges(faces):
    source, images = faces
    train, _ = source.split()
    settings = JudgeSettings(epochs=4, batch_size=64)
    arguments = (images, train, source.labels[train], source.attributes, settings, CPU)
    return [train_judge(*arguments, architecture=name) for name in ("resnet18", "compact_vgg")]


@pytest.fixture(scope="module")
def test_set(faces):
    source, images = faces
    _, test = source.split()
    (request,) = make_requests(source.labels[test], source.attributes)
    counterfactuals = torch.cat(
        [source.counterfactual(test[request.positions[rows]], [group]) for group, rows in request.by_value()]
    )
    return everything_asked(images[test], source.labels[test], [request], References([counterfactuals], None))


def figures(translate, test, faces, judges):
    """Accuracy by each judge, and counterfactual error inside of what a translation has to change."""
    (own,) = score(translate, test, faces[0].attributes, Panel(tuple(judges)), batch_size=60)
    accuracies = [Accuracy().terms(heads[0], test.requests[0].values).mean() for heads in own.posteriors]
    return *map(float, accuracies), float(own.terms["counterfactual_error", "inside"].mean())


@pytest.mark.slow
def test_noise_that_fools_a_judge_is_exposed_by_the_other_and_by_the_counterfactual_error(
    faces, judges, test_set, study
):
    source, _ = faces

    def oracle(positions, groups):
        return source.counterfactual(source.split()[1][positions], groups)

    first, second, error = figures(study.noise_that_fools(judges[0], test_set.images), test_set, faces, judges)
    true_first, true_second, true_error = figures(oracle, test_set, faces, judges)
    _, _, copy_error = figures(lambda positions, _: test_set.images[positions], test_set, faces, judges)
    assert first > 0.95
    assert second < 0.5
    assert min(true_first, true_second) > 0.75
    assert true_error == 0
    assert error > 0.85 * copy_error


@pytest.mark.slow
def test_noise_stays_within_its_bound(judges, test_set, study):
    everyone = torch.arange(20)
    results = study.noise_that_fools(judges[0], test_set.images)(everyone, [Group(0, 1)])
    assert (results.short() - test_set.images[:20].short()).abs().max() <= study.LEVELS
