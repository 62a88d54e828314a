"""The plain methods have the described sizes, losses and iterations, and the arithmetic counts what they compute."""

import copy
from math import exp, log, sqrt

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.plain.arithmetic import residualgan_flops, sggan_flops, stargan_flops
from benchmarks.plain.residualgan import Deconv, PlainResidualGAN
from benchmarks.plain.sggan import PlainSGGAN
from benchmarks.plain.shared import gradient_penalty
from benchmarks.plain.stargan import PlainStarGAN, vector_entries

SIZES = (32, 64, 128, 256)


def by_size(*expected):
    return pytest.mark.parametrize(("size", "expected"), list(zip(SIZES, expected, strict=True)))


def parameters(network):
    return sum(p.numel() for p in network.parameters())


class Operations(TorchDispatchMode):
    """Counts with the formulas of FlopCounterMode, which itself cannot go through ``torch.autograd.grad``."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def operations(compute):
    with Operations() as counted:
        sum(compute().values()).backward()
    return counted.total


# Sizes


@by_size(4_323_463, 10_877_575, 24_002_695, 24_076_423)
def test_parameters_of_sggan(size, expected):
    model = PlainSGGAN((2, 2, 2), size, device="meta")
    assert parameters(model.discriminator) == expected
    assert parameters(model.generator) == 8_277_888 + 6 * 141_116


def test_more_parameters_of_sggan():
    model = PlainSGGAN((2, 2, 2, 2), 128, device="meta")
    assert parameters(model.generator) == 9_406_816
    assert parameters(model.discriminator) == 23_978_113 + 8 * 4_097


@by_size(2_771_392, 11_175_872, 44_762_048, 44_884_928)
def test_parameters_of_stargan(size, expected):
    model = PlainStarGAN(image_size=size, device="meta")
    assert len(model.entries) == 5
    assert parameters(model.discriminator) == expected
    assert parameters(model.generator) == 8_430_528


@by_size(671_939, 2_782_915, 11_199_171, 27_979_459)
def test_parameters_of_residualgan(size, expected):
    model = PlainResidualGAN(size, device="meta")
    assert parameters(model.discriminator) == expected
    assert [parameters(g) for g in model.generators] == [1_033_795] * 2
    x = torch.zeros(1, 3, size, size, device="meta")
    assert model.generators[0](x).shape == x.shape
    logits, phi = model.discriminator(x)
    assert logits.shape == (1, 3)
    assert phi.shape[2:] == (8, 8)


def test_layers_are_registered_in_order():
    generator = PlainSGGAN((2, 3), 32, 1, 1).generator
    convolutions = [m for m in generator.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    widths = [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in convolutions]
    assert widths == [(3, 1, 7), (1, 2, 4), (2, 4, 4), *[(4, 4, 3)] * 12, (4, 2, 4), *[(2, 1, 4), (4, 3, 7)] * 5]
    names = [name for name, _ in PlainSGGAN((2, 3), 32, 1, 1).discriminator.named_parameters()]
    assert [n.split(".")[0] for n in names] == ["features"] * 8 + ["adversarial"] * 2 + ["classifiers"] * 4


# Padding


def test_same_padding_puts_the_odd_pixel_at_the_end():
    convolution = PlainSGGAN((2,), 32, 1, 1).discriminator.features[:2]
    last = PlainResidualGAN(32, 1, 1).generators[0].layers[-2:]
    for layers, channels, sides in ((convolution, 3, (4, 5, 3)), (last, 1, (3, 4, 2))):
        nn.init.ones_(layers[1].weight)
        out = layers(torch.ones(1, channels, 32, 32))[0, 0]
        first, middle, end = sides
        assert out[0, 0] == channels * first * first
        assert out[2, 2] == channels * middle * middle
        assert out[-1, 0] == channels * end * first
        assert out.shape == ((16, 16) if channels == 3 else (32, 32))


def test_deconvolution_is_the_gradient_of_the_convolution():
    deconv, x = Deconv(2, 3), torch.zeros(1, 3, 8, 8, requires_grad=True)
    y = torch.randn(1, 2, 4, 4)
    out = torch.conv2d(nn.functional.pad(x, (0, 1, 0, 1)), deconv.deconv.weight, stride=2)
    (gradient,) = torch.autograd.grad(out, x, y)
    torch.testing.assert_close(deconv(y), gradient + deconv.deconv.bias.view(1, 3, 1, 1))


# Losses by hand


class Offsets(nn.Module):
    """An SG-GAN generator: each group's output is half the input plus a constant."""

    def __init__(self, constants):
        super().__init__()
        self.constants = constants

    def forward(self, x, groups=None):
        return [x / 2 + self.constants[g] for g in (groups or range(len(self.constants)))]


class Squares(nn.Module):
    """A critic whose gradient is the image, with the same logits for every image."""

    def __init__(self, logits):
        super().__init__()
        self.logits = self.classifiers = logits

    def features(self, x):
        return x

    def adversarial(self, features):
        return features.pow(2).sum((1, 2, 3)) / 2

    critic = adversarial

    def classify(self, features, attribute=0):
        return torch.tensor(self.logits[attribute]).expand(len(features), -1)


def constant_images(values, side=2):
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, side, side)


def close(losses, **expected):
    assert {name: pytest.approx(loss.item(), rel=1e-5) for name, loss in losses.items()} == expected


def entropy(logits, label):
    return log(sum(exp(v) for v in logits)) - logits[label]


def test_losses_of_sggan():
    constants, logits = (0.1, -0.2, 0.3, 0.5, -0.4), [(0.0, 1.0), (1.0, 0.0, -1.0)]
    model = PlainSGGAN((2, 3), 32, 1, 1, lambda_gp=7, lambda_cls=2, lambda_adv=3, lambda_rec=5)
    model.generator, model.discriminator = Offsets(constants), Squares(logits)
    images, n = (0.4, -0.6, 0.8), 12
    labels = torch.tensor([[0, -1], [1, -2], [-1, 2]], dtype=torch.int8)
    mix = torch.linspace(0, 1, 15)
    fakes = [[a / 2 + c for a in images] for c in constants]
    adv = sum(n * (f * f - a * a) / 2 for row in fakes for f, a in zip(row, images, strict=True)) / 3
    mixed = [
        float(mix[3 * g + b]) * images[b] + (1 - float(mix[3 * g + b])) * fakes[g][b]
        for g in range(5)
        for b in range(3)
    ]
    close(
        model.discriminator_losses(constant_images(images), labels, mix),
        d_adv=adv,
        d_gp=7 * sum((sqrt(n) * abs(v) - 1) ** 2 for v in mixed) / 3,
        d_cls=2 * ((entropy(logits[0], 0) + entropy(logits[0], 1)) / 2 + entropy(logits[1], 2)),
    )
    pairs = [0.1, -0.2, 0.3, 0.3, 0.5, 0.5, -0.4, -0.4]
    close(
        model.generator_losses(constant_images(images)),
        g_adv=-3 * sum(n * f * f / 2 for row in fakes for f in row) / 3,
        g_cls=2 * sum(entropy(logits[j], i) for j, m in enumerate((2, 3)) for i in range(m)),
        g_rec=5 * sum(abs(c / 2 - a / 4) for c in pairs for a in images) / 24,
    )


def test_nothing_labelled_is_no_classification():
    model = PlainSGGAN((2,), 32, 1, 1, n_critic=1)
    x, labels = torch.randn(2, 3, 32, 32), torch.full((2, 1), -1, dtype=torch.int8)
    assert model.discriminator_losses(x, labels, torch.rand(4))["d_cls"] == 0


def test_gradient_penalty_of_a_linear_critic():
    weight = torch.tensor([3.0, 4.0], requires_grad=True)
    x = torch.randn(5, 2, 1, 1)
    penalty = gradient_penalty(lambda x: x.flatten(1) @ weight, x, -x, torch.rand(5))
    assert penalty.item() == pytest.approx(16)
    penalty.backward()
    torch.testing.assert_close(weight.grad, 2 * 4 * torch.tensor([0.6, 0.8]))


class AddFirstEntry(nn.Module):
    """A StarGAN generator: half the image plus the vector's first entry."""

    def forward(self, x, vector):
        return x / 2 + vector[:, 0, None, None, None]


def test_vectors_of_stargan():
    assert vector_entries((2, 2, 3), (True, False, True)) == [(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    model = PlainStarGAN((2, 2), (True, False), 32, 1, 1)
    labels = torch.tensor([[1, 0], [0, -2], [-1, 1], [1, -1]], dtype=torch.int8)
    vector, known = model.encode(labels)
    assert vector.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert known.tolist() == [[1, 1, 1], [1, 1, 1], [0, 1, 1], [1, 0, 0]]


def test_losses_of_stargan():
    logits, n = [(0.5, -1.0, 2.0)], 12
    model = PlainStarGAN((2, 2), (True, False), 32, 1, 1, lambda_gp=7, lambda_cls=2, lambda_rec=5)
    model.generator, model.discriminator = AddFirstEntry(), Squares(logits)
    images, x = (0.4, -0.6, 0.8, 0.2), constant_images((0.4, -0.6, 0.8, 0.2))
    labels = torch.tensor([[1, 0], [0, -2], [-1, 1], [1, -1]], dtype=torch.int8)
    target = torch.tensor([[0, 0, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]]).float()
    mix = torch.tensor([0.0, 0.25, 0.5, 1.0])
    fakes = [0.2, 0.7, 1.4, 0.1]
    mixed = [s * a + (1 - s) * f for s, a, f in zip(mix.tolist(), images, fakes, strict=True)]
    yes, no = ([log(1 + exp(sign * z)) for z in logits[0]] for sign in (-1, 1))
    known = (2 * yes[0] + no[0]) / 3 + (yes[1] + 2 * no[1]) / 3 + (2 * no[2] + yes[2]) / 3
    close(
        model.discriminator_losses(x, labels, target, mix),
        d_adv=sum(n * (f * f - a * a) / 2 for f, a in zip(fakes, images, strict=True)) / 4,
        d_gp=7 * sum((sqrt(n) * abs(v) - 1) ** 2 for v in mixed) / 4,
        d_cls=2 * known,
    )
    # The first two images are known: 0.4 -> 0.2 -> 0.1 + 1, and -0.6 -> 0.7 -> 0.35.
    close(
        model.generator_losses(x, labels, target),
        g_adv=-sum(n * f * f / 2 for f in fakes) / 4,
        g_cls=2 * (2 * yes[0] + 2 * no[0] + yes[1] + 3 * no[1] + yes[2] + 3 * no[2]) / 4,
        g_rec=5 * (0.7 + 0.95) / 2,
    )
    hidden = torch.full_like(labels, -1)
    assert model.generator_losses(x, hidden, target)["g_rec"] == 0


class Multiple(nn.Module):
    """A ResidualGAN generator: the residual is a multiple of the image."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Means(nn.Module):
    """Logits from an image's mean; its map is three times the image."""

    def forward(self, x):
        return self.logits(x.mean((1, 2, 3))), self.lower(x)

    @staticmethod
    def logits(mean):
        return torch.stack([mean, -mean, 2 * mean], 1)

    @staticmethod
    def lower(x):
        return 3 * x


def test_losses_of_residualgan():
    model = PlainResidualGAN(64, 1, 1, lambda_cls=3, lambda_dual=2, alpha=0.01, beta=0.1)
    model.generators, model.discriminator = nn.ModuleList([Multiple(0.5), Multiple(-3.0)]), Means()

    def expected(images, label):
        return sum(entropy((m, -m, 2 * m), label) for m in images) / len(images)

    zero, one = (0.4, -0.2), (0.3, 0.6)
    images = [constant_images(zero), constant_images(one)]
    close(
        model.discriminator_losses(images),
        d_real=expected(zero, 0) + expected(one, 1),
        d_fake=expected((0.6, -0.3), 2) + expected((-0.6, -1.2), 2),
    )
    close(
        model.generator_losses(0, images[0]),
        g_cls=3 * expected((0.6, -0.3), 1),
        g_dual=2 * expected((-1.2, 0.6), 0),
        g_sparse=0.01 * 4 * 12 * (0.2 + 0.1) / 2,
        g_perc=0.1 * 12 * 3 * (0.2 + 0.1) / 2,
    )
    close(
        model.generator_losses(1, images[1]),
        g_cls=3 * expected((-0.6, -1.2), 0),
        g_dual=2 * expected((-0.9, -1.8), 1),
        g_sparse=0.01 * 4 * 12 * (0.9 + 1.8) / 2,
        g_perc=0.1 * 12 * 3 * (0.9 + 1.8) / 2,
    )


# Iterations


def draws(entries, groups):
    generator = torch.Generator().manual_seed(0)
    batches = [
        (torch.rand(3, 3, 32, 32, generator=generator) * 2 - 1, torch.tensor([[0, 1], [1, -2], [-1, 0]]))
        for _ in range(2)
    ]
    targets = [torch.randint(0, 2, (3, entries), generator=generator).float() for _ in range(2)]
    mixes = [torch.rand(3 * groups, generator=generator) for _ in range(2)]
    return batches, targets, mixes


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def all_changed(one, other):
    """Whether every weight moved; a bias that a norm takes away again need not."""
    pairs = zip(one.named_parameters(), other.parameters(), strict=True)
    return all(not torch.equal(a, b) for (name, a), b in pairs if a.ndim == 4)


def test_iteration_of_sggan():
    torch.manual_seed(0)
    model = PlainSGGAN((2, 2), 32, 4, 4, n_critic=2)
    before, by_hand = copy.deepcopy(model), copy.deepcopy(model)
    batches, _, mixes = draws(0, 4)
    terms = model.step(batches, mixes)
    by_hand.train_discriminator(*batches[0], mixes[0])
    last = by_hand.train_discriminator(*batches[1], mixes[1])
    assert same(by_hand.generator, before.generator)
    discriminator = copy.deepcopy(by_hand.discriminator)
    assert terms == last | by_hand.train_generator(batches[1][0])
    assert same(by_hand.discriminator, discriminator)
    assert same(model.discriminator, by_hand.discriminator)
    assert same(model.generator, by_hand.generator)
    assert all_changed(model.generator, before.generator)
    assert all_changed(model.discriminator, before.discriminator)
    assert all(p.requires_grad for p in model.discriminator.parameters())
    with pytest.raises(ValueError, match="2 batches, not 1"):
        model.step(batches[:1], mixes[:1])


def test_iteration_of_stargan():
    torch.manual_seed(0)
    model = PlainStarGAN((2, 2), (True, False), 32, 4, 4, n_critic=2)
    before, by_hand = copy.deepcopy(model), copy.deepcopy(model)
    batches, targets, mixes = draws(3, 1)
    terms = model.step(batches, targets, mixes)
    by_hand.train_discriminator(*batches[0], targets[0], mixes[0])
    last = by_hand.train_discriminator(*batches[1], targets[1], mixes[1])
    assert same(by_hand.generator, before.generator)
    assert terms == last | by_hand.train_generator(*batches[1], targets[1])
    assert same(model.discriminator, by_hand.discriminator)
    assert same(model.generator, by_hand.generator)
    assert all_changed(model.generator, before.generator)
    assert all_changed(model.discriminator, before.discriminator)
    assert all(p.requires_grad for p in model.discriminator.parameters())


def test_iteration_of_residualgan():
    torch.manual_seed(0)
    model = PlainResidualGAN(32, 4, 4)
    before, by_hand = copy.deepcopy(model), copy.deepcopy(model)
    images = [x for x, _ in draws(0, 1)[0]]
    terms = model.step(images)
    first = by_hand.train_discriminator(images)
    assert same(by_hand.generators, before.generators)
    second = by_hand.train_generator(0, images[0])
    assert same(by_hand.generators[1], before.generators[1])
    assert terms == [first, second, by_hand.train_generator(1, images[1])]
    assert same(model.discriminator, by_hand.discriminator)
    assert same(model.generators, by_hand.generators)
    assert all_changed(model.generators, before.generators)
    assert all_changed(model.discriminator, before.discriminator)


# Arithmetic


def by_layer(critic, image):
    """Forward operations of a critic's layers on one image, first to last."""
    counts = []
    for layer in [*critic.features, critic.adversarial]:
        with torch.no_grad(), Operations() as counted:
            image = layer(image)
        counts.append(counted.total)
    return counts


def autograd_wastes(critic, size):
    """What autograd adds per mixture: zeros go back through the forward pass, and the chain's start gets a gradient."""
    counts = by_layer(critic, torch.zeros(1, 3, size, size, device="meta"))
    return 2 * sum(counts[:-1]) + counts[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "widths", "values"), [(128, (64, 64), (2,) * 4), (64, (16, 8), (2, 3)), (256, (8, 4), (2,))]
)
def test_operations_of_sggan(size, widths, values):
    batch, groups = 3, sum(values)
    model = PlainSGGAN(values, size, *widths, device="meta")
    x = torch.zeros(batch, 3, size, size, device="meta")
    labels = torch.zeros(batch, len(values), dtype=torch.int8, device="meta")
    mix = torch.zeros(groups * batch, device="meta")
    flops = sggan_flops(values, size, batch, *widths, n_critic=1)
    wasted = batch * groups * autograd_wastes(model.discriminator, size)
    assert operations(lambda: model.discriminator_losses(x, labels, mix)) == flops.critic + flops.penalty + wasted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.plain.sggan.gradient_penalty", lambda *_: torch.zeros((), device="meta"))
        assert operations(lambda: model.discriminator_losses(x, labels, mix)) == flops.critic
    model.discriminator.requires_grad_(False)
    image_of_branches = 2 * batch * groups * 3 * 3 * 7 * 7 * size**2
    assert operations(lambda: model.generator_losses(x)) == flops.generator + image_of_branches
    five = sggan_flops(values, size, batch, *widths, n_critic=5)
    assert five.total == 5 * (flops.critic + flops.penalty) + flops.generator


@pytest.mark.parametrize(("size", "widths"), [(128, (64, 64)), (32, (16, 8))])
def test_operations_of_stargan(size, widths):
    batch = 3
    model = PlainStarGAN(image_size=size, generator_width=widths[0], discriminator_width=widths[1], device="meta")
    x = torch.zeros(batch, 3, size, size, device="meta")
    labels = torch.zeros(batch, 4, dtype=torch.int8, device="meta")
    target, mix = torch.zeros(batch, 5, device="meta"), torch.zeros(batch, device="meta")
    flops = stargan_flops(5, size, batch, *widths, n_critic=1)
    wasted = batch * autograd_wastes(model.discriminator, size)
    measured = operations(lambda: model.discriminator_losses(x, labels, target, mix))
    assert measured == flops.critic + flops.penalty + wasted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.plain.stargan.gradient_penalty", lambda *_: torch.zeros((), device="meta"))
        assert operations(lambda: model.discriminator_losses(x, labels, target, mix)) == flops.critic
    model.discriminator.requires_grad_(False)
    vector_of_reconstruction = 2 * batch * 5 * widths[0] * 7 * 7 * size**2
    assert operations(lambda: model.generator_losses(x, labels, target)) == flops.generator + vector_of_reconstruction
    none = stargan_flops(5, size, batch, *widths, n_critic=1, complete=0)
    one = stargan_flops(5, size, batch, *widths, n_critic=1, complete=1)
    assert flops.generator - none.generator == 3 * (one.generator - none.generator)


@pytest.mark.parametrize(("size", "widths"), [(128, (64, 64)), (32, (16, 8))])
def test_operations_of_residualgan(size, widths):
    batch = 3
    model = PlainResidualGAN(size, *widths, device="meta")
    images = [torch.zeros(batch, 3, size, size, device="meta") for _ in range(2)]
    flops = residualgan_flops(size, batch, *widths)
    assert operations(lambda: model.discriminator_losses(images)) == flops.critic
    assert flops.penalty == 0
    measured = 0
    for source in (0, 1):
        model.discriminator.requires_grad_(False)
        model.generators.requires_grad_(False)[source].requires_grad_(True)
        measured += operations(lambda source=source: model.generator_losses(source, images[source]))
    assert measured == flops.generator
