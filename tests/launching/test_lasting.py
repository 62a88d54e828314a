"""A method that keeps what it learns where it is not saved, or returns another scale, is told of before it is done."""

import os
import random
import warnings
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from baselines.attgan import AttGAN
from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from baselines.stgan import STGAN
from sgbench.data.labels import Attribute, sparsify
from sgbench.launching.job import run_job
from sgbench.launching.lasting import LastingCheck, unkept
from sgbench.methods.contract import Method, MethodSettings, update
from sgbench.methods.sggan import SGGAN
from sgbench.plan.job import Job
from sgbench.results.job_folder import JobFolder
from sgbench.results.origin import LOST
from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import UserError
from sgbench.training.loop import Loop, train

CPU = torch.device("cpu")
ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
SETTINGS = {"iterations": 4, "constant_iterations": 2, "batch_size": 4, "base_width": 4}


class Images(torch.Tensor):
    """Packed images, as far as a job asks of them."""

    fingerprint = "data"


class Toy(Method):
    display_name, key = "Toy", "toy"

    def __init__(self, attributes, image_size, settings, labels):
        super().__init__()
        self.attributes, self.settings = attributes, settings
        self.net = nn.Conv2d(3, 3, 1)
        self.optimizers = {"g": torch.optim.Adam(self.parameters(), lr=settings.learning_rate)}

    def step(self, batches, iteration):
        return update(self.optimizers["g"], {"loss": self.net(batches[0].images).square().mean()})

    def edit(self, images, labels, group):
        return torch.tanh(self.net(images))


class Mean(Toy):
    key = "mean"

    def __init__(self, *given):
        super().__init__(*given)
        self.mean = torch.zeros(3, 1, 1)

    def step(self, batches, iteration):
        self.mean = self.mean + 0.05
        return super().step(batches, iteration)

    def edit(self, images, labels, group):
        return 0.5 * images + self.mean


class Kept(Mean):
    key = "kept"

    def __init__(self, *given):
        super().__init__(*given)
        del self.mean
        self.register_buffer("mean", torch.zeros(3, 1, 1))


class Late(Toy):
    """Makes a network when it is first needed."""

    key = "late"

    def step(self, batches, iteration):
        self.late = nn.Conv2d(3, 3, 1)
        return super().step(batches, iteration)


class Drawing(Toy):
    """With a generator of its own."""

    key = "drawing"

    def __init__(self, *given):
        super().__init__(*given)
        self.generator = torch.Generator().manual_seed(0)

    def edit(self, images, labels, group):
        return torch.rand(images.shape, generator=self.generator) * 2 - 1


class Unit(Toy):
    key = "unit"

    def edit(self, images, labels, group):
        return (images + 1) / 2


class Running(Toy):
    """Weights its loss by numbers that it keeps."""

    key = "running"

    def __init__(self, *given):
        super().__init__(*given)
        self.running, self.fixed, self.nested = 0.0, 3, {"a": [torch.zeros(2)]}

    def step(self, batches, iteration):
        self.running += 1.0
        self.nested["a"][0] += 1
        return super().step(batches, iteration)


class Pool:
    """Earlier results."""

    def __init__(self):
        self.kept, self.drawn = deque(), torch.Generator().manual_seed(1)


class Silencing(Toy):
    """Keeps earlier results, and lets nobody warn."""

    key = "silencing"

    def __init__(self, *given):
        super().__init__(*given)
        self.pool, self.parts, self.made_when_used = Pool(), [self.net, self.optimizers], None

    def step(self, batches, iteration):
        warnings.filterwarnings("ignore")
        self.pool.kept.append(iteration)
        self.made_when_used = object()
        return super().step(batches, iteration)


class Wandering(Toy):
    """Changes the working directory."""

    key = "wandering"

    def step(self, batches, iteration):
        os.chdir(Path("elsewhere").absolute() if Path("elsewhere").exists() else ".")
        return super().step(batches, iteration)


class DrawingItsOwn(Toy):
    """Draws from a generator of its own."""

    key = "drawing_its_own"

    def __init__(self, *given):
        super().__init__(*given)
        self.generators = [torch.Generator().manual_seed(1), np.random.default_rng(1), random.Random(1)]

    def step(self, batches, iteration):
        torch.rand(1, generator=self.generators[0])
        return super().step(batches, iteration)


class Batched(Toy):
    """Keeps statistics of batches: a buffer, which pictures of samples leave alone."""

    key = "batched"

    def __init__(self, *given):
        super().__init__(*given)
        self.norm = nn.BatchNorm2d(3, affine=False)

    def step(self, batches, iteration):
        self.norm(batches[0].images)
        return super().step(batches, iteration)

    def edit(self, images, labels, group):
        return torch.tanh(self.norm(images))


def job_of(cls, precision="float32", **settings):
    attributes = ATTRIBUTES[:1] if cls.one_attribute else ATTRIBUTES
    truth = torch.randint(2, (20, len(attributes)), generator=torch.Generator().manual_seed(5)).to(torch.int8)
    own = getattr(cls, "Settings", MethodSettings)(**SETTINGS | settings)
    entry = SimpleNamespace(
        cls=cls, settings=own, name=cls.key, slug=cls.key, at_test={}, source_labels=cls.source_labels(own)
    )
    columns = tuple(range(len(attributes)))
    labels = sparsify(truth, attributes, 5, 0)
    return Job(entry, 5, 0, columns, attributes, 32, precision, labels, "data", torch.arange(20))


def images():
    drawn = torch.randint(256, (20, 3, 32, 32), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    return drawn.as_subclass(Images)


def trained(cls, tmp_path, precision="float32", **settings):
    job = job_of(cls, precision, **settings)
    run_job(job, images(), RunFolder(tmp_path), CPU, Loop(num_samples=2))
    return RunFolder(tmp_path).job(job.name)


def interrupted(cls, tmp_path):
    """A job with a checkpoint of its second iteration."""
    job = job_of(cls)
    folder = RunFolder(tmp_path).job(job.name)
    folder.prepare()
    folder.write_identity({}, {}, "", "", {}, {"device": "another"})
    train(job.build(), job.batches(images(), CPU), folder, 0, until=2)


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cls", [SGGAN, StarGAN, ResidualGAN, SemiStarGAN, AttGAN, STGAN])
@pytest.mark.filterwarnings("error")
def test_the_suites_methods_keep_all_that_they_learn(cls, precision, tmp_path):
    short = {"iterations": 2, "constant_iterations": 1}
    assert trained(cls, tmp_path / "runs", precision, **short).is_done()
    job = job_of(cls, precision, **short)
    method = job.build()
    train(method, job.batches(images(), CPU), JobFolder(tmp_path), 0, precision)
    assert unkept(method, job.build()) == []


@pytest.mark.parametrize("cls", [Kept, Drawing, Batched])
def test_buffers_last_and_draws_are_left_to_scoring(cls, tmp_path):
    assert trained(cls, tmp_path).is_done()


@pytest.mark.parametrize(
    ("cls", "told"),
    [
        (
            Mean,
            "iteration 2: Toy: keeps state that edit needs outside its state dict, where it is lost; register it as a",
        ),
        (Late, r"iteration 2: Toy: its state cannot be loaded into a new instance \("),
        (Unit, r"iteration 4: Toy returned nothing below 0: expected are floats in \[-1, 1\], not in \[0, 1\]"),
    ],
)
def test_what_could_not_be_scored_is_refused_before_the_job_is_done_and_each_time(cls, told, tmp_path):
    for _ in range(2):
        with pytest.raises(UserError, match=told):
            trained(cls, tmp_path)
    assert not RunFolder(tmp_path).job(job_of(cls).name).is_done()


def test_numbers_that_an_interruption_lost_are_named(tmp_path):
    interrupted(Running, tmp_path)
    with pytest.warns(UserWarning, match="Toy: running, nested: changed in training and are not in its state dict, so"):
        assert trained(Running, tmp_path).is_done()


@pytest.mark.parametrize(
    ("cls", "lost"), [(Silencing, "pool"), (DrawingItsOwn, "generators"), (Running, "running, nested")]
)
def test_what_was_lost_is_told_whatever_the_method_silences_and_is_kept_for_the_report(cls, lost, tmp_path):
    interrupted(cls, tmp_path)
    with pytest.warns(UserWarning, match=f"Toy: {lost}: changed in training"):
        folder = trained(cls, tmp_path)
    assert folder.origin()[LOST] == lost


@pytest.mark.parametrize("cls", [Toy, Kept])
@pytest.mark.filterwarnings("error")
def test_a_job_that_goes_on_is_told_of_nothing_else(cls, tmp_path):
    interrupted(cls, tmp_path)
    folder = trained(cls, tmp_path)
    assert folder.is_done()
    made = folder.origin()
    assert made["device"].startswith("CPU")
    assert made["earlier"] == [{"device": "another"}]  # what trained a part of it


def test_a_method_that_changes_the_working_directory_is_kept_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    folder = trained(Wandering, Path("runs"))
    assert folder.is_done()
    assert folder.checkpoint.is_file()
    assert [*(tmp_path / "elsewhere").iterdir()] == []


@pytest.mark.filterwarnings("error")
def test_a_job_that_was_not_interrupted_lost_nothing(tmp_path):
    folder = trained(Running, tmp_path)
    assert folder.is_done()
    assert "earlier" not in folder.origin()


def test_a_trial_leaves_modes_and_statistics_as_they_are(tmp_path):
    job = job_of(Batched)
    method = job.build().train()
    method.net.eval()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    x = torch.rand(3, 3, 32, 32) * 2 - 1
    LastingCheck(job, JobFolder(tmp_path), x, torch.zeros(3, 2, dtype=torch.int8)).run(method, 1)
    assert [method.training, method.net.training, method.norm.training] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    assert JobFolder(tmp_path).sample(1).is_file()
