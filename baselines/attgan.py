"""AttGAN (He et al., TIP 2019): an encoder, and a decoder that is told the attributes that the result shall have.

Source: the official code (LynnHo/AttGAN-Tensorflow). Self-reconstruction is over images whose every label is known,
classification over known entries, and targets are complete vectors, as StarGAN has them for sparse labels. Departures:
the rate falls linearly in every iteration, not from epoch to epoch; statistics of batch norms begin as an even mean.
"""

from collections.abc import Sequence

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from sgbench.methods.contract import Batch
from sgbench.methods.editing import EditingMethod, EditingSettings
from sgbench.methods.encoder_decoder import EncoderDecoder


class AttGAN(EditingMethod):
    """AttGAN: the decoder is told the target vector in {-1, 1}, before its first layer and after it."""

    display_name = "AttGAN"
    key = "attgan"

    class Settings(EditingSettings):
        """Defaults are those of the official code: 60 epochs of 182,000 images, six batches an iteration."""

        iterations: PositiveInt = 56_870
        constant_iterations: NonNegativeInt = 28_435

    settings: Settings

    def make_generator(self, widths: Sequence[int], num_entries: int) -> EncoderDecoder:
        """One shortcut from the encoder, and with it the vector once more."""
        return EncoderDecoder(widths, num_entries, num_injected=1)

    def told(self, sources: Tensor, targets: Tensor) -> Tensor:
        """The target vectors in {-1, 1}, whatever the source is."""
        return 2 * targets - 1

    def sources(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Complete vectors, which count. Other images take their targets' place, and do not.

        So the statistics of a batch are those of vectors that images can have.
        """
        vectors, known = self.codec.encode(batch.labels)
        complete = known.all(1)
        return torch.where(complete[:, None], vectors, targets), complete
