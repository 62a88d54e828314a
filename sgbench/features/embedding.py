"""Face embeddings, by a network that the user supplies; the package contains none.

The network is a function ``package.module:function`` that takes float images [n, 3, S, S] in [-1, 1] and returns
[n, D], or such a program that ``torch.export.save`` wrote (``*.pt2``, exported with a dynamic number of images).
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from sgbench.data.checked import check_called
from sgbench.data.pixels import to_floats
from sgbench.features.exported import load_exported
from sgbench.features.weights import checked
from sgbench.support.code import hash_of_code
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, one_line
from sgbench.support.global_state import foreign
from sgbench.support.hashing import hash_of_array, hash_of_file, hash_of_value
from sgbench.support.loading import load_function

_ROUNDING = 1e-2
"""Of an embedding's length; kernels for other numbers of images round otherwise."""


@dataclass(frozen=True)
class Embedder:
    """Embeddings of images.

    Attributes:
        function: the user's function.
        origin: the name or path of the function, as the user gave it.
        sha256: hash of the exported program, or of the function's name and its module, with what that imports from its
            own package or folder, the files beside it that it names, and the tensors and networks that it has at its
            top.
        device: the device of the images that the function gets.
        batch_size: images per call of the function.
    """

    function: Callable[[Tensor], Tensor]
    origin: str
    sha256: str
    device: torch.device
    batch_size: int = 50

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Embeddings float64 [N, D], on the CPU, for uint8 images [N, 3, S, S].

        Raises:
            UserError: the function fails, or does not return an embedding for each image.
        """
        parts = [self._embed(part) for part in images.split(self.batch_size)]
        if len(lengths := {part.shape[1]: None for part in parts}) > 1:
            raise UserError(f"{self.origin}: must return embeddings of one length, not {', '.join(map(str, lengths))}")
        return torch.cat(parts)

    def check(self, images: Tensor) -> None:
        """Refuse a network that fails on images, or whose embedding of an image is another one each time.

        Args:
            images: a few, uint8 [N, 3, S, S].

        Raises:
            UserError: it fails, draws at random, or looks at the other images of a batch.
        """
        seed_draws(0)
        together = self(images)
        seed_draws(1)
        if _differ(together, self(images)):
            raise UserError(f"{self.origin}: gives another embedding of an image at each call; let it draw nothing")
        if _differ(together, *(self(image) for image in images.split(1))):
            raise UserError(
                f"{self.origin}: gives another embedding of an image beside other images; call eval() of its network"
            )

    def _embed(self, images: Tensor) -> Tensor:
        x = to_floats(images.to(self.device))
        with foreign(self.origin):
            try:
                embedding = self.function(x)
            except Exception as error:  # whatever the user's code raises
                raise UserError(
                    f"{self.origin}: fails on images {list(x.shape)}: {type(error).__name__}: {one_line(error, 200)}"
                ) from error
        check_called(embedding, self.origin)
        if not isinstance(embedding, Tensor) or not embedding.is_floating_point():
            kind = getattr(embedding, "dtype", type(embedding).__name__)
            raise UserError(f"{self.origin}: must return a floating point tensor, not {kind}")
        if embedding.ndim != 2 or len(embedding) != len(x):
            raise UserError(f"{self.origin}: must return [{len(x)}, D], not {list(embedding.shape)}")
        embedding = embedding.to("cpu", torch.float64, copy=True)  # the next ones may come in the same memory
        lengths = torch.linalg.vector_norm(embedding, dim=1)
        if not lengths.isfinite().all() or (lengths == 0).any():
            raise UserError(f"{self.origin}: an embedding is zero, NaN or infinite")
        return embedding


def _differ(embeddings: Tensor, *parts: Tensor) -> bool:
    """Whether embeddings [N, D] are others than these parts of them, by more than rounding."""
    if any(part.shape[1] != embeddings.shape[1] for part in parts):
        return True
    change = torch.linalg.vector_norm(embeddings - torch.cat(parts), dim=1)
    return bool((change > _ROUNDING * torch.linalg.vector_norm(embeddings, dim=1)).any())


def load_embedder(origin: str, device: torch.device | str = "cpu") -> Embedder:
    """The network that ``origin`` names.

    Args:
        origin: ``package.module:function``, or the path of a program ``*.pt2``.

    Raises:
        UserError: there is no such file, module or function, or it cannot be loaded.
    """
    device = torch.device(device)
    if origin.endswith(".pt2"):
        path, sha256 = checked(Path(origin))
        return Embedder(load_exported(path, device).module(), origin, sha256, device)
    try:
        function = load_function(origin)
    except UserError as error:
        raise UserError(f"unknown face embedding '{origin}': {error}, or *.pt2") from error
    module_name, _, name = origin.partition(":")
    module = sys.modules[module_name]
    if not getattr(module, "__file__", None):
        raise UserError(f"unknown face embedding '{origin}': {module.__name__} is not a file, so it has no hash")
    return Embedder(function, origin, _hash_of_function(module, name), device)


def _hash_of_function(module: ModuleType, name: str) -> str:
    """Hash of a function's name, of its module's code, and of all that its networks are made of, read from wherever."""
    code = hash_of_code(module.__name__) or hash_of_file(Path(module.__file__))
    states = {name: _hash_of_tensors(tensors) for name, value in vars(module).items() if (tensors := _tensors(value))}
    return hash_of_value([name, code, states])


def _tensors(value: object) -> list[Tensor]:
    """The tensors of a network, of a tensor or array alone, or of a list or mapping of such."""
    if isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        return [tensor for part in parts if not isinstance(part, Mapping | list | tuple) for tensor in _tensors(part)]
    if isinstance(value, nn.Module):
        return [tensor for tensor in value.state_dict().values() if isinstance(tensor, Tensor)]
    if isinstance(value, np.ndarray):
        return [torch.from_numpy(value)] if value.dtype.kind in "fiu" else []
    return [value] if isinstance(value, Tensor) else []


def _hash_of_tensors(tensors: Sequence[Tensor]) -> str:
    whole = [tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy() for tensor in tensors]
    return hash_of_value([hash_of_array(bits) for bits in whole])
