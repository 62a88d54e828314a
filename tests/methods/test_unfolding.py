"""Patches and their adjoint, by the C extension and by torch's operators, against slices."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn import functional as F

from sgbench.methods import native
from sgbench.methods.unfolding import fold, padding, room, unfold

SHAPES = [(5, 2), (4, 2), (3, 1), (7, 1), (4, 1), (2, 2), (1, 1), (1, 2), (2, 3)]
PLANES = [(1, 1), (2, 2), (3, 4), (8, 1), (7, 9)]
TYPES = [torch.float64, torch.float32, torch.bfloat16]


@pytest.fixture(params=["extension", "torch"], autouse=True)
def way(request, monkeypatch):
    """Each way of computing them, whether or not the C extension was built."""
    if request.param == "torch":
        monkeypatch.setattr(native, "extension", None)
    elif native.extension is None:
        pytest.skip("built without the C extension")
    with torch.no_grad():
        yield


def draw(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64).to(dtype)


def looked_at(x, kernel, stride):
    """Patches [N, rows, columns, kernel, kernel, C], one place of the kernel after another."""
    height, width = x.shape[2:]
    rows, columns = -(-height // stride), -(-width // stride)
    (top, bottom), (left, right) = padding(height, kernel, stride), padding(width, kernel, stride)
    x = F.pad(x, (left, right + stride, top, bottom + stride)).permute(0, 2, 3, 1)
    places = [x[:, a::stride, b::stride][:, :rows, :columns] for a in range(kernel) for b in range(kernel)]
    return torch.stack(places, 3).unflatten(3, (kernel, kernel))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [3, 19])
@pytest.mark.parametrize(("kernel", "stride"), SHAPES)
def test_patches_are_what_places_look_at(kernel, stride, channels, dtype):
    for plane in PLANES:
        x = draw(2, channels, *plane, dtype=dtype)
        z = unfold(x, kernel, stride).clone()
        assert z.dtype == dtype
        assert torch.equal(z, looked_at(x, kernel, stride).reshape(len(z), -1))
        assert torch.equal(unfold(x.contiguous(memory_format=torch.channels_last), kernel, stride), z)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [3, 19, 32])
@pytest.mark.parametrize(("kernel", "stride"), SHAPES)
def test_folding_is_the_adjoint(kernel, stride, channels, dtype):
    close = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.2}[dtype]  # torch adds up in bfloat16
    for plane in PLANES:
        x = draw(2, channels, *plane).requires_grad_()
        with torch.enable_grad():
            patches = looked_at(x, kernel, stride)
        z = draw(*patches.shape, dtype=dtype)
        (expected,) = torch.autograd.grad(patches, x, z.double())
        y = fold(z.flatten(3).flatten(0, 2), kernel, stride, patches.shape[1:3], *plane)
        assert y.dtype == dtype
        torch.testing.assert_close(y.double(), expected, rtol=close, atol=close)


def test_a_column_of_a_larger_matrix_is_folded():
    """It is not contiguous."""
    z = draw(4, 2 * 9 * 16, dtype=torch.float32)
    own = z[:, ::2]
    assert torch.equal(fold(own, 3, 1, (2, 2), 2, 2), fold(own.clone(), 3, 1, (2, 2), 2, 2))


def test_memory_is_used_again_by_the_same_thread_alone():
    """As long as it is large enough; another thread's matrix is not touched."""
    first = room(torch.float32, 4, 6)
    assert room(torch.bfloat16, 8, 6).data_ptr() == first.data_ptr()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(room, torch.float32, 4, 6).result()
    assert other.data_ptr() != first.data_ptr()
    large = room(torch.float64, 500, 60)
    assert large.shape == (500, 60)
    assert room(torch.float32, 4, 6).data_ptr() == large.data_ptr()


def test_patches_can_be_differentiated():
    x = draw(2, 3, 5, 4).requires_grad_()
    with torch.enable_grad():
        assert torch.autograd.gradcheck(lambda x: unfold(x, 4, 2), x)
        z = unfold(x, 4, 2)
        assert torch.autograd.gradcheck(lambda z: fold(z, 4, 2, (3, 2), 5, 4), z.detach().requires_grad_())
