"""SG-GAN: sizes, variants, masks, every loss term re-derived image by image, and what each update touches."""

import copy

import pytest
import torch

from sgbench.data.labels import HIDDEN, NONE, Attribute, Group, all_groups
from sgbench.methods.contract import Batch, update
from sgbench.methods.networks import frozen, num_parameters
from sgbench.methods.sggan import SGGAN, SGGANDiscriminator, SGGANGenerator

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
    score, logits = method.discriminator(batch.images)
    assert score.shape == (4, 1, side, side)
    assert [logit.shape for logit in logits] == [(4, 2), (4, 3)]
    results = method.generator(batch.images, method.groups)
    assert method.groups == all_groups(ATTRIBUTES) == tuple(GROUPS)
    assert len(results) == 5
    assert all(result.shape == batch.images.shape for result in results)


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
    generator = method.generator
    branch = generator.branch(Group(1, 2))
    f = branch.deconv(generator.trunk(x))
    assert f.shape == (4, 2, 32, 32)
    expected = {
        "refined": lambda: torch.tanh(branch.conv(torch.cat([f, x], 1))),
        "residual": lambda: x + torch.tanh(branch.conv(f)),
        "none": lambda: torch.tanh(branch.conv(f)),
    }[variant]()
    (result,) = generator(x, [Group(1, 2)])
    torch.testing.assert_close(result, expected)
    assert torch.equal(method.edit(x, LABELS, Group(1, 2)), result.detach().clamp(-1, 1))


def test_residual_variant_is_unclamped_in_training_and_clamped_when_shown():
    method, x = make(residual="residual"), make_batch().images
    with torch.no_grad():
        method.generator.branch(Group(0, 1)).conv.bias.fill_(5)
    (result,) = method.generator(x, [Group(0, 1)])
    assert result.max() > 1
    assert method.edit(x, LABELS, Group(0, 1)).max() == 1


def test_pass_through_starts_near_the_image():
    method, x = make(pass_through=1.5), make_batch().images
    for result in method.generator(x, GROUPS):
        assert (result - torch.tanh(1.5 * x)).abs().mean() < 0.1


def test_pass_through_leaves_the_rest_of_the_initialisation_alone():
    plain, passing = make().state_dict(), make(pass_through=1.0).state_dict()
    for name, value in plain.items():
        last = name.endswith(".conv.weight") and name.startswith("generator.branches")
        assert torch.equal(value, passing[name]) != last


def test_pass_through_learns_to_use_the_features():
    method = make(pass_through=1.0, n_critic=1, learning_rate=1e-2)
    before = copy.deepcopy(method.generator.state_dict())
    for iteration in range(2):  # the first moves the kernel over F from 0, the second what makes F
        method.step([make_batch()], iteration)
    after = method.generator.state_dict()
    assert all((after[f"branches.{g.attribute}_{g.value}.conv.weight"][:, :2] != 0).any() for g in GROUPS)
    assert not torch.equal(before["trunk.0.0.weight"], after["trunk.0.0.weight"])


@pytest.mark.parametrize("variant", ["residual", "none"])
def test_pass_through_of_another_variant_is_an_error(variant):
    with pytest.raises(ValueError, match="pass_through"):
        make(residual=variant, pass_through=1.0)


def test_only_the_asked_branches_are_computed():
    method, batch = make(), make_batch()
    computed = []
    for group in GROUPS:
        method.generator.branch(group).register_forward_hook(lambda *_, g=group: computed.append(g))
    method.edit(batch.images, batch.labels, Group(1, 1))
    assert computed == [Group(1, 1)]
    computed.clear()
    method.translate(batch.images, batch.labels, [Group(1, 2), Group(0, 0)])
    assert computed == [Group(1, 2), Group(0, 0)]


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
    losses = method.discriminator_losses(batch)
    torch.manual_seed(3)
    mix = torch.rand(5 * 4).reshape(5, 4)
    d, adversarial, penalty = method.discriminator, 0.0, 0.0
    for k, group in enumerate(GROUPS):
        for i in range(4):
            x = batch.images[i : i + 1]
            fake = method.generator(x, [group])[0].detach()
            adversarial += (d(fake)[0].mean() - d(x)[0].mean()) / 4
            between = (mix[k, i] * x + (1 - mix[k, i]) * fake).requires_grad_()
            gradient = torch.autograd.grad(d(between)[0].sum(), between)[0]
            penalty += (gradient.square().sum().sqrt() - 1).square() / 4
    logits = [d(batch.images[i : i + 1])[1] for i in range(4)]
    gender = sum(cross_entropy(logits[i][0][0], c) for i, c in ((0, 0), (1, 1), (3, 1))) / 3
    shape = sum(cross_entropy(logits[i][1][0], c) for i, c in ((0, 2), (2, 0))) / 2
    torch.testing.assert_close(losses["d_adv"], adversarial, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["d_gp"], 7 * penalty, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["d_cls"], 3 * (gender + shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["refined", "residual", "none"])
def test_generator_losses_image_by_image(variant):
    method, batch = make(residual=variant, lambda_adv=2, lambda_cls=3, lambda_rec=5), make_batch()
    per_output = make(residual=variant, lambda_rec=5, rec_reduction="per_output")
    losses = method.generator_losses(batch.images)
    adversarial = cls = 0.0
    errors = []
    for i in range(4):
        fakes = dict(zip(GROUPS, method.generator(batch.images[i : i + 1], GROUPS), strict=True))
        for group, fake in fakes.items():
            score, logits = method.discriminator(fake)
            adversarial += -score.mean() / 4
            cls += cross_entropy(logits[group.attribute][0], group.value) / 4
            for other, twin in fakes.items():
                if other.attribute == group.attribute and other != group:
                    again = method.generator(fake, [other])[0]
                    errors.append((again - twin).abs().mean())
    assert len(errors) == 4 * (2 + 6)
    torch.testing.assert_close(losses["g_adv"], 2 * adversarial, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["g_cls"], 3 * cls, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["g_rec"], 5 * sum(errors) / 32, rtol=1e-4, atol=1e-5)
    summed = per_output.generator_losses(batch.images)["g_rec"]
    torch.testing.assert_close(summed, 5 * sum(errors) / 4, rtol=1e-4, atol=1e-5)


def test_reconstruction_stops_no_gradient():
    method, x = make(), make_batch().images
    fakes = [f.detach().requires_grad_() for f in method.generator(x, GROUPS)]
    gradients = torch.autograd.grad(method.reconstruction_errors(fakes).sum(), fakes)
    female, male = fakes[:2]
    one = (method.generator(female, [Group(0, 1)])[0] - male).abs().mean()
    two = (method.generator(male, [Group(0, 0)])[0] - female).abs().mean()
    expected = torch.autograd.grad(one + two, [female, male])
    for gradient, value in zip(gradients, expected, strict=False):
        torch.testing.assert_close(gradient, value, rtol=1e-3, atol=1e-7)


def test_mixed_images_change_no_masked_term():
    method, batch = make(), make_batch()
    other = make_batch(torch.full((5, 2), HIDDEN, dtype=torch.int8), seed=2)
    both = Batch(torch.cat([batch.images, other.images]), torch.cat([batch.labels, other.labels]))
    few, many = method.discriminator_losses(batch), method.discriminator_losses(both)
    torch.testing.assert_close(few["d_cls"], many["d_cls"], rtol=1e-5, atol=1e-6)
    assert few["d_adv"] != many["d_adv"]


def test_hidden_and_none_are_masked_alike():
    method, batch = make(), make_batch()
    swapped = LABELS.clone()
    swapped[LABELS == HIDDEN], swapped[LABELS == NONE] = NONE, HIDDEN
    torch.manual_seed(4)
    one = method.discriminator_losses(batch)
    torch.manual_seed(4)
    two = method.discriminator_losses(Batch(batch.images, swapped))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("label", [HIDDEN, NONE])
def test_all_hidden_batch_has_no_masked_term_and_no_gradient_of_it(label):
    method, batch = make(), make_batch(torch.full((3, 2), label, dtype=torch.int8))
    loss = method.discriminator_losses(batch)["d_cls"]
    assert loss == 0
    loss.backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in method.discriminator.parameters())


def test_each_update_touches_its_own_network():
    method, batch = make(), make_batch()
    before = copy.deepcopy(method.state_dict())
    update(method.optimizers["discriminator"], method.discriminator_losses(batch))
    middle = copy.deepcopy(method.state_dict())
    assert all(p.grad is None for p in method.generator.parameters())
    for p in method.discriminator.parameters():
        p.grad = None
    with frozen(method.discriminator):
        update(method.optimizers["generator"], method.generator_losses(batch.images))
    assert all(p.grad is None for p in method.discriminator.parameters())
    after = method.state_dict()
    unchanged = {name for name in before if torch.equal(before[name], middle[name])}
    unchanged.discard("discriminator.adversarial.bias")  # its gradients on real and fake images cancel
    assert unchanged == {name for name in before if name.startswith("generator")}
    unchanged = {name for name in before if torch.equal(middle[name], after[name])}
    assert {name for name in before if name.startswith("discriminator")} == unchanged


def test_step_updates_the_critic_on_every_batch_and_the_generator_on_the_last():
    method = make(n_critic=3, discriminator_learning_rate=3e-4)
    batches = [make_batch(seed=s) for s in range(method.batches_per_iteration)]
    seen = []
    method.generator_losses = lambda x: seen.append(x) or SGGAN.generator_losses(method, x)
    losses = method.step(batches, 0)
    assert set(losses) == {"d_adv", "d_gp", "d_cls", "g_adv", "g_cls", "g_rec"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    assert len(seen) == 1
    assert seen[0] is batches[-1].images
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    rates = {name: o.param_groups[0]["lr"] for name, o in method.optimizers.items()}
    assert rates == {"generator": 1e-4, "discriminator": 3e-4}
    assert all(p.requires_grad for p in method.parameters())
