"""What an iteration moves: operators, the bytes that they read and write, and the memory of what they make."""

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sgbench.methods import native

_OF_THE_PROFILER = "profiler"
_ONLY_MEMORY = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view")


class Traffic(TorchDispatchMode):
    """Counts operators, the bytes that they read and write, and the memory of what they make.

    Views do not count, nor does memory that is only set aside: they move nothing. A tensor counts with the bytes that
    it has, at most those of its memory, so that what is expanded counts once. What the C extension does is no
    operator of torch; each call is counted as one, by the formula of what it reads and writes. Kernels that Python
    starts in other ways are not seen.

    Attributes:
        operators: how many there were.
        bytes: read and written, in all.
        peak: the largest number of bytes of tensors made here that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.bytes = self.alive = self.peak = 0
        self._seen: set[int] = set()

    def __enter__(self) -> "Traffic":
        self._extension = native.extension
        if self._extension is not None:
            native.extension = _CountedExtension(self._extension, self)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        native.extension = self._extension

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function.namespace == _OF_THE_PROFILER:
            return result
        given, made = ([x for x in tree_leaves(part) if isinstance(x, Tensor)] for part in ((args, kwargs), result))
        held = {x.untyped_storage()._cdata for x in given}
        new = [x for x in made if x.untyped_storage()._cdata not in held]
        for tensor in new:
            self._watch(tensor.untyped_storage())
        if function._opname in _ONLY_MEMORY:
            return result
        if new or function._schema.is_mutable or not made:
            self.operators += 1
            self.bytes += sum(map(_size, given)) + sum(map(_size, made))
        return result

    def add(self, number_of_bytes: int) -> None:
        """Count something that is no operator of torch."""
        self.operators += 1
        self.bytes += number_of_bytes

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen or storage.device.type == "meta":
            return
        self._seen.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._forget, key, size).atexit = False

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size


class _CountedExtension:
    """The C extension, counted: what its functions read and write."""

    def __init__(self, extension: Any, traffic: Traffic):
        self.extension, self.traffic = extension, traffic

    def norm_forward(self, *arguments: Any) -> None:
        """Reads x, writes y; the last arguments are images, places, channels, eps, slope, whether in bfloat16."""
        images, places, channels, *_, low = arguments[-6:]
        self.traffic.add(2 * images * places * channels * (2 if low else 4))
        self.extension.norm_forward(*arguments)

    def norm_backward(self, *arguments: Any) -> None:
        """Reads g and x, writes x's gradient; the last arguments are those of forward, without eps."""
        images, places, channels, *_, low = arguments[-5:]
        self.traffic.add(3 * images * places * channels * (2 if low else 4))
        self.extension.norm_backward(*arguments)

    def unfold(self, *arguments: Any) -> None:
        """Reads a map, writes patches; before the map's shape comes the size of a number."""
        self.traffic.add(arguments[2] * _of_patches(*arguments[3:]))
        self.extension.unfold(*arguments)

    def fold(self, *arguments: Any) -> None:
        """Reads patches, writes a map; after both shapes comes whether in bfloat16."""
        self.traffic.add((2 if arguments[-1] else 4) * _of_patches(*arguments[2:-1]))
        self.extension.fold(*arguments)

    def adam(self, numbers: list[int], *arguments: Any) -> None:
        """Reads and writes parameters and moments, reads gradients, writes casts; numbers come in eights."""
        for *_, cast, size, low in zip(*[iter(numbers)] * 8, strict=True):
            self.traffic.add(size * (24 + (2 if low else 4) + (2 if cast else 0)))
        self.extension.adam(numbers, *arguments)

    def tiles_convolve(self, *arguments: Any) -> None:
        """Reads maps and weights, writes maps."""
        self.traffic.add(_of_convolution(*arguments[4:]))
        self.extension.tiles_convolve(*arguments)

    def tiles_spread(self, *arguments: Any) -> None:
        """Reads maps and weights, writes maps."""
        self.traffic.add(_of_convolution(*arguments[4:]))
        self.extension.tiles_spread(*arguments)

    def tiles_weight(self, *arguments: Any) -> None:
        """Reads two maps, writes weights."""
        self.traffic.add(_of_convolution(*arguments[4:]))
        self.extension.tiles_weight(*arguments)

    def tiles(self) -> bool:
        """Moves nothing."""
        return self.extension.tiles()


def _of_patches(
    images: int, height: int, width: int, channels: int, kernel: int, stride: int, top: int, left: int, rows: int,
    columns: int,
) -> int:  # fmt: skip
    """Numbers in a map and in its patches."""
    return images * channels * (height * width + rows * columns * kernel**2)


def _of_convolution(
    images: int, height: int, width: int, channels: int, kernel: int, stride: int, top: int, left: int, rows: int,
    columns: int, out: int,
) -> int:  # fmt: skip
    """Bytes of a convolution's input, output and weights in bfloat16."""
    return 2 * (images * (height * width * channels + rows * columns * out) + kernel**2 * channels * out)


def _size(tensor: Tensor) -> int:
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
