"""SG-GAN: sizes, variants, masks, every loss term re-derived image by image, and what each update touches."""

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sgbench.data.labels import HIDDEN, NONE, Attribute, Group, all_groups
from sgbench.methods import norms
from sgbench.methods.contract import Batch, update
from sgbench.methods.networks import frozen, num_parameters
from sgbench.methods.sggan import SGGAN, SGGANDiscriminator, SGGANGenerator, picked

GENDER = Attribute("gender", ("female", "male"))
SHAPE = Attribute("shape", ("round", "oval", "long"), exhaustive=False)
ATTRIBUTES = (GENDER, SHAPE)
GROUPS = [Group(0, 0), Group(0, 1), Group(1, 0), Group(1, 1), Group(1, 2)]
LABELS = torch.tensor([[0, 2], [1, HIDDEN], [HIDDEN, 0], [1, NONE]], dtype=torch.int8)
BINARY = [Attribute(name, ("no", "yes")) for name in "abcd"]


def make(attributes=ATTRIBUTES, size=32, **settings):
    torch.manual_seed(0)
    return SGGAN(attributes, size, SGGAN.Settings(base_width=2, **settings), LABELS)


def make_batch(labels=LABELS, seed=1, size=32):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(len(labels), 3, size, size, generator=generator) * 2 - 1, labels)


def cross_entropy(logits, target):
    return logits.exp().sum().log() - logits[target]


def logits_of(method, x):
    """The logits of one image for each attribute."""
    return [logit[0] for logit in method.discriminator.classify(method.discriminator.features(x))]


def fakes_of(method, batch):
    return method.generator(batch.images).detach()


def rows(parameter, position, dim=0):
    """The part of a packed parameter that belongs to a group."""
    return parameter.chunk(len(GROUPS), dim)[position]


def of_group(branches, position):
    """The layers of one branch: torch's own, from the packed parameters."""
    features = torch.nn.ConvTranspose2d(4, 2, 4, 2, 1)
    norm = torch.nn.InstanceNorm2d(2, affine=True)
    conv = torch.nn.Conv2d(2 + 3 * (branches.of_image is not None), 3, 7, padding=3)
    parts = [branches.of_features] + [branches.of_image] * (branches.of_image is not None)
    with torch.no_grad():
        features.weight.copy_(rows(branches.deconv.weight, position, 1))
        features.bias.copy_(rows(branches.deconv.bias, position))
        norm.weight.copy_(rows(branches.norm.weight, position))
        norm.bias.copy_(rows(branches.norm.bias, position))
        conv.weight.copy_(torch.cat([rows(part.weight, position) for part in parts], 1))
        conv.bias.copy_(rows(branches.of_features.bias, position))
    return torch.nn.Sequential(features, norm, torch.nn.ReLU()), conv


def shuffle_norms(method):
    """Scales and shifts drawn again, so that each counts."""
    with torch.no_grad():
        for p in method.parameters():
            if p.dim() == 1:
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())) * 0.3 + 0.5)


@pytest.mark.parametrize(("size", "count"), [(32, 4_323_463), (64, 10_877_575), (128, 24_002_695), (256, 24_076_423)])
def test_discriminator_has_the_papers_number_of_parameters(size, count):
    with torch.device("meta"):
        assert num_parameters(SGGANDiscriminator(BINARY[:3], size, 64)) == count


@pytest.mark.parametrize("num_groups", [2, 8])
def test_generator_has_the_papers_number_of_parameters(num_groups):
    with torch.device("meta"):
        generator = SGGANGenerator(BINARY[: num_groups // 2], 64, "refined")
    assert num_parameters(generator) == 8_277_888 + 141_116 * num_groups


@pytest.mark.parametrize(("size", "side"), [(32, 2), (64, 2), (128, 2), (256, 4)])
def test_shapes_at_every_size(size, side):
    method, batch = make(size=size), make_batch(size=size)
    score = method.discriminator(batch.images)
    assert score.shape == (4, 1, side, side)
    features = method.discriminator.features(batch.images)
    assert torch.equal(score, method.discriminator.adversarial(features))
    assert [logit.shape for logit in method.discriminator.classify(features)] == [(4, 2), (4, 3)]
    results = method.generator(batch.images)
    assert method.groups == method.generator.groups == all_groups(ATTRIBUTES) == tuple(GROUPS)
    assert len(results) == 5
    assert all(result.shape == batch.images.shape for result in results)
    assert method.generator.edit(batch.images, Group(1, 0)).shape == batch.images.shape


def test_unsupported_size_and_unknown_setting_are_errors():
    with pytest.raises(ValueError, match="image_size 48"):
        make(size=48)
    with pytest.raises(ValueError, match="lambda_dual"):
        SGGAN.Settings(lambda_dual=1)


def test_defaults_are_the_papers():
    s = SGGAN.Settings()
    assert (s.iterations, s.constant_iterations, s.batch_size, s.n_critic) == (20_000, 10_000, 8, 5)
    assert (s.lambda_gp, s.lambda_adv, s.lambda_cls, s.lambda_rec, s.learning_rate) == (10, 1, 1, 10, 1e-4)
    assert (s.residual, s.rec_reduction, s.pass_through) == ("refined", "mean", 0)


@pytest.mark.parametrize("variant", ["refined", "residual", "none"])
def test_residual_variants(variant):
    method, x = make(residual=variant), make_batch().images
    shuffle_norms(method)
    generator = method.generator
    features = generator.trunk(x)
    together = generator(x)
    swapped = generator.branches.paired([4, 2], features.expand(2, -1, -1, -1, -1), x.expand(2, -1, -1, -1, -1))
    for position, group in enumerate(GROUPS):
        deconv, conv = of_group(generator.branches, position)
        f = deconv(features)
        assert f.shape == (4, 2, 32, 32)
        expected = {
            "refined": lambda f=f, conv=conv: torch.tanh(conv(torch.cat([f, x], 1))),
            "residual": lambda f=f, conv=conv: x + torch.tanh(conv(f)),
            "none": lambda f=f, conv=conv: torch.tanh(conv(f)),
        }[variant]()
        result = generator.edit(x, group)
        torch.testing.assert_close(result, expected)
        torch.testing.assert_close(together[position], expected)
        if position in (4, 2):
            torch.testing.assert_close(swapped[(4, 2).index(position)], expected)
        assert torch.equal(method.edit(x, LABELS, group), result.detach().clamp(-1, 1))


def test_scales_and_shifts_are_not_rounded_in_autocast(monkeypatch):
    """Neither where all branches are computed, nor where some are: bfloat16 has three digits."""
    method, x, kinds = make(), make_batch().images, []
    apply = norms._NormThenLeaky.apply
    monkeypatch.setattr(
        norms._NormThenLeaky, "apply", lambda *a: kinds.append((a[0].dtype, a[1].dtype, a[2].dtype)) or apply(*a)
    )
    with torch.autocast("cpu", torch.bfloat16):
        method.reconstruction_errors(method.generator(x))
        method.edit(x, LABELS, Group(0, 1))
    assert set(kinds) == {(torch.bfloat16, torch.float32, torch.float32)}


def test_residual_variant_is_unclamped_in_training_and_clamped_when_shown():
    method, x = make(residual="residual"), make_batch().images
    with torch.no_grad():
        rows(method.generator.branches.of_features.bias, 1).fill_(5)
    assert method.generator(x)[1].max() > 1
    assert method.generator.edit(x, Group(0, 1)).max() > 1
    assert method.edit(x, LABELS, Group(0, 1)).max() == 1


def test_pass_through_starts_near_the_image():
    method, x = make(pass_through=1.5), make_batch().images
    for result in method.generator(x):
        assert (result - torch.tanh(1.5 * x)).abs().mean() < 0.1


def test_pass_through_leaves_the_rest_of_the_initialisation_alone():
    plain, passing = make().state_dict(), make(pass_through=1.0).state_dict()
    for name, value in plain.items():
        last = name in ("generator.branches.of_features.weight", "generator.branches.of_image.weight")
        assert torch.equal(value, passing[name]) != last


def test_pass_through_learns_to_use_the_features():
    method = make(pass_through=1.0, n_critic=1, learning_rate=1e-2)
    with torch.no_grad():
        method.generator.branches.of_features.weight.zero_()
    before = copy.deepcopy(method.generator.state_dict())
    for iteration in range(2):  # the first moves the kernel over F from 0, the second what makes F
        method.step([make_batch()], iteration)
    after = method.generator.state_dict()
    assert all((rows(after["branches.of_features.weight"], k) != 0).any() for k in range(len(GROUPS)))
    assert not torch.equal(before["trunk.0.0.weight"], after["trunk.0.0.weight"])


@pytest.mark.parametrize("variant", ["residual", "none"])
def test_pass_through_of_another_variant_is_an_error(variant):
    with pytest.raises(ValueError, match="pass_through"):
        make(residual=variant, pass_through=1.0)


def operations(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_only_the_asked_branches_are_computed(monkeypatch):
    method, batch = make(), make_batch()
    computed, one = [], method.generator.branches.one
    monkeypatch.setattr(method.generator.branches, "one", lambda k, *rest: computed.append(GROUPS[k]) or one(k, *rest))
    method.edit(batch.images, batch.labels, Group(1, 1))
    assert computed == [Group(1, 1)]
    computed.clear()
    method.translate(batch.images, batch.labels, [Group(1, 2), Group(0, 0)])
    assert computed == [Group(1, 2), Group(0, 0)]
    trunk = operations(lambda: method.generator.trunk(batch.images))
    branch = 2 * 4 * (16 * 16 * 4 * 2 * 4 * 4 + 32 * 32 * 5 * 3 * 7 * 7)
    assert operations(lambda: method.edit(batch.images, batch.labels, Group(1, 1))) == trunk + branch
    assert operations(lambda: method.translate(batch.images, batch.labels, GROUPS[:2])) == 2 * (trunk + branch)


def test_a_branch_reads_no_parameter_of_another():
    method, x = make(), make_batch().images
    expected, features, branches = (
        method.generator.edit(x, Group(1, 0)),
        method.generator.trunk(x),
        method.generator.branches,
    )
    of_one = {id(branches.deconv.weight): 1}
    with torch.no_grad():
        for p in branches.parameters():
            for other in (0, 1, 3, 4):
                rows(p, other, of_one.get(id(p), 0)).fill_(float("nan"))
    torch.testing.assert_close(method.generator.edit(x, Group(1, 0)), expected)
    torch.testing.assert_close(branches.paired([2], features[None], x[None])[0], expected)
    together = method.generator(x)
    torch.testing.assert_close(together[2], expected)
    assert together[[0, 1, 3, 4]].isnan().all()


def test_labels_do_not_enter_a_translation_and_edits_follow_one_another():
    method, batch = make(), make_batch()
    groups = [Group(0, 1), Group(1, 0)]
    result = method.translate(batch.images, batch.labels, groups)
    assert torch.equal(result, method.translate(batch.images, torch.full_like(LABELS, HIDDEN), groups))
    first = method.edit(batch.images, batch.labels, groups[0])
    assert torch.equal(result, method.edit(first, batch.labels, groups[1]))


def test_discriminator_losses_image_by_image():
    method, batch = make(lambda_gp=7, lambda_cls=3), make_batch()
    torch.manual_seed(3)
    losses = method.discriminator_losses(batch, fakes_of(method, batch))
    torch.manual_seed(3)
    mix = torch.rand(5 * 4).reshape(5, 4)
    d, adversarial, penalty = method.discriminator, 0.0, 0.0
    for k, group in enumerate(GROUPS):
        for i in range(4):
            x = batch.images[i : i + 1]
            fake = method.generator.edit(x, group).detach()
            adversarial += (d(fake).mean() - d(x).mean()) / 4
            between = (mix[k, i] * x + (1 - mix[k, i]) * fake).requires_grad_()
            gradient = torch.autograd.grad(d(between).sum(), between)[0]
            penalty += (gradient.square().sum().sqrt() - 1).square() / 4
    logits = [logits_of(method, batch.images[i : i + 1]) for i in range(4)]
    gender = sum(cross_entropy(logits[i][0], c) for i, c in ((0, 0), (1, 1), (3, 1))) / 3
    shape = sum(cross_entropy(logits[i][1], c) for i, c in ((0, 2), (2, 0))) / 2
    torch.testing.assert_close(losses["d_adv"], adversarial, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["d_gp"], 7 * penalty, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["d_cls"], 3 * (gender + shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["refined", "residual", "none"])
def test_generator_losses_image_by_image(variant):
    method, batch = make(residual=variant, lambda_adv=2, lambda_cls=3, lambda_rec=5), make_batch()
    per_output = make(residual=variant, lambda_rec=5, rec_reduction="per_output")
    losses = method.generator_losses(method.generator(batch.images))
    adversarial = cls = 0.0
    errors = []
    for i in range(4):
        fakes = {group: method.generator.edit(batch.images[i : i + 1], group) for group in GROUPS}
        for group, fake in fakes.items():
            adversarial += -method.discriminator(fake).mean() / 4
            cls += cross_entropy(logits_of(method, fake)[group.attribute], group.value) / 4
            for other, twin in fakes.items():
                if other.attribute == group.attribute and other != group:
                    again = method.generator.edit(fake, other)
                    errors.append((again - twin).abs().mean())
    assert len(errors) == 4 * (2 + 6)
    torch.testing.assert_close(losses["g_adv"], 2 * adversarial, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["g_cls"], 3 * cls, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["g_rec"], 5 * sum(errors) / 32, rtol=1e-4, atol=1e-5)
    summed = per_output.generator_losses(per_output.generator(batch.images))["g_rec"]
    torch.testing.assert_close(summed, 5 * sum(errors) / 4, rtol=1e-4, atol=1e-5)


def test_reconstruction_stops_no_gradient():
    method, x = make(), make_batch().images
    fakes = method.generator(x).detach().requires_grad_()
    (gradients,) = torch.autograd.grad(method.reconstruction_errors(fakes).sum(), fakes)
    female, male = (fake.detach().requires_grad_() for fake in fakes[:2])
    one = (method.generator.edit(female, Group(0, 1)) - male).abs().mean()
    two = (method.generator.edit(male, Group(0, 0)) - female).abs().mean()
    expected = torch.autograd.grad(one + two, [female, male])
    for gradient, value in zip(gradients[:2], expected, strict=True):
        assert value.abs().max() > 0
        torch.testing.assert_close(gradient, value, rtol=1e-3, atol=1e-7)


def test_reconstruction_errors_are_those_of_every_ordered_pair():
    method = make()
    fakes = fakes_of(method, make_batch())
    expected = [
        (method.generator.edit(fakes[i], other) - fakes[k]).abs().mean().item()
        for i, group in enumerate(GROUPS)
        for k, other in enumerate(GROUPS)
        if group.attribute == other.attribute and group != other
    ]
    errors = method.reconstruction_errors(fakes).tolist()
    assert len(errors) == 2 + 6
    assert sorted(errors) == pytest.approx(sorted(expected), rel=1e-4)


def test_mixed_images_change_no_masked_term():
    method, batch = make(), make_batch()
    other = make_batch(torch.full((5, 2), HIDDEN, dtype=torch.int8), seed=2)
    both = Batch(torch.cat([batch.images, other.images]), torch.cat([batch.labels, other.labels]))
    few, many = (method.discriminator_losses(b, fakes_of(method, b)) for b in (batch, both))
    torch.testing.assert_close(few["d_cls"], many["d_cls"], rtol=1e-5, atol=1e-6)
    assert few["d_adv"] != many["d_adv"]


def test_hidden_and_none_are_masked_alike():
    method, batch = make(), make_batch()
    swapped = LABELS.clone()
    swapped[LABELS == HIDDEN], swapped[LABELS == NONE] = NONE, HIDDEN
    fakes = fakes_of(method, batch)
    torch.manual_seed(4)
    one = method.discriminator_losses(batch, fakes)
    torch.manual_seed(4)
    two = method.discriminator_losses(Batch(batch.images, swapped), fakes)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("label", [HIDDEN, NONE])
def test_all_hidden_batch_has_no_masked_term_and_no_gradient_of_it(label):
    method, batch = make(), make_batch(torch.full((3, 2), label, dtype=torch.int8))
    loss = method.discriminator_losses(batch, fakes_of(method, batch))["d_cls"]
    assert loss == 0
    loss.backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in method.discriminator.parameters())


def test_each_update_touches_its_own_network():
    method, batch = make(), make_batch()
    before = copy.deepcopy(method.state_dict())
    fakes = method.generator(batch.images)
    update(method.optimizers["discriminator"], method.discriminator_losses(batch, fakes.detach()))
    middle = copy.deepcopy(method.state_dict())
    assert all(p.grad is None for p in method.generator.parameters())
    for p in method.discriminator.parameters():
        p.grad = None
    with frozen(method.discriminator):
        update(method.optimizers["generator"], method.generator_losses(fakes))
    assert all(p.grad is None for p in method.discriminator.parameters())
    after = method.state_dict()
    unchanged = {name for name in before if torch.equal(before[name], middle[name])}
    unchanged.discard("discriminator.adversarial.bias")  # its gradients on real and fake images cancel
    assert unchanged == {name for name in before if name.startswith("generator")}
    unchanged = {name for name in before if torch.equal(middle[name], after[name])}
    of_norms = {f"{name}.bias" for name, m in method.named_modules() if not getattr(m, "adds_bias", True)}
    assert {name for name in before if name.startswith("discriminator")} | of_norms == unchanged
    assert len(of_norms) == 3 + 12 + 2  # an instance norm follows, which would take a bias away again


def test_step_updates_the_critic_on_every_batch_and_the_generator_on_the_last():
    method = make(n_critic=3, discriminator_learning_rate=3e-4)
    batches = [make_batch(seed=s) for s in range(method.batches_per_iteration)]
    expected = [fakes_of(method, batch) for batch in batches]
    seen, critic = [], []
    method.generator_losses = lambda fakes: seen.append(fakes) or SGGAN.generator_losses(method, fakes)
    method.discriminator_losses = lambda batch, fakes: (
        critic.append((batch, fakes)) or SGGAN.discriminator_losses(method, batch, fakes)
    )
    losses = method.step(batches, 0)
    assert set(losses) == {"d_adv", "d_gp", "d_cls", "g_adv", "g_cls", "g_rec"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    assert [batch is own for (batch, _), own in zip(critic, batches, strict=True)] == [True] * 3
    assert not any(fakes.requires_grad for _, fakes in critic)
    for (_, fakes), value in zip(critic, expected, strict=True):  # one generator for all of them
        torch.testing.assert_close(fakes, value)
    assert len(seen) == 1
    assert seen[0].requires_grad
    assert torch.equal(seen[0], critic[-1][1])
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    rates = {name: o.param_groups[0]["lr"] for name, o in method.optimizers.items()}
    assert rates == {"generator": 1e-4, "discriminator": 3e-4}
    assert all(p.requires_grad for p in method.parameters())


@pytest.mark.parametrize("positions", [[0, 1, 2, 3], [2], [3, 1], [1, 1, 0], [0, 1, 2]])
def test_picked_are_the_entries_in_the_order_asked_for(positions):
    x = torch.randn(4, 2, 3, requires_grad=True)
    weights = torch.randn(len(positions), 2, 3)
    result = picked(x, positions)
    assert torch.equal(result, x[torch.tensor(positions)])
    (gradient,) = torch.autograd.grad((result * weights).sum(), x)
    expected = torch.zeros_like(x).index_add(0, torch.tensor(positions), weights)
    torch.testing.assert_close(gradient, expected)


def test_picked_copies_nothing_where_everything_is_asked_for():
    x = torch.randn(3, 2)
    assert picked(x, range(3)) is x
    assert picked(x, (0, 1, 2)) is x


def test_hes_weights_have_the_spread_of_each_branchs_own_layers():
    torch.manual_seed(0)
    settings = SGGAN.Settings(base_width=16, weight_init="he")
    branches = SGGAN(ATTRIBUTES, 32, settings, LABELS).generator.branches
    for position in range(len(GROUPS)):
        deconv, conv = rows(branches.deconv.weight, position, 1), rows(branches.of_features.weight, position)
        assert deconv.std().item() == pytest.approx((2 / (16 * 4 * 4)) ** 0.5, rel=0.05)
        for part in (conv, rows(branches.of_image.weight, position)):
            assert part.std().item() == pytest.approx((2 / ((16 + 3) * 7 * 7)) ** 0.5, rel=0.12)
    assert (branches.deconv.bias == 0).all()
    assert (branches.of_features.bias == 0).all()
    assert 0 < branches.norm.weight.std() < 0.04
