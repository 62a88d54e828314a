"""What a system costs: its operations are counted whatever computes them."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import _disable_current_modes

from baselines.residualgan import ResidualGAN
from baselines.stargan import StarGAN
from benchmarks.plain.arithmetic import Layer, forward, generator_trunk
from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests
from sgbench.methods import native, tiles
from sgbench.methods.sggan import SGGAN
from sgbench.scoring import cost
from sgbench.scoring.cost import measure_cost

ATTRIBUTES = (Attribute("smile", ("no", "yes")),)
CPU = torch.device("cpu")
LABELS = torch.tensor([[0], [1], [0]], dtype=torch.int8)
IMAGES = torch.rand(3, 3, 32, 32) * 2 - 1
SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 16, "batch_size": 2, "n_critic": 1}
OF_LAYERS = {
    SGGAN: [*generator_trunk(32, 16), Layer(32, 16, 4, 16), Layer(16, 3, 7, 32), Layer(3, 3, 7, 32)],  # one branch
    ResidualGAN: [
        Layer(3, 16, 5, 32),
        Layer(16, 32, 4, 16),
        Layer(32, 64, 4, 8),
        Layer(64, 32, 3, 8),
        Layer(32, 16, 3, 16),
        Layer(16, 3, 4, 32),
    ],
}


def cost_of(cls):
    known = {name: value for name, value in SMALL.items() if name in cls.Settings.model_fields}
    method = cls(ATTRIBUTES, 32, cls.Settings(**known), LABELS).eval()

    def translate(positions, groups):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            return method.translate(IMAGES[positions], LABELS[positions], groups)

    return measure_cost(translate, make_requests(LABELS, ATTRIBUTES), None, None, CPU)


@pytest.mark.parametrize("cls", OF_LAYERS)
def test_operations_are_those_of_the_layers(cls):
    assert cost_of(cls).flops == forward(OF_LAYERS[cls])


@pytest.mark.parametrize("cls", [SGGAN, StarGAN])
def test_what_the_extension_computes_is_counted_too(cls, monkeypatch):
    """Its convolutions are none of torch's operators; a fake of some stands for a processor that has tiles."""
    expected, called = cost_of(cls).flops, []

    def convolved(x, weight, bias, stride):
        called.append(x.shape)
        with _disable_current_modes():
            after = (weight.shape[-1] - 1) // 2
            wide = F.pad(x, (after, weight.shape[-1] - 1 - after) * 2)
            return F.conv2d(wide, weight, bias, stride)[:, :, : -(-x.shape[2] // stride), : -(-x.shape[3] // stride)]

    monkeypatch.setattr(native, "extension", native.extension or object())
    monkeypatch.setattr(tiles, "usable", lambda x, weight: native.usable(x) and len(weight) == 3)  # the last ones
    monkeypatch.setattr(tiles, "convolved", convolved)
    assert cost_of(cls).flops == expected
    assert called


def test_latency_is_the_shortest_of_its_times(monkeypatch):
    """A machine that does something else meanwhile makes most of them longer."""
    taken = iter([0.5, *[0.3] * 12, 0.25, *[0.9] * 6])
    now = [0.0]

    def translate(positions, groups):
        if counted:
            now[0] += next(taken)

    counted = []
    monkeypatch.setattr(cost.time, "perf_counter", lambda: counted.append(1) or now[0])
    assert measure_cost(translate, make_requests(LABELS, ATTRIBUTES), None, None, CPU).latency_ms == 250
