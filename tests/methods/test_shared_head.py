"""One head for all groups against the layers written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgbench.data.labels import Attribute, Batch, sparsify
from sgbench.methods.sggan import SGGAN
from sgbench.methods.shared_head import SharedHead

ATTRIBUTES = (Attribute("smile", ("no", "yes")), Attribute("hair", ("black", "blond", "brown")))


def written_out(head, features, x):
    f = F.conv_transpose2d(features, head.deconv.weight, head.deconv.bias, 2, 1)
    f = F.relu(F.instance_norm(f, weight=head.norm.weight, bias=head.norm.bias))
    if head.residual == "refined":
        f = torch.cat([f, x], 1)
    y = torch.tanh(F.conv2d(f, head.last.weight, head.last.bias, padding=3)).unflatten(1, (-1, 3))
    return y + x[:, None] if head.residual == "residual" else y


def drawn(residual):
    torch.manual_seed(3)
    head = SharedHead(5, 4, residual)
    nn.init.normal_(head.norm.weight, 1, 0.3)
    return head, torch.randn(2, 8, 4, 4), torch.rand(2, 3, 8, 8) * 2 - 1


@pytest.mark.parametrize("residual", ["refined", "residual", "none"])
def test_all_groups_one_group_and_groups_on_input_of_their_own(residual):
    head, features, x = drawn(residual)
    expected = written_out(head, features, x)
    torch.testing.assert_close(head(features, x), expected, atol=1e-5, rtol=1e-5)
    for k in range(5):
        torch.testing.assert_close(head.one(k, features, x), expected[:, k], atol=1e-5, rtol=1e-5)
    other, y = features.flip(0), x.flip(0)
    paired = head.paired([4, 0], [features, other], [x, y])
    torch.testing.assert_close(paired[0], expected[:, 4], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(paired[1], written_out(head, other, y)[:, 0], atol=1e-5, rtol=1e-5)


def test_it_starts_near_the_image():
    head, features, x = drawn("refined")
    head.pass_through(1.2)
    nn.init.zeros_(head.last.weight[:, :-3])
    nn.init.zeros_(head.last.bias)
    torch.testing.assert_close(head(features, x), torch.tanh(1.2 * x)[:, None].expand(-1, 5, -1, -1, -1))


def test_only_the_last_convolution_grows_with_groups():
    def parameters(num_groups):
        return sum(p.numel() for p in SharedHead(num_groups, 4, "refined").parameters())

    assert parameters(6) - parameters(5) == 3 * (4 + 3) * 49 + 3


def test_sggan_trains_with_it():
    torch.manual_seed(0)
    labels = torch.tensor([[v % 2, v % 3] for v in range(12)], dtype=torch.int8)
    settings = SGGAN.Settings(
        iterations=2, constant_iterations=1, batch_size=2, n_critic=1, base_width=4, heads="shared", weight_init="he"
    )
    method = SGGAN(ATTRIBUTES, 32, settings, sparsify(labels, ATTRIBUTES, 2, 0).labels)
    before = method.generator.branches.last.weight.detach().clone()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    losses = method.step([Batch(images, labels[:2])], 0)
    assert {name for name, loss in losses.items() if loss.isfinite()} == {*losses}
    assert not torch.equal(before, method.generator.branches.last.weight)
    assert method.edit(images, labels[:2], method.groups[3]).shape == images.shape
