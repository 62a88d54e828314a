"""Embedded faces: procedural portraits whose labels follow CelebA, so that everything runs without a download.

Face i depends only on (seed, i) and is the same picture at every size. Each label is drawn given the earlier ones. The
frequencies are those measured on 20,000 rows of CelebA, except for lipstick:

- P(male) = .42; P(smiling | female) = .54, P(smiling | male) = .40
- hair of women: black .203, blond .241, else brown (none); of men: black .296, blond .022, else brown
- P(painted lips | female, neutral) = .69, (female, smiling) = .80, (male) = .08
- P(pale | female, black) = .041, (female, blond) = .069, (female, brown) = .054, (male) = .026

The phi coefficients are gender-lipstick -.66, gender-blond (among black and blond) -.46, lipstick-blond (likewise)
.29, smile-lipstick .16, gender-smile -.14. In CelebA only .006 of men wear lipstick, and gender-lipstick is -.80. Here
the overall share .47 is kept, but more men have painted lips, so that a judge can tell the two attributes apart.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from sgbench.data.faces.drawing import draw
from sgbench.data.faces.factors import Factors
from sgbench.data.labels import NONE, Group
from sgbench.data.source import Source, SourceSettings, choose_attributes
from sgbench.data.sources.attributes import ATTRIBUTES

MIN_SIZE, MAX_SIZE = 32, 256
SUPERSAMPLE_BELOW = 64
CHUNK_PIXELS = 1 << 16


@dataclass(frozen=True)
class Faces:
    """The embedded faces of a seed; any index >= 0 is a face."""

    seed: int = 0

    def labels(self, index: Tensor) -> Tensor:
        """True labels: int8 [N, 5] of faces ``index`` int64 [N]."""
        factors = Factors(self.seed, index)
        draws = {a.name: factors.raw("label/" + a.name)[:, 0] for a in ATTRIBUTES}
        male = draws["gender"] < 0.42
        smiling = draws["smile"] < torch.where(male, 0.40, 0.54)
        black = draws["hair_color"] < torch.where(male, 0.296, 0.203)
        blond = draws["hair_color"] > 1 - torch.where(male, 0.022, 0.241)
        painted = draws["lipstick"] < torch.where(male, 0.08, torch.where(smiling, 0.80, 0.69))
        female_pale = torch.where(black, 0.041, torch.where(blond, 0.069, 0.054))
        pale = draws["pale_skin"] < torch.where(male, 0.026, female_pale)
        hair = torch.where(black, 0, torch.where(blond, 1, NONE))
        return torch.stack([male, smiling, hair, painted, pale], 1).to(torch.int8)

    def render(self, index: Tensor, size: int) -> Tensor:
        """The faces: uint8 [N, 3, size, size], RGB.

        Raises:
            ValueError: the size is not within 32 to 256.
        """
        return self.counterfactual(index, (), size)

    def counterfactual(self, index: Tensor, groups: Sequence[Group], size: int) -> Tensor:
        """The same faces with every group of ``groups`` set and nothing else changed: uint8 [N, 3, size, size].

        Raises:
            ValueError: bad size, a group that does not exist, or two groups of one attribute.
        """
        _check(size, groups)
        parts = [self._draw(part, groups, size)[0] for part in _chunks(index, size)]
        return torch.cat(parts) if parts else torch.empty(0, 3, size, size, dtype=torch.uint8)

    def background_mask(self, index: Tensor, size: int) -> Tensor:
        """Pixels that show only background, with either gender: bool [N, size, size].

        Raises:
            ValueError: the size is not within 32 to 256.
        """
        _check(size, ())
        masks = [
            self._draw(part, [Group(0, 0)], size)[1] & self._draw(part, [Group(0, 1)], size)[1]
            for part in _chunks(index, size)
        ]
        return torch.cat(masks) if masks else torch.empty(0, size, size, dtype=torch.bool)

    def _draw(self, index: Tensor, groups: Sequence[Group], size: int) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, 3, size, size] and background masks of one chunk."""
        true_labels = self.labels(index)
        labels = true_labels.clone()
        for attribute, value in groups:
            labels[:, attribute] = value
        doubled = size < SUPERSAMPLE_BELOW
        image, covered = draw(Factors(self.seed, index), true_labels, labels, size * 2 if doubled else size)
        if doubled:
            image, covered = _halve(image), _halve(covered)
        return (image * 255 + 0.5).to(torch.uint8), covered[:, 0] == 0


class EmbeddedFaces(Source):
    """The embedded faces as a data set."""

    name = "faces"
    drawn = True

    class Settings(SourceSettings):
        """How many faces, and which."""

        num_images: int = Field(10_000, ge=1, le=1_000_000)
        seed: NonNegativeInt = 0

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        self.faces = Faces(settings.seed)
        self.attributes = choose_attributes(settings.attributes, ATTRIBUTES, "the embedded faces")
        self._columns = [ATTRIBUTES.index(a) for a in self.attributes]
        everyone = torch.arange(settings.num_images)
        self.labels = self.faces.labels(everyone)[:, self._columns]
        self.ids = [f"face-{settings.seed}-{i:06d}" for i in range(settings.num_images)]
        self.fingerprint = _fingerprint(settings)

    def read(self, index: int) -> np.ndarray:
        return self.read_many([index])[0]

    def read_many(self, index: Sequence[int]) -> np.ndarray:
        return self.faces.render(torch.tensor(index), self.settings.image_size).numpy()

    def counterfactual(self, index: Tensor, groups: Sequence[Group]) -> Tensor:
        face_groups = [Group(self._columns[group.attribute], group.value) for group in groups]
        return self.faces.counterfactual(index, face_groups, self.settings.image_size)

    def background(self, index: Tensor) -> Tensor:
        return self.faces.background_mask(index, self.settings.image_size)


def _fingerprint(settings: EmbeddedFaces.Settings) -> str:
    """SHA-256 of settings, all labels and a few rendered faces, so that it changes when the renderer changes."""
    faces, probe = Faces(settings.seed), torch.arange(3)
    key = hashlib.sha256(f"{settings.seed} {settings.num_images} {settings.image_size}".encode())
    key.update(faces.render(probe, settings.image_size).numpy().tobytes())
    key.update(faces.labels(torch.arange(settings.num_images)).numpy().tobytes())
    return key.hexdigest()


def _halve(plane: Tensor) -> Tensor:
    """Box-average 2 x 2 pixels."""
    rows = plane[:, :, 0::2] + plane[:, :, 1::2]
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


def _chunks(index: Tensor, size: int) -> tuple[Tensor, ...]:
    return index.split(max(1, CHUNK_PIXELS // size**2)) if len(index) else ()


def _check(size: int, groups: Sequence[Group]) -> None:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise ValueError(f"embedded faces have sizes {MIN_SIZE} to {MAX_SIZE}, not {size}")
    for group in groups:
        if not 0 <= group[0] < len(ATTRIBUTES) or not 0 <= group[1] < len(ATTRIBUTES[group[0]].values):
            raise ValueError(f"embedded faces have no group {tuple(group)}")
    if len({group[0] for group in groups}) < len(groups):
        raise ValueError(f"two groups of one attribute: {[tuple(group) for group in groups]}")
