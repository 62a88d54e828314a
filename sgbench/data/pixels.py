"""Pixels as 8-bit levels and as floats: level v becomes the float v / 127.5 - 1, so 0..255 becomes [-1, 1]."""

import numpy as np
import torch
from torch import Tensor

LEVEL = 1 / 127.5
"""The difference between two neighbouring 8-bit levels, as a float."""


def to_floats(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Convert uint8 images of any shape to floats in [-1, 1], on the same device."""
    return images.to(dtype).div(127.5).sub(1)


def to_bytes(images: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to 8-bit levels, rounded (halves to even) and clamped: uint8 on the CPU."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def to_mirrored_floats(images: Tensor, mirrored: Tensor, device: torch.device) -> Tensor:
    """Convert images to floats on a device and mirror some of them.

    Moving bytes takes most of the time, so images are moved and mirrored as 8 bits. On a CPU, numpy is used: torch's
    threads take longer to synchronise than the computation takes, above all while other processes use the cores.

    Args:
        images: uint8 [n, 3, S, S] on the CPU; may be changed in place.
        mirrored: bool [n], the images to mirror.
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
