"""The networks of SemiStarGAN, AttGAN and STGAN against those of ``plain_rivals``, which were written apart."""

import pytest
import torch
from plain_rivals import (
    Norms,
    TransferUnit,
    attgan_generator,
    critic_and_classifier,
    semistargan_discriminator,
    semistargan_generator,
    stgan_generator,
)
from torch import nn
from torch.nn import functional as F

from baselines.attgan import AttGAN
from baselines.semistargan import SemiStarGAN
from baselines.stgan import STGAN
from sgbench.data.labels import Attribute
from sgbench.methods.batch_norm import BatchNorm, learning_statistics
from sgbench.methods.networks import frozen

GENDER = Attribute("gender", ("female", "male"))
HAIR = Attribute("hair", ("black", "blond"), exhaustive=False)
SHAPE = Attribute("shape", ("round", "oval", "long"))
FEW, MANY = (GENDER, HAIR), (GENDER, HAIR, SHAPE)  # 3 and 6 entries
BATCH, LONG_TRAINED = 4, 5000
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
SIZES = pytest.mark.parametrize("size", [32, 64])
MODES = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
EDITORS = pytest.mark.parametrize(("cls", "plain_generator"), [(AttGAN, "attgan"), (STGAN, "stgan")])


def make(cls, size, dtype, attributes=MANY):
    """A narrow method; every weight, scale, shift and statistic is drawn, so that no term vanishes."""
    labels = torch.zeros(1, len(attributes), dtype=torch.int8)
    method = cls(attributes, size, cls.Settings(base_width=3, discriminator_width=4), labels).to(dtype)
    random = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in method.parameters():
            spread = (2 / p[0].numel()) ** 0.5 if p.dim() > 1 else 0.3
            p.copy_(torch.randn(p.shape, generator=random) * spread + 0.5 * (p.dim() == 1))
        for norm in norms_of(method):
            norm.mean.copy_(torch.randn(norm.mean.shape, generator=random) * 0.3)
            norm.variance.copy_(torch.rand(norm.variance.shape, generator=random) + 0.3)
            norm.num_passes.fill_(LONG_TRAINED)  # so that the decay alone says what is kept
    return method


def norms_of(module):
    return [part for part in module.modules() if isinstance(part, BatchNorm)]


def images_of(size, dtype, count=BATCH):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3)).to(dtype) * 2 - 1


def vectors_of(dtype, entries=6, values=(0, 1)):
    drawn = torch.randint(len(values), (BATCH, entries), generator=torch.Generator().manual_seed(4))
    return torch.tensor(values, dtype=dtype)[drawn]


def assert_same(found, wanted):
    """To 1e-5 in float32 and 1e-10 in float64, of the largest number."""
    assert found.shape == wanted.shape
    assert wanted.abs().max() > 1e-3
    tolerance = 1e-5 if found.dtype == torch.float32 else 1e-10
    assert (found - wanted).abs().max() <= tolerance * wanted.abs().max().clamp_min(1)


def assert_learned(norms, moved):
    """The statistics of the suite's norms are those that the plain ones moved to, norm by norm."""
    assert len(norms) == len(moved)
    for norm, (mean, variance) in zip(norms, moved, strict=True):
        assert_same(norm.mean, mean)
        assert_same(norm.variance, variance)


def statistics(module):
    """Copies of scale, shift, mean and variance, which do not follow what the norm learns."""
    return [module.weight, module.bias, module.mean.clone(), module.variance.clone()]


def layers_of(module):
    """Convolutions and products with their biases, or the norms after them, in the order in which they were built."""
    layers = []
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            layers.append([part.weight] if part.bias is None else [part.weight, part.bias])
        elif isinstance(part, nn.InstanceNorm2d):
            layers[-1] += [part.weight, part.bias]
        elif isinstance(part, BatchNorm):
            layers[-1] += statistics(part)
    return layers


def critics_layers(discriminator):
    """Of AttGAN's and STGAN's; a product over a whole map is one of the flattened map."""
    heads = (discriminator.adversarial, discriminator.classify)
    products = [[[layer.weight.flatten(1), layer.bias] for layer in (head.hidden, head.last)] for head in heads]
    return layers_of(discriminator.features), *products


def unit_of(unit):
    """The suite computes both gates in one convolution, reset first."""
    (reset, update), (reset_bias, update_bias) = unit.gates.weight.chunk(2), unit.gates.bias.chunk(2)
    state, info = ((layer.weight, layer.bias) for layer in (unit.raise_state, unit.inform))
    return TransferUnit(state, (reset, reset_bias), (update, update_bias), info)


def plain_editor(generator, kind):
    """A function of images, vectors and norms with the weights of AttGAN's or STGAN's generator."""
    down, up = layers_of(generator.encode), layers_of(generator.decoder)
    if kind == "attgan":
        return lambda *given: attgan_generator(down, up, *given)
    units = [unit_of(unit) for unit in generator.units]
    return lambda *given: stgan_generator(down, units, up, *given)


def told(kind, dtype):
    return vectors_of(dtype, values=(-1, 1) if kind == "attgan" else (-1, 0, 1))


class PlainCritic:
    """The plain discriminator with the weights that SemiStarGAN's has now."""

    def __init__(self, discriminator):
        weights = [[layer.weight] for layer in discriminator.convolutions]
        self.paths = weights[:2], [*weights[2:], [discriminator.adversarial.weight]]
        self.stages = [layers_of(stage) for stage in discriminator.stages]
        self.last = discriminator.last.weight

    def __call__(self, images, norms, **drawn):
        return semistargan_discriminator(*self.paths, self.stages, self.last, images, norms, **drawn)


def recorded(monkeypatch):
    """Lists that get the noise and the masks of dropout that are drawn from now on."""
    noise, masks, randn, dropout = [], [], torch.randn, F.dropout

    def drawn(*shape, **options):
        noise.append(randn(*shape, **options))
        return noise[-1]

    def dropped(x, *options):
        y = dropout(x, *options)
        masks.append((y != 0).to(x.dtype))
        return y

    monkeypatch.setattr(torch, "randn", drawn)
    monkeypatch.setattr(F, "dropout", dropped)
    return noise, masks


@DTYPES
@SIZES
def test_semistargans_generator_is_the_plain_one(size, dtype):
    generator = make(SemiStarGAN, size, dtype).generator
    x, target = images_of(size, dtype), vectors_of(dtype)
    assert_same(generator(x, target), semistargan_generator(layers_of(generator), x, target))


@DTYPES
@SIZES
@pytest.mark.parametrize("attributes", [FEW, MANY], ids=["few", "many"])
def test_semistargans_discriminator_is_the_plain_one_in_evaluation(attributes, size, dtype):
    discriminator, x = make(SemiStarGAN, size, dtype, attributes).discriminator.eval(), images_of(size, dtype)
    h = discriminator.shared(x)
    score, logits = PlainCritic(discriminator)(x, Norms(training=False, eps=1e-5))
    assert_same(discriminator.scores(h), score)
    assert_same(discriminator.logits(h), logits)


@DTYPES
@SIZES
@pytest.mark.parametrize("attributes", [FEW, MANY], ids=["few", "many"])
def test_semistargans_discriminator_is_the_plain_one_in_training_pass_by_pass(monkeypatch, attributes, size, dtype):
    """Two passes of the official code are the parts of one batch; the statistics learn of the first alone."""
    discriminator, x = make(SemiStarGAN, size, dtype, attributes).discriminator, images_of(size, dtype, 2 * BATCH)
    plain, first = PlainCritic(discriminator), Norms(training=True, eps=1e-5, decay=0.9)
    drawn = recorded(monkeypatch)
    h = discriminator.shared(x)
    score, logits = discriminator.scores(h), discriminator.logits(h, parts=2, learned=1)
    (noise,), masks = drawn
    assert [len(noise), len(masks)] == [2 * BATCH, 3]
    for part, norms in ((slice(BATCH), first), (slice(BATCH, None), Norms(training=True, eps=1e-5))):
        own = {"noise": noise[part], "masks": [mask[part] for mask in masks]}
        wanted_score, wanted_logits = plain(x[part], norms, **own)
        assert_same(score[part], wanted_score)
        assert_same(logits[part], wanted_logits)
    assert_learned(norms_of(discriminator), first.moved)


@DTYPES
@SIZES
@MODES
@EDITORS
def test_generators_of_attgan_and_stgan_are_the_plain_ones(cls, plain_generator, training, size, dtype):
    generator = make(cls, size, dtype).generator.train(training)
    x, vectors, norms = images_of(size, dtype), told(plain_generator, dtype), Norms(training)
    wanted = plain_editor(generator, plain_generator)(x, vectors, norms)
    with learning_statistics(generator):
        assert_same(generator(x, vectors), wanted)
    if training:
        assert_learned(norms_of(generator), norms.moved)


@DTYPES
@SIZES
@pytest.mark.parametrize("cls", [AttGAN, STGAN])
def test_discriminators_of_attgan_and_stgan_are_the_plain_ones(cls, size, dtype):
    discriminator, x = make(cls, size, dtype).discriminator, images_of(size, dtype)
    found, wanted = discriminator(x), critic_and_classifier(*critics_layers(discriminator), x)
    assert_same(found[0], wanted[0])
    assert_same(found[1], wanted[1])


def assert_same_gradients(ours, plain, *inputs):
    """Of both functions' outputs, weighted at random, with respect to every input."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    found = []
    for function in (ours, plain):
        random, total = torch.Generator().manual_seed(9), 0
        for y in function(*inputs):
            total = total + (y * torch.randn(y.shape, generator=random)).sum()
        found.append(torch.autograd.grad(total, inputs))
    for ours_of, plain_of in zip(*found, strict=True):
        assert_same(ours_of, plain_of)


@SIZES
@EDITORS
def test_gradients_of_attgan_and_stgan_with_respect_to_images_and_vectors(cls, plain_generator, size):
    method = make(cls, size, torch.float64)
    x, vectors = images_of(size, torch.float64), told(plain_generator, torch.float64)
    plain = plain_editor(method.generator, plain_generator)
    assert_same_gradients(
        lambda x, v: [method.generator(x, v)], lambda x, v: [plain(x, v, Norms(training=True))], x, vectors
    )
    layers = critics_layers(method.discriminator)
    assert_same_gradients(method.discriminator, lambda x: critic_and_classifier(*layers, x), x)


@SIZES
@pytest.mark.parametrize("attributes", [FEW, MANY], ids=["few", "many"])
def test_gradients_and_the_gradient_penalty_of_semistargan(monkeypatch, attributes, size):
    method = make(SemiStarGAN, size, torch.float64, attributes)
    x, target = images_of(size, torch.float64), vectors_of(torch.float64, 3 if attributes is FEW else 6)
    layers = layers_of(method.generator)
    assert_same_gradients(
        lambda x, v: [method.generator(x, v)], lambda x, v: [semistargan_generator(layers, x, v)], x, target
    )
    discriminator, plain = method.discriminator, PlainCritic(method.discriminator)
    with monkeypatch.context() as patched:
        noise, masks = recorded(patched)

        def ours(x):
            h = discriminator.shared(x)
            return discriminator.scores(h), discriminator.logits(h)

        assert_same_gradients(ours, lambda x: plain(x, Norms(training=True, eps=1e-5), noise=noise[0], masks=masks), x)
    x.requires_grad_()
    with frozen(discriminator):
        (slope,) = torch.autograd.grad(plain(x, Norms(training=True, eps=1e-5))[0].sum(), x)
    assert_same(discriminator.gradient_penalty(x), (slope.flatten(1).norm(dim=1) - 1) ** 2)
