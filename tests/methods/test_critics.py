"""The critic's gradient as a chain of its own against differentiating twice."""

import pytest
import torch
from torch.nn import functional as F

from sgbench.methods import same
from sgbench.methods.critics import StridedCritic

CASES = [(32, (2, 4, 6, 8)), (64, (2, 4, 6, 8, 8)), (64, (2, 3)), (32, (3,))]
"""Image sizes and widths. Maps of 16 places and fewer are computed as products, larger ones are not."""


def make(widths, kernel_size, bias=True, zero_biases=False, slope=0.2):
    torch.manual_seed(0)
    critic = StridedCritic(widths, kernel_size, slope, bias).double()
    with torch.no_grad():
        for p in critic.parameters():
            spread = 0.2 if p.dim() == 1 else (2 / p[0].numel()) ** 0.5
            p.copy_(torch.randn_like(p) * spread * (not (zero_biases and p.dim() == 1)))
    return critic


def images(size, count=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=generator, dtype=torch.float64) * 2 - 1


def torchs_map(critic, x):
    """The critic's map by torch's own operators, out of place."""
    for convolution in critic.convolutions:
        kernel, side = convolution.kernel_size[0], x.shape[-1]
        total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        x = F.leaky_relu(F.conv2d(x, convolution.weight, convolution.bias, 2), critic.slope)
    return F.conv2d(x, critic.adversarial.weight, critic.adversarial.bias, padding=1)


def differentiated(critic, x):
    """The gradient of the map's sum by autograd, with a graph."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(torchs_map(critic, x).sum(), x, create_graph=True)[0]


def penalty(gradient):
    return (gradient.flatten(1).norm(dim=1) - 1) ** 2


def gradients_of(loss, critic):
    gradients = torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(critic.named_parameters(), gradients, strict=True)
    }


def assert_same_penalty(critic, x, weights):
    """Values, and gradients with respect to every parameter, images weighted unlike."""
    close = {"rtol": 1e-9, "atol": 1e-10}
    expected = differentiated(critic, x)
    actual = critic.input_gradient(x)
    assert actual.shape == x.shape
    torch.testing.assert_close(actual, expected, **close)
    torch.testing.assert_close(critic.gradient_penalty(x), penalty(expected), **close)
    theirs = gradients_of((penalty(expected) * weights).sum(), critic)
    mine = gradients_of((critic.gradient_penalty(x) * weights).sum(), critic)
    for name, value in theirs.items():
        torch.testing.assert_close(mine[name], value, **close, msg=lambda text, name=name: f"{name}: {text}")
        assert (value != 0).any() == name.endswith("weight"), name


@pytest.fixture(params=["product", "ordinary"])
def path(request, monkeypatch):
    if request.param == "ordinary":
        monkeypatch.setattr(same, "_FEW_PLACES", 0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel_size", [5, 4])
@pytest.mark.parametrize(("size", "widths"), CASES)
def test_the_penalty_is_that_of_differentiating_twice(path, size, widths, kernel_size, bias):
    critic = make(widths, kernel_size, bias)
    x = images(size)
    torch.testing.assert_close(critic(x), torchs_map(critic, x), rtol=1e-10, atol=1e-10)
    assert_same_penalty(critic, x, torch.tensor([1.0, -2, 0.5, 3]).double())


def test_the_cases_take_both_paths(monkeypatch):
    """Otherwise the tests above would compare one with itself."""
    seen, unfold = [], same.unfold
    monkeypatch.setattr(same, "unfold", lambda x, *rest: seen.append(x.shape[-1]) or unfold(x, *rest))
    critic = make(CASES[0][1], 5)
    with torch.no_grad():
        critic.features(images(CASES[0][0]))
    assert seen == [8, 4]


@pytest.mark.parametrize("kernel_size", [5, 4])
@pytest.mark.parametrize("size", [32, 64])
def test_images_that_are_identical_have_identical_penalties(size, kernel_size):
    critic = make((2, 4, 6, 8), kernel_size)
    x = images(size)[[0, 1, 0, 2, 1, 0]]
    values = critic.gradient_penalty(x)
    torch.testing.assert_close(values[[0, 0, 1]], values[[2, 5, 4]], rtol=1e-12, atol=0)
    assert (values[0] - values[1]).abs() > 1e-6
    assert_same_penalty(critic, x, torch.arange(1.0, 7).double())
    same = x[:1].expand(3, -1, -1, -1)
    assert_same_penalty(critic, same, torch.tensor([1.0, 2, -5]).double())


def test_at_a_kink_the_slope_is_that_of_negative_values():
    """As in torch's leaky ReLU: a black image through convolutions without biases."""
    critic = make((2, 4, 6), 5, zero_biases=True)
    x = torch.cat([images(32, 1), torch.zeros(1, 3, 32, 32).double()])
    assert_same_penalty(critic, x, torch.tensor([1.0, 2]).double())


@pytest.mark.parametrize("slope", [0.01, 0.2, 0.7])
def test_the_gradient_has_the_critics_slope(slope):
    critic, x = make((2, 4, 6), 4, slope=slope), images(32, 2)
    torch.testing.assert_close(critic.input_gradient(x), differentiated(critic, x), rtol=1e-9, atol=1e-10)


def test_the_gradient_agrees_with_finite_differences():
    critic, x = make((2, 4), 5), images(32, 1)
    gradient = critic.input_gradient(x).detach()
    for place in [(0, 0, 0, 0), (0, 1, 31, 31), (0, 2, 15, 8)]:
        ahead, behind = x.clone(), x.clone()
        ahead[place] += 1e-6
        behind[place] -= 1e-6
        slope = (critic(ahead).sum() - critic(behind).sum()) / 2e-6
        assert gradient[place].item() == pytest.approx(slope.item(), rel=1e-5, abs=1e-7)


def test_a_penalty_leaves_images_and_parameters_as_they_are():
    critic, x = make((2, 4), 5), images(32)
    before = x.clone()
    critic.gradient_penalty(x)
    critic.features(x)
    assert torch.equal(x, before)
    assert all(p.grad is None for p in critic.parameters())


def test_a_frozen_critics_penalty_has_no_graph():
    critic = make((2, 4), 5).requires_grad_(False)
    assert not critic.gradient_penalty(images(32)).requires_grad


def test_in_autocast_the_norm_is_taken_in_float32():
    critic, x = make((16, 32, 64), 5).float(), images(32).float()
    expected = critic.gradient_penalty(x)
    with torch.autocast("cpu", torch.bfloat16):
        values = critic.gradient_penalty(x)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, expected, rtol=0.05, atol=0.02)
    assert not torch.equal(values, expected)
