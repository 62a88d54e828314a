"""How well the background is kept: the top-left corner of a result is compared with that of the source image.

MS-SSIM follows the Python code in use at the paper's time (tensorflow/models, compression ``msssim.py``), whose window
shrinks to the image, after Wang et al., "Multiscale structural similarity for image quality assessment" (2003).
Departure: it is computed per image and clipped at 0 (``BackgroundMSSSIM``); that code averages terms over the images
first (``BackgroundMSSSIMAsReleased``). We infer that the paper measured this; it does not say so. MS-SSIM reacts too
little on flat mid-grey and too much on black, so mean absolute error and PSNR of the same corner are measured too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_images, weighted_mean
from sgbench.metrics.windows import gaussian_windows, similarity_maps

POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
PEAK = 255.0
K1, K2 = 0.01, 0.03
C1, C2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
CONSTANTS = f"K1 {K1:g}, K2 {K2:g}, L {PEAK:g}"
PSNR_CAP = 100.0
_MS_SSIM = (
    f"MS-SSIM of 8-bit RGB, 5 scales with powers {', '.join(map(str, POWERS))}, Gaussian window of min({WINDOW}, "
    f"side), sigma {SIGMA:g} window / {WINDOW}, {CONSTANTS}"
)


def side(size: int) -> int:
    """Side of the corner in pixels for images of side ``size``: 10 at 128, at least 8."""
    return max(8, round(10 * size / 128))


class _Background(ImageMetric):
    """A metric of the corner; ``terms(results, sources)``, both uint8 [N, 3, size, size] RGB."""

    protocol: str

    def __init__(self, size: int) -> None:
        self.side = side(size)
        if self.side > size:
            raise ValueError(f"images of side {size} are smaller than the corner of side {self.side}")
        self.size = size
        self.definition = f"top-left {self.side}x{self.side} of {size}x{size}, {self.protocol}"

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "_Background":
        return cls(image_size)

    def _corners(self, results: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Both corners, float64 [N, 3, side, side], in levels."""
        check_images(results=results, sources=sources)
        if results.shape[-1] != self.size:
            raise ValueError(f"images must have side {self.size}, not {results.shape[-1]}")
        corner = (..., slice(self.side), slice(self.side))
        return results[corner].double(), sources[corner].double()


class BackgroundMSSSIM(_Background):
    """MS-SSIM of the corner per image, negative terms clipped at 0, then the mean over images.

    An image has five terms, all unclipped: contrast at scales 1 to 4, and full SSIM at scale 5.
    """

    protocol = f"{_MS_SSIM}, per image, negative terms clipped at 0"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        return ms_ssim_terms(*self._corners(results, sources))

    def num_clipped(self, terms: Tensor) -> int | None:
        return num_clipped(terms)

    def per_image(self, terms: Tensor) -> Tensor:
        return terms.clamp(min=0).pow(terms.new_tensor(POWERS)).prod(1)


class BackgroundMSSSIMAsReleased(BackgroundMSSSIM):
    """MS-SSIM of the corner, terms averaged over all images before the powers; NaN if such a mean is negative."""

    protocol = f"{_MS_SSIM}, terms averaged over images, unclipped"

    def num_clipped(self, terms: Tensor) -> int | None:
        return None

    def refusal(self, terms: Tensor) -> str:
        return "" if terms.mean(0).ge(0).all() else "undefined: a term's mean is negative"

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        return weighted_mean(terms, weights).pow(terms.new_tensor(POWERS)).prod(1)


class BackgroundMAE(_Background):
    """Mean absolute error of the corner, in levels of 255."""

    protocol = "per image"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        x, y = self._corners(results, sources)
        return (x - y).abs().mean((1, 2, 3)).unsqueeze(1)


class BackgroundPSNR(_Background):
    """PSNR of the corner in dB per image, 100 where the corners are identical, then the mean over images."""

    protocol = f"per image, peak {PEAK:g}, capped at {PSNR_CAP:g} dB"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        x, y = self._corners(results, sources)
        error = (x - y).square().mean((1, 2, 3)).unsqueeze(1)
        return (10 * torch.log10(PEAK**2 / error)).clamp(max=PSNR_CAP)


def num_clipped(terms: Tensor) -> int:
    """How many of the terms [N, 5] of MS-SSIM are negative and so count as 0."""
    return int((terms < 0).sum())


def ms_ssim_terms(x: Tensor, y: Tensor) -> Tensor:
    """Contrast terms of scales 1 to 4 and SSIM of scale 5, float64 [N, 5], given float64 [N, C, S, S] in levels."""
    columns = []
    for scale in range(len(POWERS)):
        if scale:
            x, y = _halve(x), _halve(y)
        size = min(WINDOW, x.shape[-1])
        windows = gaussian_windows(x.shape[-1], size, SIGMA * size / WINDOW).to(x)
        similarity, contrast = similarity_maps(x, y, windows, C1, C2)
        columns.append((similarity if scale == len(POWERS) - 1 else contrast).mean((1, 2, 3)))
    return torch.stack(columns, 1)


def _halve(x: Tensor) -> Tensor:
    """Halve an image by averaging 2x2 pixels; at odd sides the last row and column are repeated first."""
    return F.avg_pool2d(F.pad(x, (0, 1, 0, 1), mode="replicate"), 2)
