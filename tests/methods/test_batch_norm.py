"""Batch norm: results and gradients are torch's; statistics are learned from declared passes, kept, and used alone."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgbench.methods.batch_norm import BatchNorm, learning_statistics
from sgbench.methods.norms import IDENTITY, RELU


def maps(seed=0, count=3, channels=4, size=(5, 6), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, channels, *size, generator=generator, dtype=torch.float64)
    return (3 * x + torch.arange(channels)[:, None, None]).to(dtype)


def layer(channels=4, slope=0.2, **own):
    torch.manual_seed(1)
    norm = BatchNorm(channels, slope, **own).double()
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    return norm


def learn(norm, *batches):
    norm.train()
    with learning_statistics(norm):
        for x in batches:
            norm(x)
    return norm


@pytest.mark.parametrize("slope", [RELU, 0.2, IDENTITY])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_in_training_results_and_gradients_are_torchs(slope, layout):
    norm, x = layer(slope=slope), maps().to(memory_format=layout).requires_grad_()
    expected = F.leaky_relu(F.batch_norm(x, None, None, norm.weight, norm.bias, True, eps=1e-3), slope)
    actual = norm(x)
    assert actual.shape == x.shape
    torch.testing.assert_close(actual, expected)
    leaves = [x, norm.weight, norm.bias]
    g = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(actual, leaves, g), torch.autograd.grad(expected, leaves, g), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_keep_their_type_in_both_modes(dtype):
    norm, x = layer().float(), maps(dtype=dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    expected = F.leaky_relu(F.batch_norm(x.double(), None, None, norm.weight.double(), norm.bias.double(), True), 0.2)
    assert norm(x).dtype == dtype
    torch.testing.assert_close(norm(x).double(), expected, rtol=tolerance, atol=2e-3 + tolerance)
    learn(norm, x).eval()
    assert norm(x).dtype == dtype
    assert norm.mean.dtype == norm.variance.dtype == torch.float32


def test_only_declared_passes_in_training_mode_are_learned_from():
    norm = layer()
    before = copy.deepcopy(norm.state_dict())
    norm(maps())
    with learning_statistics(norm):
        norm.eval()(maps())
    norm.train()(maps())
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name]), name
    learn(norm, maps())
    assert norm.num_passes == 1
    assert not torch.equal(norm.mean, before["mean"])


def test_contexts_end_as_they_began():
    norm = layer()

    def fail():
        with learning_statistics(nn.Sequential(norm)):
            assert norm.learns
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not norm.learns
    with learning_statistics(norm):
        with learning_statistics(norm):
            norm(maps())
        norm(maps())
    assert norm.num_passes == 2
    assert not norm.learns


def test_the_first_passes_count_alike_then_the_decay_rules():
    batches = [maps(seed) for seed in range(4)]
    norm = learn(layer(decay=0.5), *batches)
    means = [x.mean((0, 2, 3)) for x in batches]
    variances = [x.transpose(0, 1).flatten(1).var(1) for x in batches]
    torch.testing.assert_close(norm.mean, means[0] / 8 + means[1] / 8 + means[2] / 4 + means[3] / 2)
    torch.testing.assert_close(
        norm.variance, sum(v * s for v, s in zip(variances, (1 / 8, 1 / 8, 1 / 4, 1 / 2), strict=True))
    )
    even = learn(layer(decay=0.999), *batches)
    torch.testing.assert_close(even.mean, sum(means) / 4)
    torch.testing.assert_close(even.variance, sum(variances) / 4)


def test_in_evaluation_a_result_depends_neither_on_the_batch_nor_changes_anything():
    norm = learn(layer(), maps(1), maps(2)).eval()
    before = copy.deepcopy(norm.state_dict())
    x = maps(5)
    together = norm(x)
    expected = F.leaky_relu(F.batch_norm(x, norm.mean, norm.variance, norm.weight, norm.bias, False, eps=1e-3), 0.2)
    torch.testing.assert_close(together, expected)
    for k in range(len(x)):
        assert torch.equal(norm(x[k : k + 1])[0], together[k])
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_without_anything_learned_evaluation_scales_and_shifts():
    norm, x = layer(slope=IDENTITY, eps=0.0).eval(), maps()
    torch.testing.assert_close(norm(x), x * norm.weight[:, None, None] + norm.bias[:, None, None])


def test_statistics_lie_in_the_state_dict_and_go_on_from_it():
    batches = [maps(seed) for seed in range(4)]
    whole = learn(layer(decay=0.7), *batches)
    part = learn(layer(decay=0.7), *batches[:2])
    other = BatchNorm(4, 0.2, decay=0.7).double()
    other.load_state_dict(part.state_dict())
    learn(other, *batches[2:])
    assert {"mean", "variance", "num_passes"} <= whole.state_dict().keys()
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value)


def test_a_constant_channel_becomes_the_shift():
    norm = layer(slope=IDENTITY)
    x = torch.full((2, 4, 3, 3), 7.0, dtype=torch.float64)
    torch.testing.assert_close(norm(x), norm.bias[:, None, None].expand_as(x))
