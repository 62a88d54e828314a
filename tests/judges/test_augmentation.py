"""Mixing images and their labels, by hand."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from sgbench.judges.augmentation import Mix, draw_mix, jittered
from sgbench.judges.training import _loss

CPU = torch.device("cpu")


def test_mixed_images_by_hand():
    x = torch.tensor([0.0, 1.0, -1.0])[:, None, None, None].expand(3, 3, 2, 2)
    mix = Mix(torch.tensor([1.0, 0.25, 0.5]), torch.tensor([2, 0, 1]))
    assert mix.of_images(x)[:, 0, 0, 0].tolist() == [0.0, 0.25, 0.0]


def test_the_loss_of_a_mixed_image_is_of_both_labels_by_their_shares():
    logits = torch.tensor([[0.3, -0.2], [1.0, 0.5], [-0.7, 0.1]])
    labels = torch.tensor([0, -1, 1], dtype=torch.int8)
    mix = Mix(torch.tensor([0.6, 0.25, 1.0]), torch.tensor([2, 0, 1]))

    def term(image, label):
        return float(cross_entropy(logits[image : image + 1], torch.tensor([label])))

    own = (0.6 * term(0, 0) + 1.0 * term(2, 1)) / 2  # the second label is hidden
    partners = (0.4 * term(0, 1) + 0.75 * term(1, 0)) / 2  # the third image's partner has it
    assert float(_loss(logits, labels, mix)) == pytest.approx(own + partners)


def test_without_mixing_nothing_is_drawn_and_the_loss_is_the_plain_one():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert draw_mix(8, 0.0, CPU) is None
    assert torch.equal(torch.get_rng_state(), before)
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    assert float(_loss(logits, labels, None)) == pytest.approx(float(cross_entropy(logits, labels)))
    whole = Mix(torch.ones(4), torch.tensor([1, 2, 3, 0]))
    assert float(_loss(logits, labels, whole)) == pytest.approx(float(cross_entropy(logits, labels)))


def test_the_share_of_mixed_images_is_as_asked():
    torch.manual_seed(0)
    mix = draw_mix(4000, 0.3, CPU)
    assert (mix.share < 1).float().mean() == pytest.approx(0.3, abs=0.03)
    assert mix.share[mix.share < 1].mean() == pytest.approx(0.5, abs=0.03)
    assert mix.partner.sort().values.tolist() == list(range(4000))


def test_small_changes_flip_half_of_the_images_and_stay_in_range():
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 8).expand(400, 3, 8, 8)
    y = jittered(ramp, 0.1)
    assert y.abs().max() <= 1
    flipped = (y[..., 0] > y[..., -1]).float().mean()
    assert flipped == pytest.approx(0.5, abs=0.1)
    assert torch.minimum((y - ramp).abs().mean(-1), (y - ramp.flip(-1)).abs().mean(-1)).max() < 0.21
