"""The methods against the plain references of benchmarks/plain: losses, gradients, and iterations one after another.

The references were written from the description alone. They compute one branch after another, differentiate the
gradient penalty twice, and use torch's own layers. Weights and random draws are the same on both sides.
"""

import pytest
import torch

from baselines.residualgan import ResidualGAN
from baselines.stargan import StarGAN
from benchmarks.plain.residualgan import PlainResidualGAN
from benchmarks.plain.sggan import PlainSGGAN
from benchmarks.plain.stargan import PlainStarGAN
from sgbench.data.labels import Attribute
from sgbench.methods import native, tiles
from sgbench.methods.casting import cast_once
from sgbench.methods.contract import Batch
from sgbench.methods.networks import frozen
from sgbench.methods.sggan import SGGAN

GENDER = Attribute("gender", ("female", "male"))
SHAPE = Attribute("shape", ("round", "oval", "long"), exhaustive=False)
SIZE, WIDTH, BATCH, CRITIC = 32, 4, 3, 2


def draw(module, generator):
    """Every parameter drawn again, scales and biases too, so that no term vanishes."""
    with torch.no_grad():
        for p in module.parameters():
            spread = (2 / p[0].numel()) ** 0.5 if p.dim() > 1 else 0.3
            p.copy_(torch.randn(p.shape, generator=generator) * spread + 0.5 * (p.dim() == 1))


def batches_of(attributes, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = [
        torch.stack([torch.randint(-2, len(a.values), (BATCH,), generator=generator) for a in attributes], 1)
        for _ in range(CRITIC)
    ]
    return [
        Batch(torch.rand(BATCH, 3, SIZE, SIZE, generator=generator).to(dtype) * 2 - 1, known.to(torch.int8))
        for known in labels
    ]


class SGGANs:
    """Both implementations of SG-GAN with the same weights."""

    attributes = (GENDER, SHAPE)

    def __init__(self, dtype):
        own = {"lambda_cls": 3, "lambda_adv": 2, "learning_rate": 2e-3, "n_critic": CRITIC}
        settings = SGGAN.Settings(base_width=WIDTH, batch_size=BATCH, **own)
        self.ours = SGGAN(self.attributes, SIZE, settings, torch.zeros(1, 2, dtype=torch.int8)).to(dtype)
        self.plain = PlainSGGAN([2, 3], SIZE, WIDTH, WIDTH, **own)
        self.networks = (self.plain.generator.to(dtype), self.plain.discriminator.to(dtype))

    def packed(self, tensors):
        """Tensors of the plain networks' parameters, put together as our parameters are."""
        generator, discriminator = (list(part) for part in tensors)
        trunk, branches = generator[:-30], [generator[len(generator) - 30 + 6 * k :][:6] for k in range(5)]
        weight, bias, scale, shift, last, last_bias = zip(*branches, strict=True)
        generator = [*trunk, torch.cat(weight, 1), *map(torch.cat, (bias, scale, shift))]
        generator += [torch.cat([w[:, :-3] for w in last]), torch.cat(last_bias), torch.cat([w[:, -3:] for w in last])]
        critic, heads = discriminator[:-4], discriminator[-4:]
        return [*generator, *critic, torch.cat(heads[::2]), torch.cat(heads[1::2])]

    def our_losses(self, batch, draws):
        torch.manual_seed(draws)
        fakes = self.ours.generator(batch.images)
        yield self.ours.discriminator_losses(batch, fakes.detach())
        with frozen(self.ours.discriminator):
            yield self.ours.generator_losses(fakes)

    def plain_losses(self, batch, draws):
        torch.manual_seed(draws)
        yield self.plain.discriminator_losses(*batch, torch.rand(5 * BATCH))
        self.plain.discriminator.requires_grad_(False)
        yield self.plain.generator_losses(batch.images)
        self.plain.discriminator.requires_grad_(True)

    def plain_step(self, batches):
        return self.plain.step(batches, [torch.rand(5 * BATCH) for _ in batches])


class StarGANs:
    """Both implementations of StarGAN with the same weights."""

    attributes = (GENDER, SHAPE)

    def __init__(self, dtype):
        own = {"lambda_cls": 3, "learning_rate": 2e-3, "n_critic": CRITIC}
        settings = StarGAN.Settings(base_width=WIDTH, batch_size=BATCH, **own)
        labels = torch.tensor([[0, 2], [1, 0], [1, -2], [-1, 1]], dtype=torch.int8)
        self.ours = StarGAN(self.attributes, SIZE, settings, labels).to(dtype)
        self.plain = PlainStarGAN([2, 3], [True, False], SIZE, WIDTH, WIDTH, **own)
        self.networks = (self.plain.generator.to(dtype), self.plain.discriminator.to(dtype))

    def packed(self, tensors):
        return [tensor for part in tensors for tensor in part]

    def our_losses(self, batch, draws):
        torch.manual_seed(draws)
        targets = self.ours.targets.draw(batch.labels)
        fakes = self.ours.generator(batch.images, targets)
        yield self.ours.discriminator_losses(batch, fakes.detach())
        with frozen(self.ours.discriminator):
            yield self.ours.generator_losses(batch, targets, fakes)

    def plain_losses(self, batch, draws):
        torch.manual_seed(draws)
        targets = self.ours.targets.draw(batch.labels)
        yield self.plain.discriminator_losses(*batch, targets, torch.rand(BATCH))
        self.plain.discriminator.requires_grad_(False)
        yield self.plain.generator_losses(*batch, targets)
        self.plain.discriminator.requires_grad_(True)

    def plain_step(self, batches):
        draws = [(self.ours.targets.draw(b.labels), torch.rand(BATCH)) for b in batches]
        return self.plain.step(batches, *zip(*draws, strict=True))


class ResidualGANs:
    """Both implementations of ResidualGAN with the same weights."""

    attributes = (GENDER,)

    def __init__(self, dtype):
        own = {"lambda_dual": 2, "alpha": 1e-3, "beta": 1e-3, "learning_rate": 2e-3}
        settings = ResidualGAN.Settings(base_width=WIDTH, batch_size=BATCH, **own)
        self.ours = ResidualGAN(self.attributes, SIZE, settings, torch.zeros(1, 1, dtype=torch.int8)).to(dtype)
        self.plain = PlainResidualGAN(SIZE, WIDTH, WIDTH, **own)
        self.networks = (self.plain.generators.to(dtype), self.plain.discriminator.to(dtype))

    def packed(self, tensors):
        return [tensor for part in tensors for tensor in part]

    @staticmethod
    def halves(batch):
        return [batch.images, batch.images.flip(0).roll(5, 3)]

    def our_losses(self, batch, draws):
        x = self.halves(batch)
        residuals = [g(part) for g, part in zip(self.ours.generators, x, strict=True)]
        yield self.ours.discriminator_losses(x, residuals)
        with frozen(self.ours.discriminator):
            for source in (0, 1):
                phi = self.ours.discriminator.features(x[source])
                with frozen(self.ours.generators[1 - source]):
                    yield self.ours.generator_losses(x[source], residuals[source], phi, source)

    def plain_losses(self, batch, draws):
        yield self.plain.discriminator_losses(self.halves(batch))
        for source in (0, 1):
            self.plain.discriminator.requires_grad_(False)
            self.plain.generators[1 - source].requires_grad_(False)
            yield self.plain.generator_losses(source, self.halves(batch)[source])
            self.plain.discriminator.requires_grad_(True)
            self.plain.generators[1 - source].requires_grad_(True)

    def our_batches(self, batches):
        labels = torch.arange(2).repeat_interleave(BATCH)[:, None].to(torch.int8)
        return [Batch(torch.cat(self.halves(batches[0])), labels)]

    def plain_step(self, batches):
        of_d, *of_g = self.plain.step(self.halves(batches[0]))
        return of_d | {name: of_g[0][name] + of_g[1][name] for name in of_g[0]}


def same_weights(cls, dtype):
    both = cls(dtype)
    generator = torch.Generator().manual_seed(1)
    for network in both.networks:
        draw(network, generator)
    carry(both)
    return both


@torch.no_grad()
def carry(both):
    packed = both.packed([n.parameters() for n in both.networks])
    for mine, theirs in zip(both.ours.parameters(), packed, strict=True):
        mine.copy_(theirs)


def gradients_of(parameters):
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]


@pytest.mark.parametrize("cls", [SGGANs, StarGANs, ResidualGANs])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_losses_and_gradients_are_the_plain_ones(cls, dtype, tolerance):
    """Also where a gradient is 0 by cancellation; and with terms that no other hides."""
    both = same_weights(cls, dtype)
    batch = batches_of(cls.attributes, dtype, 3)[0]
    for mine, theirs in zip(both.our_losses(batch, 7), both.plain_losses(batch, 7), strict=True):
        assert {name for name in mine if name in theirs} == set(mine)
        for name in mine:
            torch.testing.assert_close(mine[name].to(dtype), theirs[name].to(dtype), rtol=tolerance, atol=tolerance)
        for parameters in (both.ours.parameters(), *(n.parameters() for n in both.networks)):
            for p in parameters:
                p.grad = None
        sum(mine.values()).backward(retain_graph=True)
        sum(theirs.values()).backward()
        packed = both.packed([gradients_of(n.parameters()) for n in both.networks])
        names = [name for name, _ in both.ours.named_parameters()]
        for name, one, other in zip(names, gradients_of(both.ours.parameters()), packed, strict=True):
            largest = max(float(other.abs().max()), 1e-2)
            assert float((one - other).abs().max()) <= tolerance * largest, name


@pytest.mark.parametrize("cls", [SGGANs, StarGANs, ResidualGANs])
def test_in_bfloat16_no_way_is_further_from_the_plain_one_than_the_librarys(cls, monkeypatch):
    """Rounding alone moves gradients by some per cent; what a CPU's tiles compute moves them no more."""
    batch = batches_of(cls.attributes, torch.float32, 3)[0]
    found, usable = [], tiles.usable
    for way in ("plain", "library", "tiles"):
        monkeypatch.setattr(tiles, "usable", usable if way == "tiles" else lambda *_: False)
        both, gradients = same_weights(cls, torch.float32), []
        both.ours.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False, enabled=way != "plain"), cast_once():
            losses = [sum(terms.values()) for terms in both.our_losses(batch, 7)]
        for loss in losses:
            loss.backward(retain_graph=True)
            gradients += [g.float().flatten() for g in gradients_of(both.ours.parameters())]
        found.append((torch.stack(losses).detach(), torch.cat(gradients)))
    (losses, plain), *rest = found
    errors = [float((gradients - plain).norm() / plain.norm()) for _, gradients in rest]
    assert errors[1] <= 1.2 * errors[0] < 0.3
    for ours, _ in rest:
        torch.testing.assert_close(ours, losses, rtol=0.02, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [SGGANs, StarGANs, ResidualGANs])
def test_fifty_iterations_follow_the_plain_ones(cls):
    """A game drifts apart from rounding alone; in float64 it has no time to."""
    both = same_weights(cls, torch.float64)
    for iteration in range(50):
        batches = batches_of(cls.attributes, torch.float64, iteration)
        own = both.our_batches(batches) if hasattr(both, "our_batches") else batches
        torch.manual_seed(iteration)
        mine = both.ours.step(own, iteration)
        torch.manual_seed(iteration)
        theirs = both.plain_step(batches)
        for name in mine:
            torch.testing.assert_close(
                float(mine[name]), float(theirs[name]), rtol=1e-3, atol=1e-5, msg=f"{name} of iteration {iteration}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("cls", [SGGANs, StarGANs, ResidualGANs])
def test_fifty_iterations_in_bfloat16_stay_as_near_as_the_librarys(cls, monkeypatch):
    """Rounding drives a game apart; by the C extension, with its Adam and its tiles, no further than by torch alone."""
    start = torch.cat([p.detach().flatten() for p in same_weights(cls, torch.float32).ours.parameters()])
    moved = {}
    for way in ("float32", "library", "extension"):
        with monkeypatch.context() as patch:
            if way != "extension":
                patch.setattr(native, "extension", None)
            both = same_weights(cls, torch.float32)
            both.ours.to(memory_format=torch.channels_last)
            for iteration in range(50):
                batches = batches_of(cls.attributes, torch.float32, iteration)
                batches = both.our_batches(batches) if hasattr(both, "our_batches") else batches
                torch.manual_seed(iteration)
                with torch.autocast("cpu", torch.bfloat16, cache_enabled=False, enabled=way != "float32"), cast_once():
                    both.ours.step(batches, iteration)
            moved[way] = torch.cat([p.detach().flatten() for p in both.ours.parameters()]) - start
    library, extension = (float((moved[way] - moved["float32"]).norm()) for way in ("library", "extension"))
    assert not torch.equal(moved["library"], moved["extension"]) or native.extension is None
    assert extension <= 1.2 * library < 1.2 * float(moved["float32"].norm())
