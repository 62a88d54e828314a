"""What each place of a "same" convolution looks at, as a row of a matrix; the adjoint; and weights as such rows.

On a GPU by kernels, on a CPU by the C extension, elsewhere by torch's operators.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sgbench.methods import kernels, native


@lru_cache
def padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "same" padding before and after a side."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def unfold(x: Tensor, kernel: int, stride: int) -> Tensor:
    """[N, C, H, W] -> [N * places, kernel * kernel * C], what each output place looks at.

    On a GPU each row of a kernel ends in zeros, as ``kernels.patches`` has them. On a CPU they may lie in ``room``.
    """
    size, channels, height, width = x.shape
    (top, bottom), (left, right) = padding(height, kernel, stride), padding(width, kernel, stride)
    rows, columns = -(-height // stride), -(-width // stride)
    if kernels.usable(x):
        from sgbench.methods.kernels.patches import patches

        return patches(x, kernel, stride, (top, left), (rows, columns))
    if _by_extension(x):
        x = x.contiguous(memory_format=torch.channels_last)
        z = room(x.dtype, size * rows * columns, kernel * kernel * channels)
        shape = size, height, width, channels, kernel, stride, top, left, rows, columns
        native.extension.unfold(x.data_ptr(), z.data_ptr(), x.element_size(), *shape)
        return z
    x = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, right, top, bottom)).contiguous()
    _, height, width, _ = x.shape
    line = width * channels
    strides = (height * line, stride * line, stride * channels, line, 1)
    z = x.as_strided((size, rows, columns, kernel, kernel * channels), strides)
    return z.reshape(size * rows * columns, kernel * kernel * channels)


def fold(z: Tensor, kernel: int, stride: int, places: Sequence[int], height: int, width: int) -> Tensor:
    """The adjoint of ``unfold`` on a CPU: what came from a pixel is added, [N * places, ...] -> [N, C, height, width].

    Args:
        places: rows and columns of the output places.
    """
    rows, columns = places
    size, channels = len(z) // (rows * columns), z.shape[1] // kernel**2
    (top, bottom), (left, right) = padding(height, kernel, stride), padding(width, kernel, stride)
    if _by_extension(z) and z.dtype in (torch.float32, torch.bfloat16):
        z, y = z.contiguous(), z.new_empty(size, height, width, channels)
        shape = size, height, width, channels, kernel, stride, top, left, rows, columns
        native.extension.fold(z.data_ptr(), y.data_ptr(), *shape, z.dtype == torch.bfloat16)
        return y.permute(0, 3, 1, 2)
    z = z.view(size, rows, columns, kernel, kernel, channels)
    total = z.new_zeros(size, height + top + bottom, width + left + right, channels)
    for i in range(kernel):
        for j in range(kernel):
            to = total[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
            to += z[:, :, :, i, j]
    return total[:, top : top + height, left : left + width].permute(0, 3, 1, 2)


def _by_extension(x: Tensor) -> bool:
    """Whether the C extension is used: where a gradient may be asked for, torch's operators are."""
    return native.usable(x) and not torch.is_grad_enabled()


_kept = threading.local()


def room(dtype: torch.dtype, rows: int, columns: int) -> Tensor:
    """Memory on the CPU for a matrix, [rows, columns], of what comes before or after a product.

    It is the same at each call of a thread, so that it is at hand in its cache: the matrix lasts until the next call.
    """
    memory = getattr(_kept, "memory", None)
    size = rows * columns * dtype.itemsize
    if memory is None or len(memory) < size:
        memory = _kept.memory = torch.empty(size, dtype=torch.uint8)
    return memory[:size].view(dtype).view(rows, columns)


def rows_of(weight: Tensor) -> Tensor:
    """[c, C, k, k] -> [c, k * k * C], a view where the layout is channels-last."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def rows_like_patches(weight: Tensor) -> Tensor:
    """Weights as rows [c, columns] that patches are multiplied with."""
    if not kernels.usable(weight):
        return rows_of(weight)
    from sgbench.methods.kernels.patches import row_size

    by_row = weight.permute(0, 2, 3, 1).flatten(2)
    return F.pad(by_row, (0, row_size(weight.shape[-1], weight.shape[1]) - by_row.shape[2])).flatten(1)


def flat(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N * H * W, C], a view where the layout is channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
