"""LPIPS: the perceptual distance of Zhang et al., "The unreasonable effectiveness of deep features" (2018).

The networks and the published linear layers are torchmetrics'. The ImageNet weights of the backbone come from a file
that the user gives, as published by torchvision; ``sgbench fetch lpips`` gets AlexNet's. Images keep their size.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchmetrics.functional.image.lpips import _LPIPS

from sgbench.data.pixels import to_floats
from sgbench.features.weights import ALEXNET_SHA256, checked
from sgbench.metrics.image_metric import check_images
from sgbench.support.errors import UserError
from sgbench.support.tensors import load_tensors

BACKBONES = {
    "alex": ("alexnet-owt", ALEXNET_SHA256[:8]),
    "vgg": ("vgg16", "397923af"),
    "squeeze": ("squeezenet1_1", "b8a52dc0"),
}
"""torchvision's file of each backbone, <name>-<hash>.pth, and how the file's SHA-256 starts."""


@dataclass(frozen=True)
class LPIPS:
    """Distances between images.

    Attributes:
        network: the network from torchmetrics, in evaluation mode.
        definition: the backbone, and its weights if they are not torchvision's; part of a record's key.
        batch_size: pairs of images per call of the network.
    """

    network: nn.Module
    definition: str
    batch_size: int = 50

    @torch.no_grad()
    def __call__(self, results: Tensor, references: Tensor) -> Tensor:
        """Distances float64 [N], on the CPU, of two uint8 [N, 3, S, S]; 0 for identical images, without upper bound.

        Raises:
            ValueError: the images are not 8-bit images of one shape.
        """
        check_images(results=results, references=references)
        device = next(self.network.parameters()).device
        pairs = zip(results.split(self.batch_size), references.split(self.batch_size), strict=True)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            distances = [self.network(*(to_floats(x.to(device)) for x in pair)) for pair in pairs]
        return torch.cat(distances).flatten().double().cpu()


def load_lpips(path: Path, net: str = "alex", device: torch.device | str = "cpu") -> LPIPS:
    """LPIPS with the weights of a backbone.

    Args:
        path: torchvision's file of the backbone (``alexnet-owt-7be5be79.pth``), or one with the same layers.
        net: ``alex``, ``vgg`` or ``squeeze``.

    Raises:
        UserError: there is no such backbone, or the file is missing, unreadable or of another network.
    """
    if net not in BACKBONES:
        raise UserError(f"LPIPS has no backbone '{net}': give {', '.join(BACKBONES)}")
    name, published = BACKBONES[net]
    path, sha256 = checked(path)
    wanted = f"give torchvision's {name}-{published}.pth" + ", which sgbench fetch lpips gets" * (net == "alex")
    try:
        weights = load_tensors(path)
    except Exception as error:  # a broken file can raise many kinds of errors
        raise UserError(f"{path}: not a file of weights: {wanted}") from error
    network = _LPIPS(pretrained=True, net=net, pnet_rand=True)
    file_keys = {key: re.sub(r"^slices?\.?\d+\.", "features.", key) for key in network.net.state_dict()}
    try:
        network.net.load_state_dict({key: dict(weights)[file_key] for key, file_key in file_keys.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # not a dictionary, or not with these tensors
        raise UserError(f"{path}: not the weights of {name}: {wanted}") from error
    custom = "" if sha256.startswith(published) else f", custom weights {sha256[:12]}"
    return LPIPS(network.to(device), f"LPIPS 0.1, {net}{custom}")
