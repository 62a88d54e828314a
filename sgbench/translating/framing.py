"""Photographs as a trained system wants them, and results put back at their place."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sgbench.data.sources.photographs import Box, centred_square, framed, open_photograph
from sgbench.support.global_state import foreign
from sgbench.translating.systems import TrainedSystem


@dataclass(frozen=True)
class Framed:
    """A photograph and the part of it that is translated.

    Attributes:
        whole: upright, 8-bit RGB.
        image: uint8 [1, 3, S, S], the part as in training.
        as_trained: whether the data set of the training would crop a photograph of this shape so.
        profile: what the colours mean (ICC), if the file says so for RGB.
    """

    whole: Image.Image
    box: Box
    image: Tensor
    as_trained: bool

    @property
    def profile(self) -> bytes | None:
        """What the colours mean (ICC), if the file says so."""
        return self.whole.info.get("icc_profile")

    def pasted(self, result: Image.Image) -> Image.Image:
        """The photograph with a result at the place of what was translated; all else is as it was."""
        left, upper, right, lower = self.box
        whole = self.whole.copy()
        whole.paste(result.resize((right - left, lower - upper), Image.Resampling.BICUBIC), (left, upper))
        return whole


def open_framed(path: Path, system: TrainedSystem) -> Framed:
    """Read a photograph, cropped and resized as in the system's training.

    Raises:
        UserError: the file cannot be decoded.
    """
    whole = open_photograph(path)
    box = centred_square(*whole.size)
    if system.source is not None:
        with foreign(f"data set {system.source.name}"):
            box = system.source.frame(*whole.size)
    known = box is not None
    box = box or centred_square(*whole.size)
    return Framed(whole, box, torch.from_numpy(framed(whole, box, system.image_size).copy())[None], known)


def as_picture(image: Tensor) -> Image.Image:
    """uint8 [3, S, S] as a picture."""
    return Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
