"""Results stored as arrays in an .npz or a .safetensors file.

The file holds ``results`` uint8 [K, 3, S, S] or [K, S, S, 3], and ``sources`` [K], the names of test images or their
positions in the test set. It also holds either ``groups`` [K], texts such as ``gender=male``, or ``attributes`` [K] and
``values`` [K], numbers from 0 in the order of the study's settings. A .safetensors file has texts as JSON lists in its
metadata, an .npz has them as string arrays.

The pixels of a .safetensors file, and of an .npz written without compression, are read from the disk when they are
needed. They are not mapped into memory, where a file that is cut meanwhile would end the process without a word. Those
of a compressed .npz, and of one in Fortran's order, are held in memory.
"""

import hashlib
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.results import CHANGED, Results, StoredResult, serve
from sgbench.support.archives import Arrays, check_sum, place_of_data
from sgbench.support.errors import UserError, summary
from sgbench.support.reading import NotRead, open_regular
from sgbench.support.strict import parse_json

_LISTS = ("sources", "groups", "attributes", "values")
_WHOLE = ("I", "U")
"""What the names of types of whole numbers begin with in .safetensors."""
_MAX_LIST = 256 * 2**20
"""Most bytes that an array other than the pixels may have."""
_MOST_RESULTS = 2**22


def open_npz(path: Path, inputs: Inputs) -> Results:
    """Open an .npz that numpy.savez or numpy.savez_compressed wrote; nothing in it is unpickled.

    Raises:
        UserError: the file is not valid; the message names the array and what is wrong with it.
    """
    try:
        with Arrays(path) as arrays:
            headers = {name: arrays.header(name) for name in ("results", *_LISTS) if name in ("results", *arrays.names)}
            for name, header in headers.items():
                if name in _LISTS:
                    _check_list(path, name, header.shape)
            lists = {name: arrays.read(name, _MAX_LIST).tolist() for name in _LISTS if name in headers}
            entries = _entries(path, lists, inputs)
            header, info = headers["results"], arrays.member("results")
            _check_pixels(path, header.shape, str(header.dtype), len(entries), inputs.image_size)
            if info.compress_type == zipfile.ZIP_STORED and not header.fortran:
                check_sum(arrays, "results")
                pick = _from_disk(path, place_of_data(path, info) + header.start, header.shape)
            else:
                pixels = torch.from_numpy(arrays.read("results", header.num_bytes))
                pick = pixels.__getitem__
    except UserError:
        raise
    except Exception as error:  # a broken file may raise any error
        raise UserError(f"{path}: not a readable .npz ({summary(error)}); make it again") from error
    return _serve(path, entries, inputs, pick)


def open_safetensors(path: Path, inputs: Inputs) -> Results:
    """Open the results in a .safetensors file.

    Raises:
        UserError: safetensors is not installed, or the file is not valid; names the tensor and what is wrong with it.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise UserError(f"{path}: reading it needs safetensors: pip install safetensors") from error
    try:
        open_regular(path).close()
        archive = safe_open(path, framework="pt")
        lists = {
            name: _json_list(path, name, text) for name, text in (archive.metadata() or {}).items() if name in _LISTS
        }
        for name in set(archive.keys()) & set(_LISTS) - lists.keys():
            part = archive.get_slice(name)
            _check_list(path, name, tuple(part.get_shape()))
            if part.get_dtype()[0] not in _WHOLE:
                raise UserError(f"{path}: {name} must be whole numbers, are {part.get_dtype()}")
            lists[name] = archive.get_tensor(name).tolist()
        if "results" not in archive.keys():  # noqa: SIM118  (it is not a mapping)
            raise UserError(f"{path}: has no tensor 'results'; it has {', '.join(archive.keys()) or 'none'}")
        entries = _entries(path, lists, inputs)
        pixels = archive.get_slice("results")
        dtype = {"U8": "uint8"}.get(pixels.get_dtype(), pixels.get_dtype())
        shape = tuple(pixels.get_shape())
        _check_pixels(path, shape, dtype, len(entries), inputs.image_size)
        pick = _from_disk(path, _place_of_tensor(path, "results"), shape)
    except (OSError, NotRead, SafetensorError) as error:
        raise UserError(f"{path}: not a readable .safetensors file ({summary(error)}); make it again") from error
    return _serve(path, entries, inputs, pick)


def _place_of_tensor(path: Path, name: str) -> int:
    """Where the data of a tensor start in a .safetensors file: after the header and its length, in 8 bytes.

    Raises:
        OSError, NotRead: the header cannot be read.
    """
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, _MAX_LIST))
    try:
        return 8 + length + int(parse_json(text.decode())[name]["data_offsets"][0])
    except (ValueError, LookupError, TypeError) as error:  # safetensors itself takes a key that is there twice
        raise NotRead(f"its header says in no one way where {name} lies ({error})") from error


def _from_disk(path: Path, start: int, shape: tuple[int, ...]) -> Callable[[list[int]], Tensor]:
    """Numbers of n entries -> their pixels, uint8 [n, ...]; entries lie one after another from ``start`` on."""
    size = math.prod(shape[1:])

    def pick(numbers: list[int]) -> Tensor:
        pixels = torch.empty((len(numbers), *shape[1:]), dtype=torch.uint8)
        try:
            with open_regular(path) as file:
                for number, entry in zip(numbers, pixels.numpy(), strict=True):
                    file.seek(start + number * size)
                    if file.readinto(entry.reshape(-1)) < size:
                        raise UserError(f"{path}: {CHANGED}")
        except (OSError, NotRead) as error:
            raise UserError(f"{path}: {CHANGED}") from error
        return pixels

    return pick


def _serve(path: Path, entries: Sequence[StoredResult], inputs: Inputs, pick: Callable[[list[int]], Tensor]) -> Results:
    stamp = _stamp(path)

    def read(numbers: list[int]) -> Tensor:
        pixels = pick(numbers)
        if _stamp(path) != stamp:  # after reading: what was read before is known to be of the same file
            raise UserError(f"{path}: {CHANGED}")
        return pixels if pixels.shape[1] == 3 else pixels.permute(0, 3, 1, 2).contiguous()

    with open_regular(path) as file:
        return serve(str(path), entries, inputs, read, hashlib.file_digest(file, "sha256").hexdigest())


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells a file from what it was before it was written to or replaced; nothing if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _entries(path: Path, lists: Mapping[str, list], inputs: Inputs) -> list[StoredResult]:
    numbered = {"attributes", "values"} & lists.keys()
    if "sources" not in lists or not ("groups" in lists or len(numbered) == 2) or ("groups" in lists and numbered):
        raise UserError(f"{path}: must have 'sources', and either 'groups' or both 'attributes' and 'values'")
    names = ["sources", "groups"] if "groups" in lists else ["sources", "attributes", "values"]
    if len({len(lists[name]) for name in names}) > 1:
        counts = ", ".join(f"{name} {len(lists[name])}" for name in names)
        raise UserError(f"{path}: arrays must be equally long, but are: {counts}")
    entries = []
    for k, (source, *groups) in enumerate(zip(*(lists[name] for name in names), strict=True)):
        where = f"{path}: entry {k}"
        try:
            entries.append(StoredResult(where, _place(source, inputs), _groups(groups, inputs)))
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    return entries


def _place(source: Any, inputs: Inputs) -> int:
    if isinstance(source, str):
        return inputs.place(source)
    if type(source) is not int or not 0 <= source < len(inputs.ids):
        raise UserError(f"source {source!r} is neither a name nor a position from 0 to {len(inputs.ids) - 1}")
    return source


def _groups(given: Sequence[Any], inputs: Inputs) -> tuple[Group, ...]:
    if len(given) == 1 and isinstance(given[0], str):
        return inputs.parse(given[0])
    if len(given) == 1:
        raise UserError(f"groups must be a text such as '{next(iter(inputs.groups))}', not {given[0]!r}")
    if any(type(number) is not int for number in given) or tuple(given) not in inputs.groups.values():
        counts = ", ".join(f"{a.name} {len(a.values)}" for a in inputs.attributes)
        raise UserError(f"no value {given[1]!r} of attribute {given[0]!r}; counted from 0, values there are: {counts}")
    return (Group(*given),)


def _check_list(path: Path, name: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 1:
        raise UserError(f"{path}: {name} must have one dimension, has the shape {list(shape)}")
    if shape[0] > _MOST_RESULTS:
        raise UserError(f"{path}: {name} has {shape[0]:,} entries; at most {_MOST_RESULTS:,} are read")


def _check_pixels(path: Path, shape: tuple[int, ...], dtype: str, count: int, size: int) -> None:
    if dtype != "uint8":
        raise UserError(f"{path}: results must be uint8, are {dtype}; round them to 0..255 yourself")
    if shape not in ((count, 3, size, size), (count, size, size, 3)):
        raise UserError(
            f"{path}: results must be [{count}, 3, {size}, {size}] or [{count}, {size}, {size}, 3] for {count} sources "
            f"and the study's image size, are {list(shape)}"
        )


def _json_list(path: Path, name: str, text: str) -> list:
    try:
        content = parse_json(text)
    except ValueError:
        content = None
    if not isinstance(content, list):
        raise UserError(f"{path}: metadata '{name}' must be a JSON list of texts")
    return content
