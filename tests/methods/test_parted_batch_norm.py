"""Batch norm by parts: its formula, what its running statistics learn from, and evaluation."""

import pytest
import torch

from sgbench.methods.batch_norm import PartedBatchNorm


def make(channels=4, slope=0.2):
    norm = PartedBatchNorm(channels, slope, eps=1e-5, decay=0.9)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(channels, generator=generator) + 0.5)
        norm.bias.copy_(torch.randn(channels, generator=generator))
    return norm


def maps(number=6, channels=4, seed=2):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(number, channels, 3, 5, generator=generator) * 2 + 1
    return x.to(memory_format=torch.channels_last)


def by_hand(norm, x, mean, variance):
    y = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    y = y * norm.weight[:, None, None] + norm.bias[:, None, None]
    return torch.where(y > 0, y, norm.slope * y)


def moments(x):
    mean = x.mean((0, 2, 3))
    return mean, (x - mean[:, None, None]).square().mean((0, 2, 3))


def test_each_part_is_normalised_by_its_own_statistics():
    norm, x = make(), maps()
    expected = torch.cat([by_hand(norm, part, *moments(part)) for part in (x[:2], x[2:4], x[4:])])
    torch.testing.assert_close(norm(x, parts=3), expected)
    torch.testing.assert_close(norm(x), by_hand(norm, x, *moments(x)))


def unbiased(x):
    """As the parts have them that are learned from: few places, so that it counts."""
    mean, variance = moments(x)
    places = x[:, 0].numel()
    return mean, variance * places / (places - 1)


def test_running_statistics_learn_of_the_parts_that_are_named_one_after_another():
    norm, x = make(), maps()
    norm(x, parts=3)
    assert (norm.mean == 0).all()
    assert (norm.variance == 1).all()
    norm(x, parts=3, learned=2)
    (mean_1, variance_1), (mean_2, variance_2) = unbiased(x[:2]), unbiased(x[2:4])
    torch.testing.assert_close(norm.mean, (mean_1 + mean_2) / 2)  # the first passes count alike
    torch.testing.assert_close(norm.variance, (variance_1 + variance_2) / 2)
    norm.num_passes.fill_(1000)
    before = norm.mean.clone()
    norm(x, parts=3, learned=1)
    torch.testing.assert_close(norm.mean, 0.9 * before + 0.1 * mean_1)


def test_evaluation_uses_and_keeps_the_running_statistics():
    norm, x = make(), maps()
    norm(x, learned=1)
    kept = norm.mean.clone(), norm.variance.clone()
    norm.eval()
    y = norm(x, parts=2, learned=2)
    assert torch.equal(norm.mean, kept[0])
    assert torch.equal(norm.variance, kept[1])
    torch.testing.assert_close(y, by_hand(norm, x, *kept))
    torch.testing.assert_close(norm(x[3:4]), y[3:4])  # whatever else is in the batch


def test_statistics_are_in_the_state_and_not_among_the_parameters():
    norm = make()
    assert norm.state_dict().keys() == {"weight", "bias", "mean", "variance", "num_passes"}
    assert {name for name, _ in norm.named_parameters()} == {"weight", "bias"}


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_the_formula(training):
    norm, x = make().double().train(training), maps().double().requires_grad_()
    weights = torch.randn(6, 4, 3, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    parts = (x[:3], x[3:])
    used = [moments(part) if training else (norm.mean, norm.variance) for part in parts]
    expected = torch.cat([by_hand(norm, part, *own) for part, own in zip(parts, used, strict=True)])
    of = x, norm.weight, norm.bias
    expected = torch.autograd.grad((weights * expected).sum(), of)
    torch.testing.assert_close(torch.autograd.grad((weights * norm(x, parts=2, learned=1)).sum(), of), expected)


def test_statistics_of_bfloat16_maps_are_taken_in_float32():
    norm, x = make(), maps(64).bfloat16()
    y = norm(x, learned=1)
    assert y.dtype == torch.bfloat16
    assert norm.mean.dtype == norm.variance.dtype == torch.float32
    mean, variance = unbiased(x.float())
    torch.testing.assert_close(norm.mean, mean)
    torch.testing.assert_close(norm.variance, variance)
    assert norm.eval()(x).dtype == torch.bfloat16
