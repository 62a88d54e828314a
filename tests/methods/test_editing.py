"""What AttGAN and STGAN share: the discriminator's terms, masks, steps, norms' statistics, source labels, strength."""

import copy

import pytest
import torch
from plain_editing import (
    ATTRIBUTES,
    COMPLETE,
    GENDER,
    HAIR,
    LABELS,
    SHAPE,
    SMILE,
    bce,
    learned,
    make,
    make_batch,
    plain_critic,
)

from baselines.attgan import AttGAN
from baselines.stgan import STGAN
from sgbench.data.labels import HIDDEN, Group, all_groups
from sgbench.methods.contract import Batch, update
from sgbench.methods.vectors import VectorCodec

BOTH = pytest.mark.parametrize("cls", [AttGAN, STGAN])
CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@BOTH
@pytest.mark.parametrize(("size", "side"), [(32, 4), (64, 4), (128, 4), (256, 8)])
def test_the_last_map_is_4x4_or_as_in_the_official_code_8x8_at_256(cls, size, side):
    method, batch = make(cls, size=size), make_batch(LABELS[:2], size=size)
    maps = method.generator.encode(batch.images)
    assert maps[-1].shape[2:] == (side, side)
    assert [m.shape[2] for m in maps] == [size >> k + 1 for k in range(len(maps))]
    assert method.discriminator.features(batch.images).shape[2:] == (side, side)
    result = method.eval().edit(batch.images, batch.labels, Group(2, 1))
    assert result.shape == batch.images.shape
    assert result.abs().max() <= 1
    assert not result.requires_grad


@BOTH
def test_an_unsupported_size_and_an_unknown_setting_are_errors(cls):
    with pytest.raises(ValueError, match="image_size 48"):
        make(cls, size=48)
    for wrong in ({"lambda_dual": 1}, {"strength": 0}, {"source_labels": "none"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            cls.Settings(**wrong)


@BOTH
def test_defaults_are_the_official_ones(cls):
    s = cls.Settings()
    assert (s.batch_size, s.n_critic, s.learning_rate, s.base_width) == (32, 5, 2e-4, 64)
    assert (s.lambda_gp, s.lambda_adv, s.lambda_cls, s.lambda_edit, s.lambda_rec) == (10, 1, 1, 10, 100)
    assert (s.source_labels, s.strength) == ("true", 1)
    batches = 182_000 // 32
    iterations = {AttGAN: 60 * batches // 6, STGAN: 200 * (182_000 // (32 * 6))}[cls]
    assert (s.iterations, s.constant_iterations) == (iterations, iterations // 2)
    method = make(cls, discriminator_learning_rate=3e-4, discriminator_width=4)
    groups = {name: o.param_groups[0] for name, o in method.optimizers.items()}
    assert {name: group["lr"] for name, group in groups.items()} == {"generator": 2e-4, "discriminator": 3e-4}
    assert all(group["betas"] == (0.5, 0.999) for group in groups.values())
    assert method.discriminator.features[0].out_channels == 4
    assert method.discriminator.adversarial.hidden.out_channels == 64


@BOTH
def test_weights_begin_by_glorots_rule_and_biases_at_zero(cls):
    torch.manual_seed(0)
    method = cls(ATTRIBUTES, 32, cls.Settings(base_width=16), LABELS)
    for name, p in method.named_parameters():
        if p.dim() == 4 and p.numel() > 100:
            places = p.shape[2] * p.shape[3]
            outputs = p.shape[0] // 2 if "gates" in name else p.shape[0]  # two convolutions in one
            limit = (6 / (p[0].numel() + outputs * (1 if "hidden" in name else places))) ** 0.5
            assert 0.9 * limit < float(p.detach().abs().max()) <= limit, name
        elif p.dim() == 1:
            assert bool((p == (1 if name.endswith("weight") else 0)).all()), name


def test_the_place_of_a_group_is_its_entry_or_the_only_one():
    codec = VectorCodec(ATTRIBUTES)
    assert [codec.place_of(group) for group in all_groups(ATTRIBUTES)] == [0, 0, 1, 2, 3, 4, 5]


@BOTH
def test_discriminator_losses_image_by_image(cls):
    method, batch = make(cls, lambda_gp=7, lambda_cls=3), make_batch()
    results = make_batch(seed=8).images
    torch.manual_seed(3)
    losses = method.discriminator_losses(batch, results)
    torch.manual_seed(3)
    mix = torch.rand(5, 1, 1, 1).double()
    adversarial, penalty, entry_terms = [], [], [[] for _ in range(6)]
    for i, label in enumerate(batch.labels):
        x, fake = batch.images[i : i + 1], results[i : i + 1]
        adversarial.append(plain_critic(method.discriminator, fake)[0] - plain_critic(method.discriminator, x)[0])
        between = (mix[i] * x + (1 - mix[i]) * fake).requires_grad_()
        score = plain_critic(method.discriminator, between)[0].sum()
        gradient = torch.autograd.grad(score, between)[0]
        penalty.append((gradient.square().sum().sqrt() - 1).square())
        logits = plain_critic(method.discriminator, x)[1][0]
        for first, j, values in ((0, 0, [1]), (1, 1, [0, 1]), (3, 2, [0, 1, 2])):
            if label[j] != HIDDEN:
                for k, v in enumerate(values):
                    entry_terms[first + k].append(bce(logits[first + k], int(label[j] == v)))
    assert [len(t) for t in entry_terms] == [4] * 6
    torch.testing.assert_close(losses["d_adv"], sum(adversarial)[0] / 5, **CLOSE)
    torch.testing.assert_close(losses["d_gp"], 7 * sum(penalty) / 5, **CLOSE)
    torch.testing.assert_close(losses["d_cls"], 3 * sum(sum(t) / len(t) for t in entry_terms) / 6, **CLOSE)


@BOTH
def test_with_every_label_known_classification_is_the_official_mean_over_images_and_entries(cls):
    method, batch = make(cls), make_batch(LABELS[COMPLETE])
    vectors = method.codec.encode(batch.labels)[0].double()
    logits = plain_critic(method.discriminator, batch.images)[1]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, vectors)
    torch.testing.assert_close(method.discriminator_losses(batch, batch.images)["d_cls"], expected, **CLOSE)


@BOTH
def test_gradients_of_the_penalty_are_those_of_differentiating_twice(cls):
    method, x = make(cls), make_batch(seed=4).images
    parameters = list(method.discriminator.parameters())
    mine = torch.autograd.grad(method.discriminator.gradient_penalty(x).sum(), parameters, allow_unused=True)
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(plain_critic(method.discriminator, x)[0].sum(), x, create_graph=True)
    penalty = (gradient.flatten(1).norm(dim=1) - 1).square().sum()
    theirs = torch.autograd.grad(penalty, parameters, allow_unused=True)
    for (name, _), one, other in zip(method.discriminator.named_parameters(), mine, theirs, strict=True):
        zero = torch.zeros(())
        one, other = (zero if g is None else g for g in (one, other))
        assert (one - other).abs().max() <= 1e-9 * max(1, float(other.abs().max())), name
        if "bias" not in name:
            assert bool((one != 0).any()) == ("classify" not in name), name


@BOTH
def test_mixed_images_change_no_classification_of_real_ones(cls):
    method, batch = make(cls), make_batch()
    other = make_batch(torch.full((4, 3), HIDDEN, dtype=torch.int8), seed=2)
    both = Batch(torch.cat([batch.images, other.images]), torch.cat([batch.labels, other.labels]))
    few, many = (method.discriminator_losses(b, b.images)["d_cls"] for b in (batch, both))
    torch.testing.assert_close(few, many, **CLOSE)
    assert method.discriminator_losses(other, other.images)["d_cls"] == 0


@BOTH
def test_targets_are_complete_vectors_or_a_permutation_of_the_batchs(cls):
    method = make(cls)
    complete = {tuple(v) for v in method.codec.encode(LABELS[COMPLETE])[0].tolist()}
    assert {tuple(v) for v in method.targets.draw(LABELS[[3]].repeat(64, 1)).tolist()} == complete
    assert not [name for name in method.state_dict() if "pool" in name]
    method = make(cls, LABELS[COMPLETE])
    own = method.codec.encode(LABELS[COMPLETE])[0]
    draws = [method.targets.draw(LABELS[COMPLETE]) for _ in range(20)]
    assert all(sorted(d.tolist()) == sorted(own.tolist()) for d in draws)
    assert any(not torch.equal(d, own) for d in draws)
    with pytest.raises(ValueError, match=rf"{cls.display_name} needs .*gender, hair, shape known.*reveal more labels"):
        make(cls, LABELS[2:4])


@BOTH
def test_each_update_touches_its_own_network(cls):
    method, batch = make(cls), make_batch()
    targets = method.targets.draw(batch.labels)
    before = copy.deepcopy(method.state_dict())
    update(method.optimizers["discriminator"], method.discriminator_losses(batch, batch.images.flip(0)))
    middle = copy.deepcopy(method.state_dict())
    update(method.optimizers["generator"], method.generator_losses(batch, targets))
    after = method.state_dict()
    for name in before:
        if "adversarial.last.bias" not in name:  # which real and generated images move to and fro
            assert torch.equal(before[name], middle[name]) != name.startswith("discriminator"), name
        assert torch.equal(middle[name], after[name]) != name.startswith("generator"), name


@BOTH
def test_a_step_takes_a_fresh_batch_for_each_update(cls):
    method = make(cls, n_critic=3)
    batches = [make_batch(seed=s) for s in range(method.batches_per_iteration)]
    assert len(batches) == 4
    critic, generator = [], []
    method.discriminator_losses = lambda batch, results: (
        critic.append((batch, results)) or cls.discriminator_losses(method, batch, results)
    )
    method.generator_losses = lambda batch, targets: (
        generator.append(batch) or cls.generator_losses(method, batch, targets)
    )
    losses = method.step(batches, 0)
    assert set(losses) == {"d_adv", "d_gp", "d_cls", "g_adv", "g_cls", "g_rec"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    assert [batch is own for (batch, _), own in zip(critic, batches, strict=False)] == [True] * 3
    assert not any(results.requires_grad for _, results in critic)
    assert [batch is batches[-1] for batch in generator] == [True]
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    assert all(p.requires_grad for p in method.parameters())


def statistics(method):
    return {name: value.clone() for name, value in method.named_buffers() if not name.startswith("targets")}


@BOTH
def test_norms_learn_from_every_pass_of_a_step_and_from_no_other(cls):
    """The encoder makes a pass for each update, the decoder one more: the reconstruction's."""
    method, batch = make(cls, n_critic=2), make_batch()
    at_first = statistics(method)
    method.generator(batch.images, method.told(*[method.codec.encode(batch.labels)[0]] * 2))
    method.eval().edit(batch.images, batch.labels, Group(0, 1))
    method.every_edit(batch.images)
    assert all(torch.equal(value, at_first[name]) for name, value in statistics(method).items())
    method.train().step([make_batch(seed=s) for s in range(3)], 0)
    passes = {name: int(value) for name, value in statistics(method).items() if name.endswith("num_passes")}
    assert {count for name, count in passes.items() if "encode." in name} == {3}
    assert {count for name, count in passes.items() if "decoder." in name} == {4}
    assert all(name in method.state_dict() for name in at_first)
    assert not any("discriminator" in name for name in at_first)


@BOTH
def test_statistics_are_the_same_whatever_order_the_terms_are_added_in(cls, monkeypatch):
    from sgbench.methods import editing

    found = []
    for order in (1, -1):
        method = make(cls)
        monkeypatch.setattr(editing, "update", lambda o, terms, way=order: update(o, dict([*terms.items()][::way])))
        torch.manual_seed(5)
        method.step([make_batch(seed=s) for s in range(method.batches_per_iteration)], 0)
        found.append(statistics(method))
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-6, atol=1e-9)


@BOTH
def test_training_and_evaluation_differ_and_evaluation_does_not_depend_on_the_batch(cls):
    method, batch = learned(make(cls)), make_batch(seed=7)
    together = method.edit(batch.images, batch.labels, Group(1, 0))
    for i in range(5):
        alone = method.edit(batch.images[i : i + 1], batch.labels[i : i + 1], Group(1, 0))
        torch.testing.assert_close(alone[0], together[i], **CLOSE)
    guesses, every = method.guessed_labels(batch.images), method.every_edit(batch.images)
    for i in range(5):
        assert torch.equal(method.guessed_labels(batch.images[i : i + 1])[0], guesses[i])
        torch.testing.assert_close(method.every_edit(batch.images[i : i + 1])[0], every[i], **CLOSE)
    method.train()
    assert (method.edit(batch.images, batch.labels, Group(1, 0)) - together).abs().max() > 1e-3


@BOTH
def test_a_new_instance_with_the_state_gives_the_same_results(cls):
    method, batch = learned(make(cls)), make_batch(seed=7)
    other = make(cls)
    other.load_state_dict(method.state_dict())
    one, two = (m.eval().edit(batch.images, batch.labels, Group(2, 2)) for m in (method, other))
    assert torch.equal(one, two)


@BOTH
def test_true_labels_are_used_where_they_are_known_and_guesses_elsewhere(cls):
    method, batch = learned(make(cls)), make_batch()
    logits = torch.tensor([5.0, -1, 4, 1, 3, 2]).double().repeat(5, 1)
    handle = method.discriminator.classify.register_forward_hook(lambda *_: logits)
    result = method.translate(batch.images, batch.labels, [Group(1, 1)])
    hidden = torch.full_like(LABELS, HIDDEN)
    guessed = method.translate(batch.images, hidden, [Group(1, 1)])
    assert method.guessed_labels(batch.images).tolist() == [[1, 1, 1]] * 5
    handle.remove()
    own = method.codec.encode(batch.labels)[0].double()
    own[2, 0] = 1
    own[3] = torch.tensor([1.0, 0, 1, 0, 1, 0])
    targets = own.clone()
    targets[:, 1:3] = torch.tensor([0.0, 1])
    torch.testing.assert_close(result, method.generator(batch.images, method.told(own, targets)).detach(), **CLOSE)
    guess = torch.tensor([1.0, 0, 1, 0, 1, 0]).double().expand(5, -1)
    torch.testing.assert_close(guessed, method.generator(batch.images, method.told(guess, guess)).detach(), **CLOSE)


@BOTH
def test_several_groups_are_asked_for_in_one_pass(cls):
    method, batch = learned(make(cls)), make_batch(LABELS[COMPLETE])
    passes = []
    handle = method.generator.encode.register_forward_hook(lambda *_: passes.append(1))
    groups = [Group(0, 1), Group(2, 1)]
    result = method.translate(batch.images, batch.labels, groups)
    assert len(passes) == 1
    assert torch.equal(result, method.translate(batch.images, batch.labels, groups[::-1]))
    handle.remove()
    targets = torch.tensor([[1.0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0], [1, 1, 0, 0, 1, 0]]).double()
    own = method.codec.encode(batch.labels)[0].double()
    torch.testing.assert_close(result, method.generator(batch.images, method.told(own, targets)).detach(), **CLOSE)


@BOTH
@pytest.mark.parametrize("strength", [1, 2])
def test_every_edit_is_each_edit_with_images_encoded_once(cls, strength):
    method, batch = learned(make(cls, strength=strength)), make_batch(seed=6)
    passes = []
    handle = method.generator.encode.register_forward_hook(lambda *_: passes.append(1))
    every = method.every_edit(batch.images)
    handle.remove()
    assert len(passes) == 1
    hidden = torch.full_like(LABELS, HIDDEN)
    own = [method.edit(batch.images, hidden, group) for group in all_groups(ATTRIBUTES)]
    torch.testing.assert_close(every, torch.stack(own, 1), **CLOSE)


def told_by(method, labels, *groups):
    """What the generator is told when images with these labels are translated."""
    seen = []
    handle = method.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    method.translate(make_batch(labels).images, labels, groups)
    handle.remove()
    return seen[0]


@BOTH
def test_strength_multiplies_the_entry_that_is_asked_for_where_it_changes(cls):
    once, twice = (learned(make(cls, strength=s)) for s in (1, 2))
    labels = LABELS[COMPLETE]
    vectors = once.codec.encode(labels)[0]
    for groups in ([Group(0, 1)], [Group(0, 0)], [Group(1, 1)], [Group(2, 0), Group(0, 0)]):
        one, two = told_by(once, labels, *groups), told_by(twice, labels, *groups)
        expected = one.clone()
        for group in groups:
            k = {(0, 0): 0, (0, 1): 0, (1, 1): 2, (2, 0): 3}[tuple(group)]
            wanted = 0 if group == (0, 0) else 1
            expected[:, k] = torch.where(vectors[:, k] == wanted, one[:, k], 2 * one[:, k])
        assert torch.equal(two, expected)
        assert not torch.equal(one, two)


@BOTH
def test_strength_changes_results_and_no_training(cls):
    batch = make_batch(LABELS[COMPLETE])
    once, twice = (learned(make(cls, strength=s)) for s in (1, 2))
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))
    one, two = (m.edit(batch.images, batch.labels, Group(0, 1)) for m in (once, twice))
    assert (one[0] - two[0]).abs().max() > 1e-4
    torch.testing.assert_close(one[1], two[1], **CLOSE)  # who is male already


@BOTH
def test_attributes_of_any_number_are_taken(cls):
    for attributes in ([SMILE], [SHAPE], [GENDER, SMILE, HAIR, SHAPE]):
        labels = torch.tensor([[0] * len(attributes), [1] * len(attributes)], dtype=torch.int8)
        method = make(cls, labels, attributes)
        batches = [make_batch(labels, seed=s) for s in range(method.batches_per_iteration)]
        assert all(value.isfinite() for value in method.step(batches, 0).values())
        for group in all_groups(attributes):
            assert method.eval().edit(batches[0].images, labels, group).shape == batches[0].images.shape


@pytest.mark.slow
@BOTH
def test_reconstruction_falls_on_a_toy_task_and_all_stays_finite(cls):
    """Plain images of two colours, which the attribute says; half of the labels hidden."""
    torch.manual_seed(0)
    labels = torch.tensor([[0], [1], [0], [1], [HIDDEN], [HIDDEN]], dtype=torch.int8)
    colours = torch.tensor([-0.6, 0.6, -0.6, 0.6, -0.6, 0.6])[:, None, None, None]
    settings = cls.Settings(base_width=4, batch_size=6, n_critic=1, learning_rate=3e-3)
    method = cls([SMILE], 32, settings, labels)
    rows = []
    for iteration in range(40):
        images = [colours + 0.2 * torch.randn(6, 3, 1, 1) + torch.zeros(6, 3, 32, 32) for _ in range(2)]
        losses = method.step([Batch(x.clamp(-1, 1), labels) for x in images], iteration)
        rows.append({name: float(value) for name, value in losses.items()})
    assert all(abs(value) < 1e4 for row in rows for value in row.values())
    assert sum(r["g_rec"] for r in rows[-5:]) < 0.5 * sum(r["g_rec"] for r in rows[:5])
    x = colours.expand(-1, 3, 32, 32)
    known = torch.tensor([[0], [1]] * 3, dtype=torch.int8)
    kept = torch.where(
        (known == 0)[:, :, None, None], method.eval().edit(x, known, Group(0, 0)), method.edit(x, known, Group(0, 1))
    )
    assert (kept - x).abs().mean() < 0.3
