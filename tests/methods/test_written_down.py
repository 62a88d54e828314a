"""Blocks written down as a program by torch.export: torch's plain operators alone, for any number of images."""

import pytest
import torch
from torch import nn
from torch.export import Dim
from torch.utils.flop_counter import FlopCounterMode

from sgbench.methods import kernels, native, same
from sgbench.methods.batch_norm import BatchNorm, PartedBatchNorm
from sgbench.methods.branches import Branches
from sgbench.methods.convolutions import SameConv2d, SameConvTranspose2d, WholeConv2d
from sgbench.methods.critics import StridedCritic
from sgbench.methods.encoder_decoder import EncoderDecoder
from sgbench.methods.narrow import NarrowConv2d
from sgbench.methods.networks import ResidualBlock, norm_relu
from sgbench.methods.normed_critic import NormedCritic
from sgbench.methods.norms import InstanceNorm
from sgbench.methods.shared_head import SharedHead
from sgbench.methods.unfolding import unfold


class Called(nn.Module):
    """A block called in one way, so that it has one input."""

    def __init__(self, block, call):
        super().__init__()
        self.block, self.call = block, call

    def forward(self, x):
        return self.call(self.block, x)


def whole(block, x):
    return block(x)


BLOCKS = {
    "norm": (InstanceNorm(8, 0.2), whole, (8, 8, 8)),
    "batch norm by parts": (PartedBatchNorm(8, 0.2, decay=0.9), whole, (8, 8, 8)),
    "part of a norm": (InstanceNorm(8, 0.0), lambda norm, x: norm.part(x[:, :3], slice(2, 5)), (8, 8, 8)),
    "batch norm": (BatchNorm(8, 0.2), whole, (8, 8, 8)),
    "encoder and decoder": (EncoderDecoder([4, 8, 16], 2, 1), lambda e, x: e(x, x[:, :2, 0, 0]), (3, 32, 32)),
    "critic with norms": (NormedCritic([4, 8], 16, 2, 0.2), lambda c, x: c(x)[1], (3, 16, 16)),
    "halving": (SameConv2d(8, 16, 4, 2), whole, (8, 16, 16)),
    "odd kernel": (SameConv2d(8, 8, 5, 2), whole, (8, 9, 9)),
    "few places, many weights": (SameConv2d(16, 64, 4, 2), whole, (16, 4, 4)),
    "doubling": (SameConvTranspose2d(8, 16, 4, 2), whole, (8, 4, 4)),
    "doubling, odd kernel": (SameConvTranspose2d(8, 8, 3, 2), whole, (8, 8, 8)),
    "whole map": (WholeConv2d(8, 5, 4), whole, (8, 4, 4)),
    "few channels": (NarrowConv2d(8, 3, 7), whole, (8, 8, 8)),
    "convolution and norm": (norm_relu(SameConv2d(8, 8, 3)), whole, (8, 8, 8)),
    "residual block": (ResidualBlock(8, bias=True), whole, (8, 8, 8)),
    "branches": (Branches(3, 4, "refined"), lambda b, x: b(x[:, :8, :8, :8], x[:, 8:]), (11, 16, 16)),
    "one branch": (Branches(3, 4, "refined"), lambda b, x: b.one(1, x[:, :8, :8, :8], x[:, 8:]), (11, 16, 16)),
    "shared head": (SharedHead(3, 4, "refined"), lambda b, x: b(x[:, :8, :8, :8], x[:, 8:]), (11, 16, 16)),
    "critic": (StridedCritic([8, 16], 5, 0.2, bias=True), lambda c, x: c.features(x), (3, 16, 16)),
    "part of a critic": (
        StridedCritic([8, 16, 32], 4, 0.2, bias=False, biases=False),
        lambda c, x: c.features(x, 1, 2),
        (8, 16, 16),
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_written_down_in_plain_operators(name):
    block, call, shape = BLOCKS[name]
    called = Called(block, call).eval()
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        written = torch.export.export(called, (torch.zeros(2, *shape),), dynamic_shapes=({0: Dim("n")},))
        for number in (1, 3):
            x = torch.randn(number, *shape, generator=draws)
            torch.testing.assert_close(written.module()(x), called(x.clone()), atol=1e-5, rtol=1e-4)
    operators = {str(node.target) for node in written.graph.nodes if node.op == "call_function"}
    assert all(operator.startswith(("aten.", "<built-in function")) for operator in operators)


def test_only_while_a_program_is_written_down_are_fast_ways_left(monkeypatch):
    x = torch.zeros(1, 3, 4, 4)
    assert native.usable(x) == (native.extension is not None)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert not native.usable(x)
    assert not kernels.usable(x)
    monkeypatch.setattr(native, "extension", None)  # its addresses would be nobody's
    assert torch.equal(unfold(torch.ones(1, 2, 2, 2), 1, 1), torch.ones(4, 2))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 7])
def test_plain_operators_compute_the_same_without_products_with_zeros(kernel, stride):
    torch.manual_seed(0)
    weight, bias, other = torch.randn(6, 5, kernel, kernel), torch.randn(6), torch.randn(5)
    for height, width in ((4, 4), (7, 5), (8, 8), (9, 6), (2, 2), (1, 3)):
        x = torch.randn(2, 5, height, width)
        y = same.convolve(x, weight, bias, stride)
        back = same.spread(y, weight, other, stride, height, width)
        with native.seen_by_torch(), FlopCounterMode(display=False) as counter:
            torch.testing.assert_close(same.convolve(x, weight, bias, stride), y, atol=1e-4, rtol=1e-4)
        assert counter.get_total_flops() == 2 * y.numel() * 5 * kernel**2
        with native.seen_by_torch(), FlopCounterMode(display=False) as counter:
            again = same.spread(y, weight, other, stride, height, width)
        torch.testing.assert_close(again, back, atol=1e-4, rtol=1e-4)
        assert counter.get_total_flops() == 2 * y.numel() * 5 * kernel**2
