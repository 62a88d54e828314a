"""STGAN (Liu et al., CVPR 2019): a generator that is told the difference of the attributes, and selects what it keeps.

Source: the official code (csmliu/STGAN). An image is reconstructed from a difference of zeros, which takes no label, so
with sparse labels this is over every image. Edits begin from the known labels and the discriminator's classification of
the others; classification is over known entries, and targets are complete vectors. Departures: the rate falls linearly
over the second half, not to a tenth at once; statistics of batch norms begin as an even mean.
"""

from collections.abc import Sequence

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from sgbench.data.labels import Attribute
from sgbench.methods.contract import Batch
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.editing import EditingMethod, EditingSettings
from sgbench.methods.encoder_decoder import EncoderDecoder, with_vectors


class SelectiveTransferUnit(nn.Module):
    """Decides what of an encoder's map is kept and what is made anew of the state of the unit below.

    Args:
        state_channels: of the state of the unit below, with the vector.
        channels: of the map, of the new state and of the result.
    """

    def __init__(self, state_channels: int, channels: int):
        super().__init__()
        self.raise_state = SameConvTranspose2d(state_channels, channels, 4, 2)
        self.gates = SameConv2d(2 * channels, 2 * channels, 3)
        self.inform = SameConv2d(2 * channels, channels, 3)

    def forward(self, encoded: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        """Result and new state [N, C, h, w], from a map of that shape and the state below [N, C', h / 2, w / 2]."""
        state = self.raise_state(below)
        reset, renew = self.gates(torch.cat([encoded, state], 1)).sigmoid().chunk(2, 1)
        kept = reset * state
        information = torch.tanh(self.inform(torch.cat([encoded, kept], 1)))
        return torch.lerp(state, information, renew), kept


class STGANGenerator(EncoderDecoder):
    """The decoder gets what the units select of the encoder's maps, and the vector before each of its layers."""

    def __init__(self, widths: Sequence[int], num_entries: int):
        super().__init__(widths, num_entries, num_injected=len(widths) - 1)
        below = [width + num_entries for width in widths[1:]]
        self.units = nn.ModuleList(
            SelectiveTransferUnit(*channels) for channels in zip(below[::-1], widths[-2::-1], strict=True)
        )

    def decode(self, maps: Sequence[Tensor], vectors: Tensor) -> Tensor:
        """The encoder's maps and differences [N, c] -> images [N, 3, S, S] in [-1, 1]."""
        state, selected = maps[-1], [maps[-1]]
        for unit, encoded in zip(self.units, maps[-2::-1], strict=True):
            result, state = unit(encoded, with_vectors([state], vectors))
            selected.insert(0, result)
        return self.decoder(selected, vectors)


class STGAN(EditingMethod):
    """STGAN: the generator is told target minus source, in {-1, 0, 1}."""

    display_name = "STGAN"
    key = "stgan"

    class Settings(EditingSettings):
        """Defaults are those of the official code: 200 epochs of 182,000 images, six batches an iteration."""

        iterations: PositiveInt = 189_400
        constant_iterations: NonNegativeInt = 94_700

    settings: Settings

    def __init__(self, attributes: Sequence[Attribute], image_size: int, settings: Settings, labels: Tensor):
        super().__init__(attributes, image_size, settings, labels)
        for unit in self.generator.units:
            for gate in unit.gates.weight.chunk(2):  # each begins as a convolution of its own
                nn.init.xavier_uniform_(gate)

    def make_generator(self, widths: Sequence[int], num_entries: int) -> STGANGenerator:
        """Shortcuts through selective transfer units at every level."""
        return STGANGenerator(widths, num_entries)

    def told(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Differences; of two equal vectors zeros."""
        return targets - sources

    @torch.no_grad()
    def sources(self, batch: Batch, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Known entries, and what the discriminator takes for the others. Every image counts."""
        vectors, known = self.codec.encode(batch.labels)
        if self.targets.pool is not None:  # some training labels are hidden
            vectors = torch.where(known, vectors, self.guess(batch.images))
        return vectors, torch.ones_like(known[:, 0])
