"""The Inception network of 2015 (TF-FID). The Inception Score, FID and KID are computed from its logits and features.

Source: Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016); architecture and resize are
torch-fidelity's. Departures: weights are loaded with ``weights_only=True`` from an existing file, never downloaded,
and convolutions on a GPU run without TF32.
"""

from collections.abc import Mapping
from io import BytesIO

import torch
from torch import Tensor, nn

from sgbench.features.weights import INCEPTION_FILE, WeightsFile
from sgbench.support.errors import UserError, one_line
from sgbench.support.tensors import load_tensors

_WANTED = f"give {INCEPTION_FILE}, or a file of the same tensors"


class Inception(nn.Module):
    """Features and logits: uint8 [N, 3, S, S] of any S -> float32 [N, 2048] and float32 [N, 1008].

    Images are resized to 299 as TensorFlow 1 does. The features come from the last pooling layer. The logits leave
    out the last layer's bias. The network is frozen and always in evaluation mode.
    """

    def __init__(self, state: Mapping[str, Tensor]):
        """Build the network with the weights in ``state``.

        Raises:
            RuntimeError: ``state`` does not fit this architecture.
        """
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        super().__init__()
        file = BytesIO()  # the constructor unpickles any file, so it gets one that holds only tensors
        torch.save(state, file)
        file.seek(0)
        features = ["2048", "logits_unbiased"]
        self.network = FeatureExtractorInceptionV3("inception-v3-compat", features, feature_extractor_weights_path=file)
        self.eval()

    def train(self, mode: bool = True) -> "Inception":
        """Stay in evaluation mode, whatever ``mode`` is."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and unbiased logits of a batch.

        Raises:
            ValueError: the images are not uint8 [N, 3, S, S].
        """
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self.network(images)

    def extract(self, images: Tensor, batch_size: int = 32) -> tuple[Tensor, Tensor]:
        """Features and unbiased logits of any number of images, in batches on the network's device; both on the CPU."""
        device = self.network.fc.weight.device
        parts = [[x.cpu() for x in self(part.to(device))] for part in images.split(batch_size)]
        features, logits = (torch.cat(part) for part in zip(*parts, strict=True))
        return features, logits


def load_inception(weights: WeightsFile, device: torch.device) -> Inception:
    """The network with the weights of a file, on a device.

    Raises:
        UserError: there is no file, or it does not hold the state dict of this network.
    """
    if weights.path is None:
        raise UserError(weights.problem)
    try:
        state = load_tensors(weights.path)
    except Exception as error:  # a broken file can raise many kinds of errors
        raise UserError(f"{weights.path}: not a file of weights ({one_line(error, 200)}); {_WANTED}") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(
            f"{weights.path}: not torch-fidelity's Inception weights: it holds no state dict of tensors; {_WANTED}"
        )
    try:
        return Inception(state).to(device)
    except RuntimeError as error:
        raise UserError(
            f"{weights.path}: not torch-fidelity's Inception weights: {one_line(error, 200)}; {_WANTED}"
        ) from error
