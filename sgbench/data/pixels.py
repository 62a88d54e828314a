"""Pixels as 8 bits and as floats: level v is the float v / 127.5 - 1, so that 0..255 become [-1, 1]."""

import numpy as np
import torch
from torch import Tensor

LEVEL = 1 / 127.5
"""One level of an 8-bit image, as a float."""


def to_floats(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Floats in [-1, 1] of uint8 images of any shape, on their device."""
    return images.to(dtype).div(127.5).sub(1)


def to_bytes(images: Tensor) -> Tensor:
    """8-bit levels of floats in [-1, 1], clamped and rounded (halves to even): uint8 on the CPU."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def to_mirrored_floats(images: Tensor, mirrored: Tensor, device: torch.device) -> Tensor:
    """Floats of images on a device, some of them mirrored.

    What costs is moving bytes: 8-bit images are mirrored, in place, and sent. On a CPU numpy computes; torch's threads
    take longer to meet than this takes, many times so while other processes want the cores.

    Args:
        images: uint8 [n, 3, S, S] on the CPU; changed in place.
        mirrored: bool [n].
    """
    if device.type != "cpu":
        x, mirrored = images.to(device), mirrored.to(device)
        return to_floats(torch.where(mirrored[:, None, None, None], x.flip(-1), x))
    pixels = images.numpy()
    for k in mirrored.nonzero().flatten().tolist():
        pixels[k] = pixels[k, :, :, ::-1]
    x = np.empty(pixels.shape, np.float32)
    np.divide(pixels, np.float32(127.5), out=x, dtype=np.float32)
    np.subtract(x, np.float32(1), out=x)
    return torch.from_numpy(x)
