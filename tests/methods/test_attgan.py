"""AttGAN: sizes from the official layers, what the decoder is told and where, every term of the generator by hand."""

import pytest
import torch
from plain_editing import (
    ATTRIBUTES,
    COMPLETE,
    LABELS,
    THIRTEEN,
    bce,
    below,
    learned,
    make,
    make_batch,
    normed,
    plain_critic,
    plain_encode,
    raised,
)

from baselines.attgan import AttGAN
from sgbench.data.labels import HIDDEN, Group
from sgbench.methods.contract import Batch
from sgbench.methods.networks import num_parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def official_generator(widths, entries):
    """Convolutions without biases before batch norms of two numbers a channel; the last deconvolution has a bias."""
    encoder = sum(16 * a * b + 2 * b for a, b in zip([3, *widths], widths, strict=False))
    *inner, last = widths
    ups = [last + entries, last + inner[-1] + entries, *inner[:0:-1]]
    outs = [last, *inner[:0:-1], 3]
    decoder = sum(16 * a * b + 2 * b for a, b in zip(ups, outs, strict=True)) - 3
    return encoder + decoder


def official_discriminator(widths, side, entries):
    trunk = sum(16 * a * b + 2 * b for a, b in zip([3, *widths], widths, strict=False))
    hidden = widths[-1] * side**2 * 1024 + 1024
    return trunk + 2 * hidden + (1024 + 1) + (1024 * entries + entries)


@pytest.mark.parametrize(
    ("size", "multiples", "side", "generator", "discriminator"),
    [
        (32, (1, 2, 4), 4, 2_581_123, 9_064_334),
        (64, (1, 2, 4, 8), 4, 10_789_507, 19_551_118),
        (128, (1, 2, 4, 8, 16), 4, 43_459_203, 44_718_990),
        (256, (1, 2, 4, 8, 16), 8, 43_459_203, 145_382_286),
    ],
)
def test_thirteen_attributes_take_the_official_numbers_of_parameters(size, multiples, side, generator, discriminator):
    labels = torch.zeros(1, 13, dtype=torch.int8)
    with torch.device("meta"):
        method = AttGAN(THIRTEEN, size, AttGAN.Settings(), labels)
    widths = [64 * k for k in multiples]
    assert num_parameters(method.generator) == official_generator(widths, 13) == generator
    assert num_parameters(method.discriminator) == official_discriminator(widths, side, 13) == discriminator


def plain_generator(generator, x, told):
    """The vector below the latent map and, with one shortcut, below the first result; three layers at 32x32."""
    maps = plain_encode(generator.encode, x)
    decoder = generator.decoder
    (first, first_norm), (second, second_norm) = decoder.layers
    h = normed(raised(below(maps[2], told), first), first_norm, 0)
    h = below(torch.cat([h, maps[1]], 1), told)
    return torch.tanh(raised(normed(raised(h, second), second_norm, 0), decoder.last))


def test_the_generator_is_the_plain_one_in_both_modes():
    method, batch = make(AttGAN), make_batch()
    told = torch.randn(5, 6, generator=torch.Generator().manual_seed(2)).double()
    for mode in (True, False):
        learned(method).train(mode)
        result = method.generator(batch.images, told)
        torch.testing.assert_close(result, plain_generator(method.generator, batch.images, told), **CLOSE)


def test_what_is_told_is_the_target_in_minus_one_and_one():
    method = make(AttGAN)
    targets = method.codec.encode(LABELS[COMPLETE])[0]
    told = method.told(torch.zeros_like(targets), targets)
    assert told.tolist() == [[-1, -1, 1, -1, -1, 1], [1, -1, -1, 1, -1, -1], [-1, 1, -1, 1, -1, -1]]


def test_generator_losses_by_hand():
    method, batch = make(AttGAN, lambda_adv=2, lambda_edit=3, lambda_rec=5), make_batch()
    targets = method.targets.draw(batch.labels)
    losses = method.generator_losses(batch, targets)
    x, g = batch.images, method.generator
    results = plain_generator(g, x, 2 * targets - 1)
    own = method.codec.encode(batch.labels)[0].double()
    own[[2, 3]] = targets[[2, 3]]  # their vectors are not complete
    back = plain_generator(g, x, 2 * own - 1)
    scores, logits = plain_critic(method.discriminator, results)
    errors = [(x[i] - back[i]).abs().mean() for i in COMPLETE]
    terms = [bce(logits[i, k], targets[i, k].double()) for i in range(5) for k in range(6)]
    torch.testing.assert_close(losses["g_adv"], -2 * scores.mean(), **CLOSE)
    torch.testing.assert_close(losses["g_cls"], 3 * sum(terms) / 30, **CLOSE)
    torch.testing.assert_close(losses["g_rec"], 5 * sum(errors) / 3, **CLOSE)


def test_images_without_complete_vectors_are_not_reconstructed():
    method = make(AttGAN)
    batch = make_batch(torch.full((3, 3), HIDDEN, dtype=torch.int8))
    losses = method.generator_losses(batch, method.targets.draw(batch.labels))
    assert losses["g_rec"] == 0
    gradients = torch.autograd.grad(losses["g_rec"], method.generator.parameters())
    assert all((g == 0).all() for g in gradients)


def test_labels_of_incomplete_images_change_no_term_of_the_generator():
    method, batch = make(AttGAN), make_batch()
    labels = batch.labels.clone()
    labels[2, 1], labels[3, 0] = 1, 0
    targets = method.targets.draw(batch.labels)
    one, two = (method.generator_losses(Batch(batch.images, own), targets) for own in (batch.labels, labels))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_request_for_what_an_image_has_is_its_reconstruction():
    method, batch = learned(make(AttGAN, strength=2)), make_batch(LABELS[COMPLETE])
    own = method.codec.encode(batch.labels)[0]
    for i, group in enumerate((Group(0, 0), Group(2, 0), Group(1, 0))):
        result = method.edit(batch.images, batch.labels, group)[i]
        torch.testing.assert_close(result, method.generator(batch.images, 2 * own - 1)[i].detach(), **CLOSE)


def test_entries_are_as_many_as_the_attributes_need():
    assert make(AttGAN).generator.decoder.layers[0][0].in_channels == 12 + 6
    assert len(make(AttGAN).codec.entries) == len(ATTRIBUTES) + 3
