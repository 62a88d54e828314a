"""What is done to a judge's training images: within range, drawn for each image, stronger with the strength."""

import math
from functools import cache

import pytest
import torch

from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.judges.distortion import distort

FACES = EmbeddedFaces(EmbeddedFaces.Settings(image_size=32, attributes=("gender",), num_images=64, num_test=20))


@cache
def all_images():
    """Drawn when a test first needs them: to collect the tests takes no time."""
    return torch.from_numpy(FACES.read_many(range(64))).float() / 127.5 - 1


def drawn(x, strength, seed=0):
    torch.manual_seed(seed)
    return distort(x, strength)


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_images_of_every_size_keep_their_shape_and_range(size):
    x = torch.rand(4, 3, size, size) * 2 - 1
    y = drawn(x, 1.0)
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert y.abs().max() <= 1


def test_the_same_seed_draws_the_same_and_another_draws_others():
    assert torch.equal(drawn(all_images(), 1.0), drawn(all_images(), 1.0))
    assert not torch.equal(drawn(all_images(), 1.0), drawn(all_images(), 1.0, seed=1))


def test_equal_images_are_distorted_differently():
    same = all_images()[:1].expand(16, -1, -1, -1)
    y = drawn(same, 1.0)
    gaps = (y[:, None] - y).abs().mean((2, 3, 4))
    assert (gaps + torch.eye(16) > 0.01).all()


def test_half_of_the_images_are_flipped_and_a_vanishing_strength_does_little_else():
    x = all_images().clone()
    y = drawn(x, 1e-3)
    as_they_are, flipped = ((y - side).abs().mean((1, 2, 3)) for side in (x, x.flip(-1)))
    halved = torch.minimum(as_they_are, flipped) > 0.01  # those at half the resolution
    assert halved.float().mean() < 0.35
    assert 0.25 < (flipped < as_they_are).float().mean() < 0.75


def test_stronger_is_further_from_the_image():
    gaps = []
    for strength in (0.25, 0.5, 1.0, 2.0):
        y = drawn(all_images(), strength)
        gaps.append(
            torch.minimum(
                (y - all_images()).abs().mean((1, 2, 3)), (y - all_images().flip(-1)).abs().mean((1, 2, 3))
            ).mean()
        )
    assert gaps == sorted(gaps)
    assert gaps[0] > 0.01


def test_what_is_left_of_the_image_is_most_of_it():
    y = drawn(all_images(), 1.0)
    nearest = torch.cdist(y.flatten(1), torch.cat([all_images(), all_images().flip(-1)]).flatten(1)).argmin(1) % len(
        all_images()
    )
    assert (nearest == torch.arange(len(all_images()))).float().mean() > 0.6


def test_compression_rounds_the_cosines_of_blocks(monkeypatch):
    from sgbench.judges import distortion

    basis = distortion._cosines(torch.device("cpu")).float()
    assert torch.allclose(basis @ basis.T, torch.eye(8), atol=1e-6)
    by_hand = [math.sqrt((1 if k == 0 else 2) / 8) * math.cos(math.pi / 8 * 2.5 * k) for k in range(8)]
    assert torch.allclose(basis[:, 2], torch.tensor(by_hand), atol=1e-6)
    fine = distortion._compressed(all_images(), 1e-5)
    coarse = distortion._compressed(all_images(), 1.0)
    assert torch.allclose(fine, all_images(), atol=1e-4)
    assert 0.005 < (coarse - all_images()).abs().mean() < 0.2
    blocks = coarse.reshape(64, 3, 4, 8, 4, 8).transpose(3, 4)
    cosines = basis @ blocks @ basis.T
    assert (cosines.abs() < 1e-5).float().mean() > 0.5
