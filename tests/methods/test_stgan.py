"""STGAN: sizes from the official layers, the transfer unit, differences, every term of the generator by hand."""

import pytest
import torch
from plain_editing import (
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
from torch.nn import functional as F

from baselines.stgan import STGAN, SelectiveTransferUnit
from sgbench.data.labels import HIDDEN, Group
from sgbench.methods.networks import num_parameters

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


def official_generator(widths, entries):
    """As AttGAN's; every layer of the decoder takes the vector, and all but the first a unit's result; units have
    biases: a deconvolution, two gates and the information, of twice the channels each."""
    encoder = sum(16 * a * b + 2 * b for a, b in zip([3, *widths], widths, strict=False))
    upwards, entered = widths[::-1], widths[-1] + entries
    units = decoder = 0
    for above, new, own in zip(upwards, upwards[1:], upwards, strict=False):
        units += 16 * (above + entries) * new + new + 3 * (9 * 2 * new * new + new)
        decoder += 16 * entered * own + 2 * own
        entered = own + new + entries
    return encoder + units + decoder + 16 * entered * 3 + 3


@pytest.mark.parametrize(
    ("size", "multiples", "count"),
    [
        (32, (1, 2, 4), 4_386_803),
        (64, (1, 2, 4, 8), 18_574_323),
        (128, (1, 2, 4, 8, 16), 74_998_771),
        (256, (1, 2, 4, 8, 16), 74_998_771),
    ],
)
def test_thirteen_attributes_take_the_official_number_of_parameters(size, multiples, count):
    labels = torch.zeros(1, 13, dtype=torch.int8)
    with torch.device("meta"):
        method = STGAN(THIRTEEN, size, STGAN.Settings(), labels)
    assert num_parameters(method.generator) == official_generator([64 * k for k in multiples], 13) == count
    if size == 128:
        assert num_parameters(method.discriminator) == 44_718_990


def plain_unit(unit, encoded, state):
    """As the paper has it: a gate for what is forgotten, a gate for what is new."""
    channels = encoded.shape[1]
    state = raised(state, unit.raise_state)
    both = torch.cat([encoded, state], 1)
    weights, biases = unit.gates.weight, unit.gates.bias
    reset = torch.sigmoid(F.conv2d(both, weights[:channels], biases[:channels], 1, 1))
    update = torch.sigmoid(F.conv2d(both, weights[channels:], biases[channels:], 1, 1))
    new_state = reset * state
    information = torch.tanh(F.conv2d(torch.cat([encoded, new_state], 1), unit.inform.weight, unit.inform.bias, 1, 1))
    return (1 - update) * state + update * information, new_state


def test_a_transfer_unit_is_the_plain_one():
    torch.manual_seed(0)
    unit = SelectiveTransferUnit(7, 4).double()
    encoded, state = torch.randn(2, 4, 6, 6).double(), torch.randn(2, 7, 3, 3).double()
    for mine, theirs in zip(unit(encoded, state), plain_unit(unit, encoded, state), strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)


def test_a_transfer_unit_keeps_the_state_or_takes_what_is_new():
    torch.manual_seed(0)
    unit = SelectiveTransferUnit(7, 4).double()
    encoded, below_it = torch.randn(2, 4, 6, 6).double(), torch.randn(2, 7, 3, 3).double()
    state = unit.raise_state(below_it)
    with torch.no_grad():
        unit.gates.weight.zero_()
        unit.gates.bias[:4], unit.gates.bias[4:] = 100, -100
        result, new = unit(encoded, below_it)
        torch.testing.assert_close(result, state.detach())
        torch.testing.assert_close(new, state.detach())
        unit.gates.bias.neg_()
        result, new = unit(encoded, below_it)
        torch.testing.assert_close(new, torch.zeros_like(new))
        only = F.conv2d(encoded, unit.inform.weight[:, :4], unit.inform.bias, 1, 1).tanh()
        torch.testing.assert_close(result, only.detach())


def plain_generator(generator, x, told):
    """Two units at 32x32; the vector is below everything that goes up."""
    maps = plain_encode(generator.encode, x)
    lower, upper = generator.units
    low, state = plain_unit(lower, maps[1], below(maps[2], told))
    high, _ = plain_unit(upper, maps[0], below(state, told))
    decoder = generator.decoder
    (first, first_norm), (second, second_norm) = decoder.layers
    h = normed(raised(below(maps[2], told), first), first_norm, 0)
    h = normed(raised(below(torch.cat([h, low], 1), told), second), second_norm, 0)
    return torch.tanh(raised(below(torch.cat([h, high], 1), told), decoder.last))


def test_the_generator_is_the_plain_one_in_both_modes():
    method, batch = make(STGAN), make_batch()
    told = torch.randn(5, 6, generator=torch.Generator().manual_seed(2)).double()
    for mode in (True, False):
        learned(method).train(mode)
        result = method.generator(batch.images, told)
        torch.testing.assert_close(result, plain_generator(method.generator, batch.images, told), **CLOSE)


def test_what_is_told_is_target_minus_source():
    method = make(STGAN)
    own = method.codec.encode(LABELS[COMPLETE])[0]
    targets = own[[1, 1, 0]]
    told = method.told(own, targets)
    assert told.tolist() == [[1, 0, -1, 1, 0, -1], [0] * 6, [0, -1, 1, -1, 0, 1]]
    assert not method.told(own, own).any()


def guessing(method, *logits):
    """Makes the discriminator see these logits in every image of a batch, whatever they are of."""
    logits = torch.tensor(logits).double()
    return method.discriminator.classify.register_forward_hook(lambda module, args, out: logits.expand_as(out))


def test_sources_are_what_is_known_and_guesses_elsewhere():
    method, batch = make(STGAN), make_batch()
    handle = guessing(method, 5, -1, 4, 1, 3, 2)
    vectors, counts = method.sources(batch, method.targets.draw(batch.labels))
    handle.remove()
    own = method.codec.encode(batch.labels)[0]
    own[2, 0] = 1
    own[3] = torch.tensor([1.0, 0, 1, 0, 1, 0])
    assert torch.equal(vectors, own.to(vectors.dtype))
    assert counts.tolist() == [True] * 5


def test_where_no_training_label_is_hidden_nothing_is_guessed():
    method, batch = make(STGAN, LABELS[COMPLETE]), make_batch(LABELS[COMPLETE])
    method.guess = None
    assert torch.equal(method.sources(batch, None)[0], method.codec.encode(batch.labels)[0])


def test_generator_losses_by_hand():
    method, batch = make(STGAN, lambda_adv=2, lambda_edit=3, lambda_rec=5), make_batch()
    targets = method.targets.draw(batch.labels)
    losses = method.generator_losses(batch, targets)
    x, g = batch.images, method.generator
    own = method.codec.encode(batch.labels)[0].double()
    guess = method.codec.classify(plain_critic(method.discriminator, x)[1]).double()
    own[2, 0], own[3, 1:] = guess[2, 0], guess[3, 1:]
    results = plain_generator(g, x, targets - own)
    back = plain_generator(g, x, torch.zeros(5, 6))
    scores, logits = plain_critic(method.discriminator, results)
    terms = [bce(logits[i, k], targets[i, k].double()) for i in range(5) for k in range(6)]
    torch.testing.assert_close(losses["g_adv"], -2 * scores.mean(), **CLOSE)
    torch.testing.assert_close(losses["g_cls"], 3 * sum(terms) / 30, **CLOSE)
    torch.testing.assert_close(losses["g_rec"], 5 * (x - back).abs().mean(), **CLOSE)


def test_reconstruction_is_over_every_image_and_takes_no_label():
    method = make(STGAN)
    hidden = make_batch(torch.full((5, 3), HIDDEN, dtype=torch.int8))
    some = make_batch(LABELS)
    targets = method.targets.draw(LABELS)
    one, two = (method.generator_losses(batch, targets)["g_rec"] for batch in (hidden, some))
    torch.testing.assert_close(one, two, **CLOSE)
    assert one > 0


def test_an_edit_to_what_an_image_has_is_told_zeros_at_any_strength():
    method, batch = learned(make(STGAN, strength=1.5)), make_batch(LABELS[COMPLETE])
    nothing = method.generator(batch.images, torch.zeros(3, 6)).detach()
    for i, group in enumerate((Group(0, 0), Group(2, 0), Group(1, 0))):
        torch.testing.assert_close(method.edit(batch.images, batch.labels, group)[i], nothing[i], **CLOSE)


def test_only_the_label_of_the_attribute_that_is_edited_matters():
    method, batch = learned(make(STGAN)), make_batch(LABELS[COMPLETE])
    other = batch.labels.clone()
    other[:, 1:] = torch.tensor([[0, 1], [1, 2], [1, 1]])
    one, two = (method.edit(batch.images, labels, Group(0, 1)) for labels in (batch.labels, other))
    assert torch.equal(one, two)


def test_the_strength_of_the_authors_figures_is_a_half_more():
    """Their test_int of 2 makes 2 * 0.5 of the target's entry, from which the source's -0.5 is taken."""
    method, batch = learned(make(STGAN, strength=1.5)), make_batch(LABELS[COMPLETE])
    seen = []
    handle = method.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    method.edit(batch.images, batch.labels, Group(0, 1))
    handle.remove()
    source, target = torch.tensor([0.0, 1, 0]), torch.ones(3)
    theirs = 2 * (2 * target - 1) * 0.5 - (2 * source - 1) * 0.5
    changes = source != target
    assert torch.equal(seen[0][changes, 0], theirs[changes].to(seen[0].dtype))
