"""A data set of one's own: discs on grey, small or large, red or blue.

A config names it: ``data: {class: "discs:Discs", ...}``.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from sgbench.data.labels import Attribute, Group
from sgbench.data.source import Source, SourceSettings, choose_attributes

ATTRIBUTES = (Attribute("size", ("small", "large")), Attribute("colour", ("red", "blue")))


class Discs(Source):
    """Disc i depends on its number alone, so that an image is the same at each call and in each process."""

    name = "discs"

    class Settings(SourceSettings):
        """What this data set can be told, beside the size of images, attributes and split."""

        num_images: PositiveInt = 1000

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        self.attributes = choose_attributes(settings.attributes, ATTRIBUTES, "the discs")
        self.columns = [ATTRIBUTES.index(attribute) for attribute in self.attributes]
        numbers = torch.arange(settings.num_images)
        self.truth = torch.stack([numbers % 2, numbers // 2 % 2], 1).to(torch.int8)
        self.labels = self.truth[:, self.columns]
        self.ids = [f"disc-{number:05d}" for number in numbers.tolist()]
        # Whatever changes an image or a label must change this text.
        about = f"discs 1 {settings.num_images} {settings.image_size} {settings.attributes}"
        self.fingerprint = hashlib.sha256(about.encode()).hexdigest()

    def read(self, index: int) -> np.ndarray:
        """One image, uint8 [3, S, S]."""
        return self.drawn(index, self.truth[index].tolist())

    def counterfactual(self, index: Tensor, groups: Sequence[Group]) -> Tensor:
        """The same discs with other values, uint8 [n, 3, S, S]. A data set that does not know them leaves this out."""
        images = []
        for number in index.tolist():
            values = self.truth[number].tolist()
            for attribute, value in groups:
                values[self.columns[attribute]] = value
            images.append(self.drawn(number, values))
        return torch.from_numpy(np.stack(images))

    def drawn(self, number: int, values: Sequence[int]) -> np.ndarray:
        """A disc with these values of all attributes, at a place that follows from its number."""
        size = self.settings.image_size
        x, y = np.random.default_rng(number).uniform(0.4, 0.6, 2)
        across, down = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
        inside = np.hypot(across - x, down - y) < (0.2, 0.35)[values[0]]
        image = np.full((3, size, size), 128, np.uint8)
        image[:, inside] = np.array([(200, 40, 40), (40, 40, 200)][values[1]], np.uint8)[:, None]
        return image
