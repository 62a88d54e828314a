"""Tests that ``test_kernels`` starts in a process with TRITON_INTERPRET=1: methods by kernels and without them."""

from contextlib import nullcontext

import interpreter  # noqa: F401
import pytest
import torch

from baselines.attgan import AttGAN
from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from baselines.stgan import STGAN
from sgbench.data.labels import Attribute
from sgbench.methods import kernels
from sgbench.methods.branches import Branches
from sgbench.methods.casting import cast_once
from sgbench.methods.contract import Batch
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d
from sgbench.methods.critics import StridedCritic
from sgbench.methods.kernels import norms, pads, patches, shifts
from sgbench.methods.narrow import NarrowConv2d
from sgbench.methods.norms import RELU, InstanceNorm
from sgbench.methods.sggan import SGGAN

GENDER = Attribute("gender", ("female", "male"))
SHAPE = Attribute("shape", ("round", "oval", "long"), exhaustive=False)
METHODS = {
    "sggan": (SGGAN, (SHAPE,), {"n_critic": 1}),  # ten images at once take minutes
    "stargan": (StarGAN, (GENDER, SHAPE), {"n_critic": 1}),
    "residualgan": (ResidualGAN, (GENDER,), {}),
    "semistargan": (SemiStarGAN, (GENDER, SHAPE), {"n_critic": 1}),
    "attgan": (AttGAN, (GENDER, SHAPE), {"n_critic": 1}),
    "stgan": (STGAN, (GENDER, SHAPE), {"n_critic": 1}),
}
SIZE, BATCH = 32, 2
FLOAT32, BFLOAT16 = nullcontext(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False)
KERNELS = {
    norms: ("norm_act", "norm_act_backward"),
    shifts: ("sum_shifted",),
    patches: ("patches", "gather_shifted", "fold"),
    pads: ("leaky_pad", "leaky_pad_like", "leaky_pad_backward", "leaky_pad_gradients"),
}
PRECISIONS = pytest.mark.parametrize(("precision", "tolerance"), [(FLOAT32, 5e-5), (BFLOAT16, 0.06)])


@pytest.fixture
def both(monkeypatch):
    """Calls a function without kernels, then with them, some of which must be launched then and not before."""
    launched = set()
    for module, names in KERNELS.items():
        for name in names:
            kernel = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, name=name, f=kernel: launched.add(name) or f(*a))

    def call(function, *expected):
        launched.clear()
        monkeypatch.setattr(kernels, "usable", lambda x: False)
        plain = function()
        assert not launched
        monkeypatch.setattr(kernels, "usable", lambda x: x.dtype in (torch.bfloat16, torch.float32))
        found = function()
        assert launched >= set(expected)
        return plain, found

    return call


def noise(*shape, seed=0):
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to(memory_format=torch.channels_last) if len(shape) == 4 else drawn


def drawn(module):
    """The module with parameters drawn so that no term vanishes, channels-last."""
    with torch.no_grad():
        for seed, p in enumerate(module.parameters()):
            spread = (2 / p[0].numel()) ** 0.5 if p.dim() > 1 else 0.3
            p.copy_(noise(*p.shape, seed=seed) * spread + 0.5 * (p.dim() == 1))
    return module.to(memory_format=torch.channels_last)


def differentiated(module, function, *inputs):
    """Results of a function of inputs, and gradients of a sum of them, weighted, with respect to all there is."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    y = function(*inputs)
    leaves = [*inputs, *module.parameters()]
    gradients = torch.autograd.grad((y.float() * noise(*y.shape, seed=9)).sum(), leaves, allow_unused=True)
    return [y.detach(), *(g for g in gradients if g is not None)]


def assert_close(plain, found, tolerance):
    """Differences by the largest value. Sums that are 0 but for rounding count as a part of the largest of all."""
    assert len(plain) == len(found)
    largest = max(float(one.abs().max()) for one in plain)
    for one, other in zip(plain, found, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert float((one - other).abs().max()) <= tolerance * max(float(one.abs().max()), 0.02 * largest)


def assert_as_near(truth, plain, found):
    """In bfloat16 a value next to a kink can be on either side of it; results are as near to float32 as others are."""
    assert len(truth) == len(plain) == len(found)
    for exact, one, other in zip(truth, plain, found, strict=True):
        assert one.dtype == other.dtype
        errors = [float((values.float() - exact).norm()) for values in (one, other)]
        assert errors[1] <= 1.5 * errors[0] + 0.01 * float(exact.norm())


@PRECISIONS
@pytest.mark.parametrize(("groups", "bias"), [(1, False), (1, True), (3, True)])
def test_block_narrow(both, groups, bias, precision, tolerance):
    module = drawn(NarrowConv2d(groups * 5, groups * 3, 7, groups, bias))

    def run():
        with precision:
            return differentiated(module, module, noise(2, groups * 5, 9, 8))

    assert_close(*both(run, "sum_shifted", "gather_shifted"), tolerance)


def test_block_narrow_reads_any_layout(both):
    module, x = drawn(NarrowConv2d(6, 6, 5, 2)), noise(2, 9, 6, 7)[:, 2:8]
    assert_close(*both(lambda: differentiated(module, module, x)), 5e-5)
    assert_close(*both(lambda: differentiated(module, module, x.contiguous())), 5e-5)


@PRECISIONS
def test_block_norm(both, precision, tolerance):
    module = drawn(InstanceNorm(6, RELU))

    def run():
        with precision:
            return differentiated(module, lambda x: module(x.bfloat16() if tolerance > 0.01 else x), noise(2, 6, 8, 9))

    assert_close(*both(run, "norm_act", "norm_act_backward"), tolerance)


@PRECISIONS
@pytest.mark.parametrize("residual", ["refined", "residual"])
def test_block_branches(both, residual, precision, tolerance):
    module = drawn(Branches(3, 4, residual))
    features, x = noise(2, 8, 4, 4), noise(2, 3, 8, 8, seed=1)

    def run():
        with precision:
            yield from differentiated(module, module, features, x)
            yield from differentiated(module, lambda f, x: module.one(1, f, x), features, x)
            for positions in ([0, 1, 2], [2, 0]):
                pair = [features, features.flip(0), features.flip(1)][: len(positions)]
                pair = [*pair, *(x.roll(k, 3) for k in range(len(positions)))]
                half = len(positions)
                yield from differentiated(
                    module, lambda *given, p=positions, n=half: module.paired(p, given[:n], given[n:]), *pair
                )

    assert_close(*both(lambda: [*run()], "sum_shifted", "gather_shifted", "norm_act"), 2 * tolerance)


@pytest.mark.parametrize(("kernel_size", "biases"), [(5, True), (4, True), (4, False)])
def test_block_critic(both, kernel_size, biases):
    critic, x = drawn(StridedCritic((3, 4, 5), kernel_size, 0.2, True, biases)), noise(2, 3, 32, 32)
    expected = ("leaky_pad", "leaky_pad_like", "leaky_pad_backward", "patches", "sum_shifted")
    expected += ("leaky_pad_gradients",) * biases

    def run():
        mapped = differentiated(critic, critic, x)
        return [*mapped, *differentiated(critic, lambda x: critic.input_gradient(x.detach()), x)]

    def run_low():
        with BFLOAT16:
            return run()

    truth, found = both(run, *expected)
    assert_close(truth, found, 5e-5)
    assert_as_near(truth, *both(run_low, *expected))


@PRECISIONS
@pytest.mark.parametrize(
    ("channels", "kernel_size", "stride", "kernels_used"),
    [
        ((3, 6), 7, 1, ("patches", "sum_shifted")),
        ((3, 6), 5, 2, ("patches", "fold")),
        ((8, 20), 4, 2, ("patches", "fold")),
        ((20, 3), 4, 1, ("sum_shifted", "gather_shifted")),
        ((20, 1), 3, 1, ("sum_shifted", "gather_shifted")),
        ((20, 10), 3, 2, ()),
        ((20, 10), 5, 2, ()),
        ((20, 10), 4, 1, ()),
    ],
)
def test_block_convolution(both, channels, kernel_size, stride, kernels_used, precision, tolerance):
    module = drawn(SameConv2d(*channels, kernel_size, stride))

    def run():
        with precision:
            places = [-(-side // stride) for side in (8, 10)]
            there = differentiated(module, module, noise(2, channels[0], 8, 10))
            back = differentiated(module, lambda g: module.adjoint(g, 8, 10), noise(2, channels[1], *places))
            return [*there, *back]

    assert_close(*both(run, *kernels_used), tolerance)


@pytest.mark.parametrize("kernel_size", [3, 4])
def test_block_transposed_convolution(both, kernel_size):
    module = drawn(SameConvTranspose2d(20, 10, kernel_size, 2))
    assert_close(*both(lambda: differentiated(module, module, noise(2, 20, 5, 4))), 5e-5)


def iteration(name):
    """Losses, and gradients by name, of one iteration at rates of 0."""
    cls, attributes, settings = METHODS[name]
    settings = cls.Settings(base_width=8, batch_size=BATCH, **settings)
    method = drawn(cls(attributes, SIZE, settings, torch.zeros(1, len(attributes), dtype=torch.int8)))
    for optimizer in method.optimizers.values():
        optimizer.param_groups[0]["lr"] = 0.0
    labels = [torch.arange(BATCH) % len(a.values) for a in attributes]
    batch = Batch(noise(BATCH, 3, SIZE, SIZE).tanh(), torch.stack(labels, 1).to(torch.int8))
    torch.manual_seed(2)
    with cast_once():
        losses = method.step([batch] * method.batches_per_iteration, 0)
    return losses, {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", METHODS)
def test_iteration(both, name):
    (losses, gradients), (new_losses, new_gradients) = both(lambda: iteration(name), "norm_act", "norm_act_backward")
    assert losses.keys() == new_losses.keys()
    for key, value in losses.items():
        torch.testing.assert_close(new_losses[key], value, rtol=1e-4, atol=1e-4, msg=lambda text, key=key: key + text)
    assert_close([*gradients.values()], [new_gradients[key] for key in gradients], 1e-4)
