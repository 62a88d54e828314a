"""A submission given as a file: an exported program (``*.pt2``, torch.export.save) or an ONNX model (``*.onnx``).

A program has one of two signatures; inputs are told apart by their position:

- ``(images, group) -> results``: images float32 [n, 3, S, S] in [-1, 1]; the group is its number in the order of
  ``all_groups``, an int64 tensor of shape [], [1] or [n]; results float [n, 3, S, S] in [-1, 1];
- ``(images) -> results`` for all G groups at once: float [n, G, 3, S, S], as SG-GAN's generator makes them.

If the file keeps the names of its groups, as exported models do, they say which result is of which group. Several
groups are applied one after another. If n is fixed or bounded, batches are split and padded to fit. A program file runs
as code: open only files that you trust.
"""

import hashlib
import mmap
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sgbench.data.checked import checked
from sgbench.data.labels import Group, all_groups
from sgbench.features.exported import load_exported
from sgbench.submissions.group_names import GROUPS, numbers_in_file
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.models import serve_model
from sgbench.submissions.results import Results
from sgbench.support.cores import LOOKING
from sgbench.support.errors import UserError, shown, summary

_BLOCK = 2**24
_EXTERNAL = re.compile(rb"\x6a[\x80-\xff]*[\x00-\x7f]\n\x08location\x12([\x80-\xff]*[\x00-\x7f])", re.DOTALL)
"""Before the place of a tensor's weights in an ONNX file: TensorProto.external_data, its key and the place's length."""


class Port(NamedTuple):
    """An input of a program: its type, and the smallest and the largest size of each dimension."""

    dtype: str
    sizes: tuple[tuple[int, float], ...]

    def __str__(self) -> str:
        sizes = ["n" if low < high else str(low) for low, high in self.sizes]
        return f"{self.dtype} [{', '.join(sizes)}]"


@dataclass(frozen=True)
class Program:
    """An opened program.

    Attributes:
        run: takes the input tensors and returns the program's output.
        groups: names of its groups in their order, as the file keeps them; empty if it keeps none.
    """

    name: str
    inputs: tuple[Port, ...]
    run: Callable[..., object]
    groups: str = ""

    def edit(self, images: Tensor, number: int, num_groups: int) -> Tensor:
        """Translate n images to the group with this number; n is at most what the program takes."""
        least = int(self.inputs[0].sizes[0][0])
        padded = torch.cat([images, images[-1:].expand(max(0, least - len(images)), -1, -1, -1)])
        if len(self.inputs) == 2:
            results = self._call(padded, self._group(number, len(padded)).to(images.device))
            return checked(results, tuple(padded.shape), self.name)[: len(images)]
        results = checked(self._call(padded), (len(padded), num_groups, *padded.shape[1:]), self.name)
        return results[: len(images), number]

    def _group(self, number: int, length: int) -> Tensor:
        sizes = self.inputs[1].sizes
        if not sizes:
            return torch.tensor(number)
        return torch.full((1 if sizes[0] == (1, 1) else length,), number)

    def _call(self, *tensors: Tensor) -> object:
        try:
            return self.run(*tensors)
        except Exception as error:  # a program or its runtime may raise any error
            shapes = " and ".join(str(list(t.shape)) for t in tensors)
            raise UserError(f"{self.name}: failed on inputs {shapes}: {summary(error)}") from error


def open_exported(path: Path, inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    """Open the results of a program that torch.export.save wrote; it runs on ``device``.

    Raises:
        UserError: the program cannot be loaded, has another signature, or fails on a test image.
    """
    return _open(exported_program(path, device), [path], inputs, device, batch_size)


def exported_program(path: Path, device: torch.device) -> Program:
    """A program that torch.export.save wrote, ready to run on a device.

    Raises:
        UserError: it cannot be loaded.
    """
    kept = {GROUPS: ""}
    exported = load_exported(path, device, kept)

    def sizes(shape: Sequence[int | torch.SymInt]) -> tuple[tuple[int, float], ...]:
        ranges = [exported.range_constraints.get(d.node.expr) if isinstance(d, torch.SymInt) else None for d in shape]
        return tuple(
            (d, d) if isinstance(d, int) else (max(1, float(r.lower)), float(r.upper)) if r else (1, float("inf"))
            for d, r in zip(shape, ranges, strict=True)
        )

    values = {node.name: node.meta.get("val") for node in exported.graph.nodes if node.op == "placeholder"}
    ports = tuple(
        Port(str(v.dtype).removeprefix("torch."), sizes(v.shape))
        if isinstance(v, Tensor)
        else Port(f"constant {name}", ())
        for name, v in ((name, values.get(name)) for name in exported.graph_signature.user_inputs)
    )
    return Program(str(path), ports, exported.module(), kept[GROUPS])


def open_onnx(path: Path, inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    """Open the results of an ONNX model.

    Raises:
        UserError: onnxruntime is not installed, or one of the reasons of ``open_exported``.
    """
    return _open(onnx_program(path, device), _onnx_files(path), inputs, device, batch_size)


def onnx_program(path: Path, device: torch.device) -> Program:
    """An ONNX model; onnxruntime runs it, on a GPU if ``device`` is one and onnxruntime has CUDA.

    Raises:
        UserError: onnxruntime is not installed, or cannot load it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{path}: running it needs onnxruntime: pip install onnxruntime") from error
    wanted = ["CUDAExecutionProvider"] * (device.type == "cuda") + ["CPUExecutionProvider"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = LOOKING
    try:
        providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
        session = onnxruntime.InferenceSession(str(path), options, providers)
    except Exception as error:  # a broken file may raise any error
        raise UserError(f"{path}: onnxruntime cannot load it: {summary(error)}") from error

    def port(value: "onnxruntime.NodeArg") -> Port:
        sizes = tuple((d, d) if isinstance(d, int) else (1, float("inf")) for d in value.shape)
        dtype = value.type.removeprefix("tensor(").removesuffix(")")
        return Port("float32" if dtype == "float" else dtype, sizes)

    def run(*tensors: Tensor) -> object:
        feed = {value.name: t.cpu().numpy() for value, t in zip(session.get_inputs(), tensors, strict=True)}
        first = session.run(None, feed)[0]
        return torch.from_numpy(first) if isinstance(first, np.ndarray) else first

    kept = session.get_modelmeta().custom_metadata_map.get(GROUPS, "")
    return Program(str(path), tuple(port(value) for value in session.get_inputs()), run, kept)


def _open(program: Program, files: Sequence[Path], inputs: Inputs, device: torch.device, batch_size: int) -> Results:
    check_signature(program, inputs.image_size)
    groups = all_groups(inputs.attributes)
    numbers, num_groups = numbers_in_file(program.groups, inputs.attributes, program.name)

    def translate(images: Tensor, labels: Tensor, wanted: Sequence[Group]) -> Tensor:
        for group in wanted:
            images = program.edit(images, numbers[groups.index(group)], num_groups)
        return images

    key = hashlib.sha256()
    if numbers != list(range(num_groups)):  # an earlier version scored the same file by the study's numbers
        key.update(f"groups {numbers};".encode())
    for path in files:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                key.update(block)
    largest = int(min(program.inputs[0].sizes[0][1], batch_size)) if program.inputs[0].sizes else batch_size
    return serve_model(translate, program.name, key.hexdigest(), inputs, device, largest)


def check_signature(program: Program, size: int) -> None:
    """Refuse inputs other than images float32 [n, 3, S, S] and, optionally, a group int64 [], [1] or [n].

    Raises:
        UserError: it takes others.
    """
    ports = program.inputs
    shape_fits = len(ports) in (1, 2) and len(ports[0].sizes) == 4
    fits = shape_fits and all(
        low <= wanted <= high for (low, high), wanted in zip(ports[0].sizes[1:], (3, size, size), strict=True)
    )
    group_fits = len(ports) < 2 or (ports[1].dtype == "int64" and len(ports[1].sizes) < 2)
    if not (fits and group_fits and ports[0].dtype == "float32"):
        raise UserError(
            f"{program.name}: takes {', '.join(map(str, ports)) or 'nothing'}; must take float32 "
            f"[n, 3, {size}, {size}] and an int64 group number, or the images alone and return every group's results"
        )


def _onnx_files(path: Path) -> list[Path]:
    """The model and the files that it names: large weights are kept in files of their own, beside it or in folders.

    Raises:
        UserError: one of them lies outside the model's folder.
    """
    beside = sorted(p for p in path.parent.iterdir() if p != path and p.is_file())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        named = [p for p in beside if content.find(p.name.encode()) >= 0]
        below = [path.parent / place for place in sorted(set(_locations(content, path)))]
    return list(dict.fromkeys([path, *named, *(p for p in below if p.is_file())]))


def _locations(content: mmap.mmap, path: Path) -> Iterator[str]:
    """Where a model says that weights lie, from its folder on."""
    for entry in _EXTERNAL.finditer(content):
        length = sum((byte & 127) << (7 * k) for k, byte in enumerate(entry[1]))
        place = content[entry.end() : entry.end() + length].decode("utf-8", "replace").replace("\\", "/")
        normal = posixpath.normpath(place)
        if posixpath.isabs(normal) or normal.split("/")[0] == "..":
            raise UserError(f"{path}: keeps weights in {shown(place)}, outside its folder; save it with them below it")
        yield normal
