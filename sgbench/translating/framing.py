"""Photographs as a trained system wants them, and results put back at their place."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sgbench.data.sources.decoding import Photograph, open_photograph
from sgbench.data.sources.photographs import Box, centred_square, framed
from sgbench.support.global_state import foreign
from sgbench.translating.systems import TrainedSystem


@dataclass(frozen=True)
class Framed:
    """A photograph and the part of it that is translated.

    Attributes:
        whole: upright.
        image: uint8 [1, 3, S, S], the part as in training.
        as_trained: whether the data set of the training would crop a photograph of this shape so.
    """

    whole: Photograph
    box: Box
    image: Tensor
    as_trained: bool

    def pasted(self, result: Image.Image) -> Image.Image:
        """The photograph with a result at the place of what was translated; all other pixels are as they were.

        It is as opaque as it was, within the place too.
        """
        left, upper, right, lower = self.box
        whole = self.whole.rgb.copy()
        whole.paste(result.resize((right - left, lower - upper), Image.Resampling.BICUBIC), (left, upper))
        if self.whole.alpha is not None:
            whole.putalpha(self.whole.alpha)
        return whole


def open_framed(path: Path, system: TrainedSystem) -> Framed:
    """Read a photograph, cropped and resized as in the system's training.

    Raises:
        UserError: the file cannot be decoded.
    """
    whole = open_photograph(path)
    size = whole.rgb.size
    box = centred_square(*size)
    if system.source is not None:
        with foreign(f"data set {system.source.name}"):
            box = system.source.frame(*size)
    known = box is not None
    box = box or centred_square(*size)
    return Framed(whole, box, torch.from_numpy(framed(whole.rgb, box, system.image_size).copy())[None], known)


def as_picture(image: Tensor) -> Image.Image:
    """uint8 [3, S, S] as a picture."""
    return Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
