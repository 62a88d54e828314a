"""The contract of a data set: it gives images by position, at one size, all known labels, and a fixed split."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import AfterValidator, Field, PositiveInt
from torch import Tensor

from sgbench.data.labels import Attribute, Group
from sgbench.data.sources.photographs import Box, centred_square
from sgbench.support.errors import UserError
from sgbench.support.settings_model import SettingsModel

IMAGE_SIZES = (32, 64, 128, 256)


class SourceSettings(SettingsModel):
    """Settings that every data set has. A data set can add more."""

    image_size: Literal[IMAGE_SIZES] = 128
    """Side of the square images in pixels: 32, 64, 128 or 256."""
    attributes: tuple[Annotated[str, AfterValidator(partial(unicodedata.normalize, "NFC"))], ...] = Field(min_length=1)
    """Names of the attributes that are translated."""
    num_test: PositiveInt | None = None
    """Images that are kept for testing; null for 5,000, or a fifth of fewer than 25,000 images."""
    split: Literal["random", "first"] = "random"
    """Whether test images are drawn at random or are the first ones."""
    split_seed: int = 0
    """Seed of that draw."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training images that settings are chosen by."""
    scored_on: Literal["test", "validation"] = "test"
    """With validation these take the place of the test images, and nothing is trained on them; pixels of test images
    are left alone."""


class Source(ABC):
    """A data set, built as ``Source(settings)``; it can be pickled.

    Several processes ask for its images, each in one thread. A class from outside the package is asked for all else in
    one thread too.

    A data set whose files say which images are for testing overrides ``num_test`` and ``split``.

    Attributes:
        attributes: the attributes that the settings name, in that order.
        labels: int8 [N, J] of all images, as data.labels defines them.
        ids: N names that stay the same between runs.
        fingerprint: a hash that changes whenever an image or a label would change.
        notes: sentences that a reader of the report must know about these images.
    """

    Settings: ClassVar[type[SourceSettings]]
    name: ClassVar[str]
    drawn: ClassVar[bool] = False
    """Whether images are drawn by a program, so that judges can see nearly all of their attributes."""

    settings: SourceSettings
    attributes: tuple[Attribute, ...]
    labels: Tensor
    ids: Sequence[str]
    fingerprint: str
    notes: Sequence[str] = ()

    @classmethod
    def called(cls, settings: SourceSettings) -> str:
        """What these data are called in the name of a study: letters, digits and ``._-``."""
        return cls.name

    @classmethod
    def frame(cls, width: int, height: int) -> Box | None:
        """What is kept of a photograph of this size, as of the data set's own; None of one that it has no crop for."""
        return centred_square(width, height)

    def times(self) -> np.ndarray | None:
        """A number for each image that changes when its file is written to, int64 [N]; None without files."""
        return None

    @abstractmethod
    def read(self, index: int) -> np.ndarray:
        """One image at the settings' size, uint8 [3, S, S]; the same in every process."""

    def read_many(self, index: Sequence[int]) -> np.ndarray:
        """Several images, uint8 [n, 3, S, S]."""
        return np.stack([self.read(i) for i in index])

    def num_test(self) -> int:
        """Size of the test set: as set, else the paper's 5,000, or a fifth of the images if there are under 25,000."""
        default = 5000 if len(self.ids) >= 25_000 else max(1, len(self.ids) // 5)
        return self.settings.num_test or default

    def split(self) -> tuple[Tensor, Tensor]:
        """Positions of the training and test images, int64, ascending.

        Raises:
            UserError: the test set would leave no image to train on.
        """
        total, num_test = len(self.ids), self.num_test()
        if num_test >= total:
            raise UserError(f"data.num_test is {num_test}, but there are only {total} images: choose fewer")
        if self.settings.split == "first":
            order = np.arange(total)
        else:
            order = np.random.default_rng([self.settings.split_seed, 0x7E57]).permutation(total)
        return torch.from_numpy(np.sort(order[num_test:])), torch.from_numpy(np.sort(order[:num_test]))

    def scored_split(self) -> tuple[Tensor, Tensor]:
        """Positions of the images to train on and of those to score, int64, ascending.

        Raises:
            UserError: a part would be empty.
        """
        train, test = self.split()
        if self.settings.scored_on == "test":
            return train, test
        number = max(1, round(self.settings.validation * len(train)))
        if number >= len(train):
            raise UserError(f"data.validation leaves none of {len(train)} images to train on: choose a smaller share")
        order = np.random.default_rng([self.settings.split_seed, 0x7A11D]).permutation(len(train))
        return train[np.sort(order[number:])], train[np.sort(order[:number])]

    def counterfactual(self, index: Tensor, groups: Sequence[Group]) -> Tensor | None:
        """The same images with ``groups`` set, uint8 [n, 3, S, S]; None if the data set does not know them."""
        return None

    def background(self, index: Tensor) -> Tensor | None:
        """Pixels that show only background, bool [n, S, S]; None if the data set does not know them."""
        return None


def choose_attributes(wanted: Sequence[str], offered: Sequence[Attribute], where: str) -> tuple[Attribute, ...]:
    """The attributes with these names, in the order of ``wanted``.

    Raises:
        UserError: a name is unknown or given twice.
    """
    by_name = {a.name: a for a in offered}
    check_names(wanted, by_name, where)
    return tuple(by_name[name] for name in wanted)


def check_names(wanted: Sequence[str], offered: Collection[str], where: str) -> None:
    """Refuse names of attributes that a data set does not have.

    Raises:
        UserError: a name is unknown or given twice.
    """
    for name in wanted:
        if name not in offered:
            raise UserError(
                f"unknown attribute '{name}'; those of {where} are {', '.join(offered)}: choose with --attributes"
            )
    if len(set(wanted)) < len(wanted):
        raise UserError(f"attributes: {', '.join(wanted)}: one is named twice")


def existing(path: Path, what: str) -> Path:
    """The path if it exists.

    Raises:
        UserError: nothing is there.
    """
    if not path.exists():
        raise UserError(f"{path}: no {what} there")
    return path
