"""How much of the whole image is kept: PSNR, SSIM and MS-SSIM of a result against its source image.

SSIM after Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004), MS-SSIM after
Wang et al. (2003), both as in pytorch-msssim: Gaussian windows inside the image, K1 0.01, K2 0.03, negative terms of
MS-SSIM clipped at 0, the mean over channels. Between scales 2x2 pixels are averaged, with zeros around odd sides.
Departures: everything is float64, also the window, and the window of MS-SSIM is smaller for small images, because five
scales of an 11-pixel window need images of 161 pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sgbench.metrics.background import C1, C2, CONSTANTS, PEAK, POWERS, PSNR_CAP, SIGMA, WINDOW
from sgbench.metrics.image_metric import ImageMetric, check_images
from sgbench.metrics.windows import gaussian_windows, similarity_maps

_CACHED_PIXELS = 2**15
"""Pixels that are processed at once: few enough that intermediate values stay in a processor's cache."""


class PSNR(ImageMetric):
    """PSNR in dB per image, 100 where result and source are identical, then the mean over images.

    ``terms(results, sources)``: both uint8 [N, 3, S, S] RGB.
    """

    definition = f"whole image, per image, peak {PEAK:g}, capped at {PSNR_CAP:g} dB"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        x, y = _levels(results, sources)
        error = (x - y).square().mean((1, 2, 3)).unsqueeze(1)
        return (10 * torch.log10(PEAK**2 / error)).clamp(max=PSNR_CAP)


class SSIM(ImageMetric):
    """SSIM per image, the mean over channels, then over images; from -1 to 1.

    ``terms(results, sources)``: both uint8 [N, 3, S, S] RGB, S at least 11.
    """

    definition = f"whole image, Gaussian window {WINDOW}, sigma {SIGMA:g}, {CONSTANTS}, mean over channels"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        x, y = _levels(results, sources)
        if x.shape[-1] < WINDOW:
            raise ValueError(f"images of side {x.shape[-1]} are smaller than the window of {WINDOW}")
        return _means(x, y, WINDOW)[0].mean(1, keepdim=True)


class MSSSIM(ImageMetric):
    """MS-SSIM over five scales per image, the mean over channels, then over images; from 0 to 1.

    ``terms(results, sources)``: both uint8 [N, 3, size, size] RGB.

    Raises:
        ValueError: no window of 3 pixels fits the fifth scale of images of side ``size`` (32 and less).
    """

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "MSSSIM | None":
        return cls(image_size) if ms_ssim_window(image_size) >= 3 else None

    def __init__(self, size: int) -> None:
        self.size, self.window = size, ms_ssim_window(size)
        if self.window == 1:
            raise ValueError(
                f"MS-SSIM does not exist for images of side {size}: no window of 3 pixels fits five scales"
            )
        self.definition = (
            f"whole image of {size}x{size}, Gaussian window {self.window}, sigma {SIGMA:g}, {CONSTANTS}, 5 scales with "
            f"powers {', '.join(map(str, POWERS))}, negative terms clipped at 0, mean over channels"
        )

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        x, y = _levels(results, sources)
        if x.shape[-1] != self.size:
            raise ValueError(f"images must have side {self.size}, not {x.shape[-1]}")
        columns = []
        for scale in range(len(POWERS)):
            if scale:
                x, y = (F.avg_pool2d(side, 2, padding=side.shape[-1] % 2) for side in (x, y))
            similarity, contrast = _means(x, y, self.window)
            columns.append(similarity if scale == len(POWERS) - 1 else contrast)
        scores = torch.stack(columns, 2).clamp(min=0).pow(x.new_tensor(POWERS)).prod(2)
        return scores.mean(1, keepdim=True)


def ms_ssim_window(size: int) -> int:
    """Side of MS-SSIM's window for images of side ``size``: the largest odd w up to 11 with 16 (w - 1) < size.

    3 at 64, 7 at 128, 11 from 161. Up to 32 it is 1, a window without neighbours, and MS-SSIM does not exist.
    """
    return max(w for w in range(1, WINDOW + 1, 2) if 16 * (w - 1) < size)


def _levels(results: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
    check_images(results=results, sources=sources)
    return results.double(), sources.double()


def _means(x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast term of each image and channel, float64 [N, 3] both."""
    windows = gaussian_windows(x.shape[-1], size, SIGMA).to(x)
    at_once = max(1, _CACHED_PIXELS // x.shape[-1] ** 2)
    parts = [
        [m.mean((2, 3)) for m in similarity_maps(a, b, windows, C1, C2)]
        for a, b in zip(x.split(at_once), y.split(at_once), strict=True)
    ]
    similarity, contrast = (torch.cat(part) for part in zip(*parts, strict=True))
    return similarity, contrast
