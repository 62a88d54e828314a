"""Triton kernels against plain PyTorch in float64, at the shapes of training at 128x128, batches of 8 and width 64.

    python benchmarks/kernel_checks.py

It needs a GPU. Errors are the largest of all values, each divided by the sum of its size and of the root mean square.
Then come iterations of methods, by ``iteration_checks``.
"""

from collections.abc import Iterator
from itertools import product

import torch
from iteration_checks import iteration_errors
from torch import Tensor
from torch.nn import functional as F

from sgbench.methods.kernels.norms import norm_act, norm_act_backward
from sgbench.methods.kernels.pads import leaky_pad, leaky_pad_backward, leaky_pad_gradients, leaky_pad_like
from sgbench.methods.kernels.patches import fold, gather_shifted, patches, row_size
from sgbench.methods.kernels.shifts import shifted_weight, sum_shifted

Check = tuple[str, float, float]
NORMS = ((8, 64, 128, 128), (8, 128, 64, 64), (8, 256, 32, 32), (64, 256, 32, 32), (8, 512, 128, 128), (8, 512, 8, 8))
SHIFTS = ((1, 8, 64, 128, 128), (8, 8, 64, 128, 128))
PADS = ((72, 64, 64, 64), (72, 256, 16, 16), (72, 1024, 2, 2))
PATCHES = (((72, 3, 128, 128), 5, 2), ((8, 3, 128, 128), 7, 1), ((16, 7, 128, 128), 7, 1))
"""Maps, kernels and strides."""
ROUNDING = {torch.bfloat16: 2**-8, torch.float32: 1e-5}
"""Of results, which are computed in float32 and then rounded once."""
EPS = 1e-5


def check(device: str | torch.device) -> list[Check]:
    """Every kernel at every shape: (name, largest error, what is allowed)."""
    found: list[Check] = []
    for dtype in (torch.bfloat16, torch.float32):
        for shape in NORMS:
            for slope in (0.0, 1.0):
                found += norm_errors(shape, dtype, slope, device)
        for shape in SHIFTS:
            found += shift_errors(shape, 7, 3, dtype, device)
        for shape in PADS:
            found += pad_errors(shape, (1, 2, 1, 2), 0.2, dtype, device)
        for shape, kernel_size, stride in PATCHES:
            found += patch_errors(shape, kernel_size, stride, dtype, device)
    return [*found, *capture_errors(device)]


def norm_errors(
    shape: tuple[int, ...], dtype: torch.dtype, slope: float, device: str | torch.device, offset: float = 3.0
) -> Iterator[Check]:
    """``norm_act`` and its gradients, [N, C, H, W]. Means are up to ``offset`` standard deviations from 0."""
    n, c = shape[:2]
    x = noise(shape, device) + offset * noise((n, c, 1, 1), device, 1).tanh()
    x, grad = channels_last(x.to(dtype)), channels_last(noise(shape, device, 2).to(dtype))
    weight, bias = 1 + 0.3 * noise((c,), device, 3), 0.3 * noise((c,), device, 4)
    y, mean, rstd = norm_act(x, weight, bias, EPS, slope)
    gradients = norm_act_backward(grad, x, weight, bias, mean, rstd, slope)
    leaves = [t.double().requires_grad_() for t in (x, weight, bias)]
    variance, middle = torch.var_mean(leaves[0], (2, 3), correction=0)
    scale = (variance + EPS).rsqrt()
    normalised = (leaves[0] - middle[..., None, None]) * scale[..., None, None]
    affine = normalised * leaves[1].view(-1, 1, 1) + leaves[2].view(-1, 1, 1)
    # Values next to 0 can have either sign. The backward pass must have that of the forward pass.
    plain = affine * torch.where(y > 0, 1.0, slope)
    wanted = torch.autograd.grad(plain, leaves, grad.double())
    name = f"{tuple(shape)} {dtype}, slope {slope}".replace("torch.", "")
    yield f"norm_act {name}", error(y, F.leaky_relu(affine, slope)), ROUNDING[dtype]
    yield f"norm_act mean {name}", error(mean, middle), 1e-5
    yield f"norm_act rstd {name}", error(rstd, scale), 1e-5
    for part, gradient, plain_gradient in zip(("dx", "dweight", "dbias"), gradients, wanted, strict=True):
        allowed = ROUNDING[dtype] if part == "dx" else 1e-4
        yield f"norm_act_backward {part} {name}", error(gradient, plain_gradient), allowed


def shift_errors(
    shape: tuple[int, ...], kernel_size: int, channels: int, dtype: torch.dtype, device: str | torch.device
) -> Iterator[Check]:
    """``sum_shifted``, ``gather_shifted`` and a whole convolution in float32, [G, N, w, H, W]."""
    groups, n, width, rows, columns = shape
    size = row_size(kernel_size, channels)
    z = noise((groups, n, rows, columns, kernel_size * size), device).to(dtype)
    z.unflatten(-1, (kernel_size, size))[..., kernel_size * channels :] = torch.nan
    g = channels_last(noise((n, groups * channels, rows, columns), device, 1).to(dtype))
    name = f"{tuple(shape)}, {kernel_size}x{kernel_size} to {channels}, {dtype}".replace("torch.", "")
    yield (
        f"sum_shifted {name}",
        error(sum_shifted(z, kernel_size, channels), plain_sum(z, kernel_size, channels)),
        ROUNDING[dtype],
    )
    wanted = plain_gather(g, kernel_size, groups, z.shape[-1])
    yield f"gather_shifted {name}", error(gather_shifted(g, kernel_size, groups), wanted), 0.0
    if dtype != torch.float32 or kernel_size % 2 == 0:
        return
    f = channels_last(noise((n, groups * width, rows, columns), device, 2))
    weight = noise((groups * channels, width, kernel_size, kernel_size), device, 3) / width**0.5
    wanted = F.conv2d(f.double(), weight.double(), padding=kernel_size // 2, groups=groups)
    features = f.permute(0, 2, 3, 1).reshape(n * rows * columns, groups, width).transpose(0, 1)
    products = torch.bmm(features, shifted_weight(weight, groups)).view(z.shape)
    yield f"convolution {name}", error(sum_shifted(products, kernel_size, channels), wanted), 1e-4


def pad_errors(
    shape: tuple[int, ...], around: tuple[int, int, int, int], slope: float, dtype: torch.dtype, device
) -> Iterator[Check]:
    """``leaky_pad``, its backward pass and the adjoint of that, [N, C, H, W] cut out of a map that is larger."""
    n, c, rows, columns = shape
    left, right, top, bottom = around
    x = channels_last(noise((n, c, rows + 1, columns + 2), device).to(dtype))[:, :, :rows, 1 : columns + 1]
    x[:, :, 0] = 0
    v = channels_last(noise(shape, device, 1).to(dtype))
    grad = channels_last(noise((n, c, rows + top + bottom, columns + left + right), device, 2).to(dtype))
    inner = grad[:, :, top : top + rows, left : left + columns].float()
    for bias in (None, noise((c,), device, 3).to(dtype)):
        added = x.float() if bias is None else x.float() + bias.float()[:, None, None]
        slopes = torch.where(added > 0, 1.0, torch.tensor(slope, device=device))
        name = f"{tuple(shape)}, {around}, {dtype}{'' if bias is None else ', with a bias'}".replace("torch.", "")
        for part, found, values in (
            ("leaky_pad", leaky_pad(x, bias, slope, around), added),
            ("leaky_pad_like", leaky_pad_like(v, x, bias, slope, around), v.float()),
        ):
            yield f"{part} {name}", error(found, F.pad((values * slopes).to(dtype), around)), 0.0
        found = leaky_pad_backward(grad, x, bias, slope, around)
        yield f"leaky_pad_backward {name}", error(found, (inner * slopes).to(dtype)), 0.0
        if bias is not None:
            of_x, of_bias = leaky_pad_gradients(grad, x, bias, slope, around)
            yield f"leaky_pad_gradients dx {name}", error(of_x, found), 0.0
            yield f"leaky_pad_gradients dbias {name}", error(of_bias, (inner * slopes).double().sum((0, 2, 3))), 1e-4


def patch_errors(
    shape: tuple[int, ...], kernel_size: int, stride: int, dtype: torch.dtype, device: str | torch.device
) -> Iterator[Check]:
    """``patches`` of a map, as "same" convolutions pad it, and ``fold``, against torch's ``unfold``; [N, c, H, W]."""
    channels, sides = shape[1], shape[2:]
    x = channels_last(noise(shape, device).to(dtype))
    places = [-(-side // stride) for side in sides]
    missing = [max((n - 1) * stride + kernel_size - side, 0) for n, side in zip(places, sides, strict=True)]
    (top, left), (bottom, right) = [m // 2 for m in missing], [m - m // 2 for m in missing]
    whole = x.double().requires_grad_()
    columns = F.unfold(F.pad(whole, (left, right, top, bottom)), kernel_size, stride=stride)
    by_row = columns.unflatten(1, (channels, kernel_size, kernel_size)).permute(0, 4, 2, 3, 1).flatten(3)
    wanted = F.pad(by_row, (0, row_size(kernel_size, channels) - by_row.shape[3])).flatten(2).flatten(0, 1)
    name = f"{tuple(shape)}, {kernel_size}x{kernel_size}, stride {stride}, {dtype}".replace("torch.", "")
    yield f"patches {name}", error(patches(x, kernel_size, stride, (top, left), places), wanted), 0.0
    z = noise(tuple(wanted.shape), device, 1).to(dtype)
    (folded,) = torch.autograd.grad(wanted, whole, z.double())
    found = fold(z.view(shape[0], *places, -1), kernel_size, channels, stride, (top, left), sides)
    yield f"fold {name}", error(found, folded), ROUNDING[dtype]


def capture_errors(device: str | torch.device) -> Iterator[Check]:
    """Kernels replayed from a CUDA graph give the same bits as launches do; so do launches one after another."""
    x = channels_last(noise((8, 64, 128, 128), device).bfloat16())
    ones, zeros = torch.ones(64, device=device), torch.zeros(64, device=device)

    def everything() -> list[Tensor]:
        y, mean, rstd = norm_act(x, ones, zeros, EPS, 0.0)
        gradients = norm_act_backward(y, x, ones, zeros, mean, rstd, 0.0)
        dz = gather_shifted(x[:, :24], 7, 8)
        padded = leaky_pad(x, ones, 0.2, (1, 2, 1, 2))
        back = leaky_pad_gradients(padded, x, ones, 0.2, (1, 2, 1, 2))
        seen = patches(x[:, :3], 5, 2, (1, 1), (64, 64))
        return [y, mean, rstd, *gradients, dz, sum_shifted(dz, 7, 3), padded, *back, seen]

    first = everything()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = everything()
    graph.replay()
    torch.cuda.synchronize()
    for name, again in (("launched again", everything()), ("from a graph", captured)):
        yield name, max(float((a != b).sum()) for a, b in zip(first, again, strict=True)), 0.0


def plain_sum(z: Tensor, kernel_size: int, channels: int) -> Tensor:
    """``sum_shifted`` in float64."""
    groups, n, height, width, columns = z.shape
    total = z.new_zeros((n, height, width, groups, channels), dtype=torch.float64)
    for row, column, target, source in _shifts(kernel_size, height, width):
        start = row * (columns // kernel_size) + column * channels
        total[target] += z[(slice(None), *source, slice(start, start + channels))].double().permute(1, 2, 3, 0, 4)
    return total.flatten(3).permute(0, 3, 1, 2)


def plain_gather(g: Tensor, kernel_size: int, groups: int, columns: int) -> Tensor:
    """``gather_shifted``."""
    n, _, height, width = g.shape
    channels = g.shape[1] // groups
    dz = g.new_zeros((groups, n, height, width, columns))
    by_group = g.permute(0, 2, 3, 1).unflatten(3, (groups, channels))
    for row, column, target, source in _shifts(kernel_size, height, width):
        start = row * (columns // kernel_size) + column * channels
        dz[(slice(None), *source, slice(start, start + channels))] = by_group[target].permute(3, 0, 1, 2, 4)
    return dz


def _shifts(kernel_size: int, height: int, width: int) -> Iterator[tuple[int, int, tuple, tuple]]:
    """(row, column, places [n, i, j] of y, places of z that they read) for each entry of a kernel."""
    for row, column in product(range(kernel_size), repeat=2):
        steps = ((row - kernel_size // 2, height), (column - kernel_size // 2, width))
        target = [slice(max(0, -by), min(side, side - by)) for by, side in steps]
        if all(places.start < places.stop for places in target):
            source = [slice(t.start + by, t.stop + by) for t, (by, _) in zip(target, steps, strict=True)]
            yield row, column, (slice(None), *target), (slice(None), *source)


def noise(shape: tuple[int, ...], device: str | torch.device, seed: int = 0) -> Tensor:
    """Normal float32 values, the same each time."""
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def channels_last(x: Tensor) -> Tensor:
    """The same values, in that layout."""
    return x.contiguous(memory_format=torch.channels_last)


def error(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as the module says; NaN for a NaN and infinity for another shape."""
    if found.shape != wanted.shape:
        return float("inf")
    wanted = wanted.detach().double()
    size = wanted.abs() + wanted.square().mean().sqrt()
    return float(((found.double() - wanted).abs() / size.clamp_min(1e-300)).max())


def main() -> None:
    """Print every check, and fail if one does not hold."""
    found = [*check("cuda"), *iteration_errors("cuda")]
    for name, largest, allowed in found:
        print(f"{'ok  ' if largest <= allowed else 'FAIL'} {largest:9.2e} of {allowed:9.2e}  {name}")
    if not all(largest <= allowed for _, largest, allowed in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
