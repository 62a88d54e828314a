"""ResidualGAN: sizes, every loss term re-derived image by image, and what each update touches."""

import copy
import math

import pytest
import torch
from torch import nn

from baselines.residualgan import ResidualGAN, ResidualGANDiscriminator, ResidualGANGenerator
from sgbench.data.labels import HIDDEN, Attribute, Group
from sgbench.methods.contract import Batch, update
from sgbench.methods.networks import frozen, num_parameters
from sgbench.methods.norms import InstanceNorm

SMILE = Attribute("smile", ("no", "yes"))
LABELS = torch.tensor([[0], [0], [1], [1]], dtype=torch.int8)


def make(size=32, **settings):
    torch.manual_seed(0)
    return ResidualGAN([SMILE], size, ResidualGAN.Settings(base_width=2, **settings), LABELS)


def make_batch(labels=LABELS, size=32):
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.rand(len(labels), 3, size, size, generator=generator) * 2 - 1, labels)


def cross_entropy(logits, target):
    return logits.exp().sum().log() - logits[target]


def d_losses(method, x_real):
    return method.discriminator_losses(x_real, [g(x) for g, x in zip(method.generators, x_real, strict=True)])


def g_losses(method, x, source):
    return method.generator_losses(x, method.generators[source](x), method.discriminator.features(x), source)


@pytest.mark.parametrize(("size", "count"), [(32, 671_939), (64, 2_782_915), (128, 11_199_171), (256, 27_979_459)])
def test_discriminator_has_the_known_number_of_parameters(size, count):
    with torch.device("meta"):
        assert num_parameters(ResidualGANDiscriminator(size, 64)) == count


def test_generator_has_the_known_number_of_parameters():
    with torch.device("meta"):
        assert num_parameters(ResidualGANGenerator(64)) == 1_033_795


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_shapes_at_every_size(size):
    method, batch = make(size=size), make_batch(size=size)
    logits, phi = method.discriminator(batch.images)
    assert logits.shape == (4, 3)
    assert phi.shape[-2:] == (8, 8)
    result = method.edit(batch.images, batch.labels, Group(0, 1))
    assert result.shape == batch.images.shape
    assert result.abs().max() <= 1
    assert not result.requires_grad


def test_features_are_a_convolutions_output_before_norm_and_activation():
    discriminator = ResidualGANDiscriminator(64, 2)
    assert isinstance(discriminator.features[-1], nn.Conv2d)
    assert isinstance(discriminator.classifier[0], nn.InstanceNorm2d)
    strides = [m.stride[0] for m in discriminator.classifier if isinstance(m, nn.Conv2d)]
    assert strides == [2, 1]
    x = torch.randn(2, 3, 64, 64)
    _, phi = discriminator(x)
    assert torch.equal(phi, discriminator.features(x))  # not overwritten by what follows


def test_networks_norms_and_activations():
    method = make()
    for generator in method.generators:
        kinds = [type(m) for m in generator.body]
        assert kinds.count(InstanceNorm) == 5
        assert kinds[1:10:2] == [InstanceNorm] * 5
        assert isinstance(generator.body[-1], nn.Conv2d)
    assert isinstance(method.discriminator.features[1], nn.LeakyReLU)
    assert [isinstance(m, InstanceNorm) for m in method.discriminator.classifier] == [True, False, True, False]
    norms = [m for m in method.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == 2 * 5 + 2
    assert all(m.slope == 0.2 for m in norms)  # a norm includes its activation
    assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms)
    convolutions = [m for m in method.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all((m.bias == 0).all() for m in convolutions)
    assert all(m.negative_slope == 0.2 for m in method.modules() if isinstance(m, nn.LeakyReLU))
    weights = torch.cat([m.weight.flatten() for m in convolutions])
    assert weights.abs().max() <= 0.04
    assert weights.std().item() == pytest.approx(0.02 * 0.8796, rel=0.05)  # a normal cut at two deviations


@pytest.mark.parametrize(
    "attributes",
    [[], [SMILE, Attribute("gender", ("female", "male"))], [Attribute("shape", ("round", "oval", "long"))]],
)
def test_anything_but_one_attribute_of_two_values_is_an_error(attributes):
    found = attributes[-1].name if attributes else "none"
    remedy = "every attribute of ResidualGAN needs two values: .* --methods, or .* --attributes"
    with pytest.raises(ValueError, match=f"exactly one attribute.*{found}.*; {remedy}"):
        ResidualGAN(attributes, 32, ResidualGAN.Settings(base_width=2), LABELS)


def test_unsupported_size_and_unknown_setting_are_errors():
    with pytest.raises(ValueError, match="image_size 48"):
        make(size=48)
    with pytest.raises(ValueError, match="lambda_gp"):
        ResidualGAN.Settings(lambda_gp=1)


def test_defaults_are_the_official_ones():
    s = ResidualGAN.Settings()
    assert (s.iterations, s.constant_iterations, s.batch_size, s.learning_rate) == (50_000, 20_000, 16, 1e-4)
    assert (s.alpha, s.beta, s.lambda_dual) == (5e-5, 5e-6, 1)
    method = make(discriminator_learning_rate=3e-4, discriminator_width=3)
    assert {n: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for n, o in method.optimizers.items()} == {
        "generator_0": (1e-4, (0.5, 0.9)),
        "generator_1": (1e-4, (0.5, 0.9)),
        "discriminator": (3e-4, (0.5, 0.9)),
    }
    assert method.discriminator.features[0].out_channels == 3


def test_discriminator_losses_image_by_image():
    method, batch = make(), make_batch()
    x_real = batch.images.chunk(2)
    losses = d_losses(method, x_real)
    real = fake = 0.0
    for value in (0, 1):
        for x in x_real[value]:
            result = x[None] + method.generators[value](x[None]).detach()
            real += cross_entropy(method.discriminator(x[None])[0][0], value) / 2
            fake += cross_entropy(method.discriminator(result)[0][0], 2) / 2
    torch.testing.assert_close(losses["d_real"], real, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["d_fake"], fake, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("source", [0, 1])
def test_generator_losses_image_by_image(source):
    method, batch = make(alpha=0.3, beta=0.2, lambda_dual=5), make_batch()
    losses = g_losses(method, batch.images, source)
    own, other = method.generators[source], method.generators[1 - source]
    cls = dual = sparse = perceptual = 0.0
    for x in batch.images[:, None]:
        residual = own(x)
        result = x + residual
        cls += cross_entropy(method.discriminator(result)[0][0], 1 - source) / 4
        dual += cross_entropy(method.discriminator(result + other(result))[0][0], source) / 4
        sparse += residual.abs().sum() / 4
        perceptual += (method.discriminator.features(x) - method.discriminator.features(result)).abs().sum() / 4
    torch.testing.assert_close(losses["g_cls"], cls, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["g_dual"], 5 * dual, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["g_sparse"], 0.3 * 16 * sparse, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["g_perc"], 0.2 * perceptual, rtol=1e-4, atol=1e-6)


def test_terms_of_a_known_residual():
    method, x = make(), make_batch().images
    for generator in method.generators:
        generator.forward = lambda x: torch.full_like(x, 0.5)
    method.discriminator.forward = lambda x: (torch.zeros(len(x), 3), x * 2)
    method.discriminator.features.forward = lambda x: x * 2
    losses = g_losses(method, x, 0)
    assert losses["g_cls"].item() == pytest.approx(math.log(3))
    assert losses["g_dual"].item() == pytest.approx(math.log(3))
    assert losses["g_sparse"].item() == pytest.approx(5e-5 * 16 * 0.5 * 3 * 32 * 32, rel=1e-5)
    assert losses["g_perc"].item() == pytest.approx(5e-6 * 3 * 32 * 32, rel=1e-5)


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_a_given_residual_costs_the_same_at_every_size(size):
    method = make(size=size)
    assert method.sparsity * size**2 == pytest.approx(5e-5 * 128**2)


def test_each_update_touches_its_own_network():
    method, batch = make(), make_batch()
    x_real = batch.images.chunk(2)

    def changed(name, losses):
        before = copy.deepcopy(method.state_dict())
        for p in method.parameters():
            p.grad = None
        update(method.optimizers[name], losses())
        with_gradient = {key for key, p in method.named_parameters() if p.grad is not None}
        after = method.state_dict()
        return {key for key in before if not torch.equal(before[key], after[key])}, with_gradient

    moved, with_gradient = changed("discriminator", lambda: d_losses(method, x_real))
    assert moved
    assert all(key.startswith("discriminator") for key in moved | with_gradient)
    for source in (0, 1):
        with frozen(method.discriminator), frozen(method.generators[1 - source]):
            moved, with_gradient = changed(f"generator_{source}", lambda s=source: g_losses(method, x_real[s], s))
        assert moved
        assert all(key.startswith(f"generators.{source}") for key in moved)
        assert all(key.startswith(f"generators.{source}") for key in with_gradient)


def test_dual_term_trains_through_the_other_network():
    method, batch = make(), make_batch()
    with frozen(method.discriminator), frozen(method.generators[1]):
        losses = g_losses(method, batch.images, 0)
    gradients = torch.autograd.grad(losses["g_dual"], method.generators[0].body[-1].weight)
    assert gradients[0].abs().max() > 0


def test_step_takes_the_first_half_as_value_0_and_the_second_as_value_1():
    method, batch = make(), make_batch()
    critic, own = [], []
    method.discriminator_losses = lambda x_real, residuals: (
        critic.append((x_real, [r.detach() for r in residuals]))
        or ResidualGAN.discriminator_losses(method, x_real, residuals)
    )
    method.generator_losses = lambda x, residual, phi, source: (
        own.append((x, residual, phi, source)) or ResidualGAN.generator_losses(method, x, residual, phi, source)
    )
    before = copy.deepcopy(method.generators)
    losses = method.step([batch], 0)
    assert set(losses) == {"d_real", "d_fake", "g_cls", "g_dual", "g_sparse", "g_perc"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    ((x_real, residuals),) = critic
    halves = [batch.images[:2], batch.images[2:]]
    assert len(x_real) == len(residuals) == len(own) == 2
    for source, (x, residual, phi, said) in enumerate(own):
        assert said == source
        assert torch.equal(x, halves[source])
        assert torch.equal(x_real[source], halves[source])
        torch.testing.assert_close(residuals[source], before[source](halves[source]).detach())
        assert torch.equal(residual, residuals[source])
        torch.testing.assert_close(phi, method.discriminator.features(x).detach())
        assert not phi.requires_grad
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator_0": 1, "generator_1": 1, "discriminator": 1}
    assert all(p.requires_grad for p in method.parameters())


def test_step_depends_on_the_half_of_an_image_and_not_on_its_place_in_it():
    batch, losses = make_batch(), []
    for order in ([0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1]):
        losses.append(make().step([Batch(batch.images[order], batch.labels)], 0))
    for name, value in losses[0].items():
        torch.testing.assert_close(value, losses[1][name], rtol=1e-4, atol=1e-6)
    assert losses[0]["d_real"] != pytest.approx(losses[2]["d_real"].item(), rel=1e-4)


def test_step_reports_the_sum_of_both_networks_terms():
    method, twin, batch = make(), make(), make_batch()
    losses = method.step([batch], 0)
    x_real = batch.images.chunk(2)
    update(twin.optimizers["discriminator"], d_losses(twin, x_real))
    zero = g_losses(twin, x_real[0], 0)
    update(twin.optimizers["generator_0"], zero)
    one = g_losses(twin, x_real[1], 1)
    for name in zero:
        torch.testing.assert_close(losses[name], (zero[name] + one[name]).detach(), rtol=1e-4, atol=1e-6)


def test_edit_clamps_and_ignores_labels():
    method, batch = make(), make_batch()
    method.generators[0].forward = lambda x: torch.full_like(x, 0.7)
    method.generators[1].forward = lambda x: torch.full_like(x, -0.7)
    up = method.edit(batch.images, batch.labels, Group(0, 1))
    assert torch.equal(up, (batch.images + 0.7).clamp(max=1))
    assert torch.equal(up, method.edit(batch.images, torch.full_like(LABELS, HIDDEN), Group(0, 1)))
    down = method.edit(batch.images, batch.labels, Group(0, 0))
    assert torch.equal(down, (batch.images - 0.7).clamp(min=-1))
    both = method.translate(batch.images, batch.labels, [Group(0, 1), Group(0, 0)])
    assert torch.equal(both, (up - 0.7).clamp(-1, 1))
