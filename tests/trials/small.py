"""A small method that keeps the contract, and jobs of classes like it."""

import torch
from torch import nn

from sgbench.data.labels import HIDDEN, Attribute, sparsify
from sgbench.methods.contract import Method, MethodSettings, update
from sgbench.plan.job import Job
from sgbench.settings.models import MethodEntry
from sgbench.trials.trial import Trial

ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond")))
FACES, SIZE = 24, 8


class Small(Method):
    """A convolution that learns to give the image back."""

    display_name = "Small"
    key = "small"
    Settings = MethodSettings

    def __init__(self, attributes, image_size, settings, labels):
        super().__init__()
        self.attributes, self.settings = tuple(attributes), settings
        self.generator = nn.Conv2d(3, 3, 1)
        self.optimizers = {"generator": torch.optim.Adam(self.generator.parameters(), lr=settings.learning_rate)}

    def step(self, batches, iteration):
        (batch,) = batches
        loss = (self.generator(batch.images).tanh() - batch.images).abs().mean()
        return update(self.optimizers["generator"], {"g_rec": loss})

    def edit(self, images, labels, group):
        return self.generator(images).tanh()


class Needy(Small):
    """One whose settings have no default."""

    key = "needy"

    class Settings(MethodSettings):
        """A weight."""

        weight: float


def job_of(cls, attributes=ATTRIBUTES, level=5, **settings):
    settings = {"iterations": 8, "constant_iterations": 4, "batch_size": 4} | settings
    truth = torch.arange(FACES)[:, None].bitwise_right_shift(torch.arange(len(attributes))).remainder(2)
    labels = sparsify(truth.to(torch.int8), attributes, level, 0)
    entry = MethodEntry(name="small", variant="", cls=cls, settings=cls.Settings(**settings))
    columns = tuple(range(len(attributes)))
    return Job(entry, level, 0, columns, attributes, SIZE, "float32", labels, "noise", torch.arange(FACES))


def trial_of(cls, **about):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (FACES, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return Trial(job_of(cls, **about), images, torch.device("cpu"))


def hidden(labels):
    return bool((labels == HIDDEN).all())
