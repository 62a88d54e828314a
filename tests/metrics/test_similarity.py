"""PSNR, SSIM and MS-SSIM of the whole image: hand-made cases, the oracles, and pytorch-msssim with its own window."""

import math

import numpy as np
import oracles
import pytest
import pytorch_msssim
import torch

from sgbench.metrics.background import POWERS
from sgbench.metrics.similarity import MSSSIM, PSNR, SSIM, ms_ssim_window

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def _pairs(size, number=4, seed=0):
    """Waves with noise, and the same with stronger noise, shifted, inverted in one channel, or darker."""
    rng = np.random.default_rng((seed, size))
    rows, columns = np.mgrid[:size, :size] / size
    phases = rng.uniform(0, 6, (number, 3, 1, 1))
    sources = 128 + 80 * np.sin(9 * rows + 5 * columns + phases) + rng.normal(0, 10, (number, 3, size, size))
    results = sources + rng.normal(0, 25, sources.shape)
    results[1 % number] = np.roll(sources[1 % number], 2, axis=-1)
    results[2 % number, 1] = 255 - sources[2 % number, 1]
    results[3 % number] = 0.6 * sources[3 % number]
    return tuple(torch.from_numpy(x.clip(0, 255).round().astype(np.uint8)) for x in (results, sources))


def _figure(metric, results, sources):
    return metric.figure(metric.terms(results, sources))


def _flat(level, size):
    return torch.full((1, 3, size, size), level, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("size", "window"),
    [(8, 1), (32, 1), (33, 3), (64, 3), (65, 5), (96, 5), (97, 7), (128, 7), (129, 9), (160, 9), (161, 11), (256, 11)],
)
def test_the_window_is_the_largest_that_the_fifth_scale_holds(size, window):
    assert ms_ssim_window(size) == window
    if window > 1:
        assert f"of {size}x{size}, Gaussian window {window}, sigma 1.5, " in MSSSIM(size).definition


@pytest.mark.parametrize("size", [33, 64, 65, 96, 97, 128, 160, 161])
def test_the_library_takes_that_window_and_no_larger_one(size):
    x, y = (image[:1].double() for image in _pairs(size, 1))
    pytorch_msssim.ms_ssim(x, y, win_size=ms_ssim_window(size))
    if ms_ssim_window(size) < 11:
        with pytest.raises(AssertionError, match="Image size should be larger"):
            pytorch_msssim.ms_ssim(x, y, win_size=ms_ssim_window(size) + 2)


@pytest.mark.parametrize("size", [11, 32, 48, 128])
def test_ssim_is_the_oracle(size):
    results, sources = _pairs(size)
    expected = [oracles.ssim(*pair) for pair in zip(results.numpy(), sources.numpy(), strict=True)]
    torch.testing.assert_close(SSIM().terms(results, sources).flatten().tolist(), expected, rtol=1e-11, atol=1e-12)
    assert min(expected) < 0.5


@pytest.mark.parametrize("size", [33, 51, 64, 80, 100, 111, 128, 176])
def test_ms_ssim_is_the_oracle(size):
    results, sources = _pairs(size)
    pairs = zip(results.numpy(), sources.numpy(), strict=True)
    expected = [oracles.ms_ssim(*pair, ms_ssim_window(size)) for pair in pairs]
    actual = MSSSIM(size).terms(results, sources).flatten().tolist()
    torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("size", [64, 79, 100, 128, 161, 256])
def test_the_librarys_own_window_gives_the_same(size):
    """Within what its single precision costs: weights whose sum is a little off 1 change small variances."""
    results, sources = _pairs(size, 2)
    x, y = results.double(), sources.double()
    ssim = pytorch_msssim.ssim(x, y, win_size=11, data_range=255, size_average=False)
    torch.testing.assert_close(SSIM().terms(results, sources)[:, 0], ssim, rtol=0, atol=1e-5)
    ms_ssim = pytorch_msssim.ms_ssim(x, y, data_range=255, size_average=False, win_size=ms_ssim_window(size))
    torch.testing.assert_close(MSSSIM(size).terms(results, sources)[:, 0], ms_ssim, rtol=0, atol=1e-5)


def test_flat_images_differ_in_luminance_alone():
    luminance = (2 * 100 * 140 + C1) / (100**2 + 140**2 + C1)
    assert _figure(SSIM(), _flat(140, 32), _flat(100, 32)) == pytest.approx(luminance, rel=1e-12)
    assert _figure(MSSSIM(64), _flat(140, 64), _flat(100, 64)) == pytest.approx(luminance ** POWERS[-1], rel=1e-9)


def test_ssim_of_a_window_of_one_contrast_by_hand():
    """Stripes of one pixel about grey, against their negative: covariance is less the variance."""
    source = _flat(128, 11)
    source[..., ::2] = 168
    source[..., 1::2] = 88
    result = 256 - source.int()
    weights = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    weights /= weights.sum()
    mean = 128 + 40 * (weights[::2].sum() - weights[1::2].sum())
    variance = 1600 - (mean - 128) ** 2
    opposite = 256 - mean
    luminance = (2 * mean * opposite + C1) / (mean**2 + opposite**2 + C1)
    expected = luminance * (C2 - 2 * variance) / (C2 + 2 * variance)
    assert _figure(SSIM(), result.byte(), source) == pytest.approx(expected, rel=1e-12)


def test_a_channel_of_opposite_structure_counts_as_nothing():
    results, sources = _pairs(64)
    per_channel = [oracles.ms_ssim(results[2, c : c + 1].numpy(), sources[2, c : c + 1].numpy(), 3) for c in range(3)]
    assert per_channel[1] == 0
    assert min(per_channel[0], per_channel[2]) > 0.2
    assert float(MSSSIM(64).terms(results, sources)[2]) == pytest.approx(sum(per_channel) / 3, rel=1e-11)


@pytest.mark.parametrize("size", [8, 32])
def test_psnr_by_hand(size):
    source = torch.full((2, 3, size, size), 100, dtype=torch.uint8)
    result = source.clone()
    result[0] = 105
    assert PSNR().terms(result, source).flatten().tolist() == pytest.approx([20 * math.log10(51), 100], rel=1e-14)
    assert _figure(PSNR(), result, source) == pytest.approx((20 * math.log10(51) + 100) / 2, rel=1e-14)


def test_psnr_counts_the_whole_image():
    source = _flat(100, 128)
    result = source.clone()
    result[0, 2, 127, 127] = 130
    assert _figure(PSNR(), result, source) == pytest.approx(10 * math.log10(255**2 * 3 * 128**2 / 900), rel=1e-14)


def test_psnr_of_extremes_is_zero_and_does_not_wrap_around():
    assert _figure(PSNR(), _flat(0, 8), _flat(255, 8)) == 0
    assert _figure(PSNR(), _flat(255, 8), _flat(0, 8)) == 0


@pytest.mark.parametrize("size", [8, 16, 31, 32])
def test_ms_ssim_does_not_exist_for_small_images(size):
    with pytest.raises(ValueError, match=f"does not exist for images of side {size}"):
        MSSSIM(size)


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(ValueError, match="side 10 are smaller than the window of 11"):
        SSIM().terms(_flat(0, 10), _flat(0, 10))
    assert _figure(SSIM(), _flat(0, 11), _flat(0, 11)) == 1


def test_ms_ssim_refuses_images_of_another_size():
    with pytest.raises(ValueError, match="images must have side 64, not 80"):
        MSSSIM(64).terms(*_pairs(80))


def test_definitions_name_the_protocol():
    constants = "K1 0.01, K2 0.03, L 255"
    assert PSNR().definition == "whole image, per image, peak 255, capped at 100 dB"
    assert SSIM().definition == f"whole image, Gaussian window 11, sigma 1.5, {constants}, mean over channels"
    assert f"{constants}, 5 scales with powers 0.0448, 0.2856, 0.3001, 0.2363, 0.1333" in MSSSIM(64).definition
