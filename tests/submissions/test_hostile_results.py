"""Each kind of file that results may come in, broken in every way: one line, at once, in little memory."""

import json
import os
import struct
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import elsewhere
import numpy as np
import pytest
import torch

from sgbench.submissions.opening import open_results

ENTRIES = {"sources": np.array(["000500.jpg"]), "groups": np.array(["gender=male"])}
PIXELS = np.zeros((1, 3, 8, 8), np.uint8)
ROW = ("a.png", "000500.jpg", "gender=male")


def zipped(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_zip(path, pixels=PIXELS):
    zipped(path, {"results.csv": elsewhere.table([ROW]), "a.png": elsewhere.png(pixels[0])})


def write_npz(path, pixels=PIXELS):
    np.savez_compressed(path, results=pixels, **ENTRIES)


def write_safetensors(path, pixels=PIXELS):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file({"results": pixels}, path, {name: json.dumps(texts.tolist()) for name, texts in ENTRIES.items()})


class Nothing(torch.nn.Module):
    def forward(self, images, group):
        return images + 0 * group.view(-1, 1, 1, 1)


def write_pt2(path, pixels=PIXELS):
    torch.export.save(torch.export.export(Nothing(), (torch.from_numpy(pixels).float(), torch.tensor([1]))), path)


def write_onnx(path, pixels=PIXELS):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    shape = list(pixels.shape)
    images, results = (onnx.helper.make_tensor_value_info(name, 1, shape) for name in ("images", "results"))
    group = onnx.helper.make_tensor_value_info("group", 7, [])
    nodes = [onnx.helper.make_node("Identity", ["images"], ["results"])]
    graph = onnx.helper.make_graph(nodes, "g", [images, group], [results])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), path)


WRITE = {".zip": write_zip, ".npz": write_npz, ".safetensors": write_safetensors, ".pt2": write_pt2}
WRITE[".onnx"] = write_onnx


@cache
def content(suffix, shape=PIXELS.shape):
    """A good file's bytes; exporting a program takes seconds, so each is made once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"results{suffix}"
        WRITE[suffix](path, np.zeros(shape, np.uint8))
        return path.read_bytes()


def opened(path):
    return open_results(path, elsewhere.inputs(), torch.device("cpu"), batch_size=5)


@pytest.mark.parametrize("suffix", WRITE)
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "zeros", "of another kind"])
def test_a_file_that_is_not_what_it_is_called_is_refused(suffix, damage, tmp_path, refused):
    path = tmp_path / f"results{suffix}"
    good, other = content(suffix), content(".zip" if suffix == ".npz" else ".npz")
    broken = {"truncated": good[: len(good) * 2 // 3], "empty": b"", "text": b"results\n" * 9, "zeros": bytes(4096)}
    path.write_bytes((broken | {"of another kind": other})[damage])
    assert refused(lambda: opened(path)).startswith(str(path))


@pytest.mark.parametrize("suffix", WRITE)
def test_a_file_as_it_should_be_is_opened(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    path.write_bytes(content(suffix))
    assert opened(path).given == path.name


@pytest.mark.parametrize("suffix", WRITE)
def test_a_file_with_another_ending_is_refused(suffix, tmp_path, refused):
    path = tmp_path / "results.bin"
    path.write_bytes(content(suffix))
    assert "results.bin: results are a folder or .zip, .npz" in refused(lambda: opened(path))


@pytest.mark.parametrize("suffix", WRITE)
@pytest.mark.parametrize("shape", [(1, 3, 8, 9)])
def test_results_of_another_shape_are_refused(suffix, shape, tmp_path, refused):
    path = tmp_path / f"results{suffix}"
    path.write_bytes(content(suffix, shape))
    assert refused(lambda: opened(path)).startswith(str(path))


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("suffix", WRITE)
def test_what_is_no_regular_file_is_refused(suffix, kind, tmp_path, refused):
    path = tmp_path / f"results{suffix}"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    assert "is neither a folder nor a regular file" in refused(lambda: opened(path))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["results", "sources", "groups"])
def test_an_array_that_says_it_is_huge_is_refused(name, compression, tmp_path, refused):
    path = tmp_path / "results.npz"
    write_npz(path)
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    head = struct.pack("<8sH", b"\x93NUMPY\1\0", 118)
    descr = {"results": "|u1", "sources": "<U10", "groups": "<U11"}[name]
    shape = "(1099511627776, 3, 8, 8)" if name == "results" else "(1099511627776,)"
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    zipped(path, files | {f"{name}.npy": head + text.encode()}, compression)
    assert "results.npz: not a readable .npz" in refused(lambda: opened(path))


def test_a_bomb_in_an_npz_is_refused(tmp_path, refused):
    path = tmp_path / "results.npz"
    np.savez_compressed(path, results=PIXELS, sources=np.zeros(5 * 10**6, np.int8), groups=ENTRIES["groups"])
    assert path.stat().st_size < 10**4
    assert "sources has 5,000,000 entries; at most 4,194,304 are read" in refused(lambda: opened(path))


def test_a_bomb_in_a_zip_is_refused(tmp_path, refused):
    path = tmp_path / "results.zip"
    zipped(path, {"results.csv": elsewhere.table([ROW]), "a.png": bytes(2**25)})
    assert "it has 33,554,432 bytes; at most 16,777,216 are read" in refused(lambda: opened(path))
    zipped(path, {"results.csv": b"result,source,groups\n", "a.png": b""}, zipfile.ZIP_LZMA)
    assert "neither stored nor deflated" in refused(lambda: opened(path))


def test_a_cell_without_end_is_refused(tmp_path, refused):
    zipped(tmp_path / "results.zip", {"results.csv": b"result,source,groups\n" + b"a" * 10**6 + b",b,c\n"})
    assert "line 2: field larger than field limit (131072)" in refused(lambda: opened(tmp_path / "results.zip"))


def test_a_safetensors_header_that_says_it_is_huge_is_refused(tmp_path, refused):
    pytest.importorskip("safetensors")
    path = tmp_path / "results.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    assert "results.safetensors: not a readable .safetensors" in refused(lambda: opened(path))
    about = {"results": {"dtype": "U8", "shape": [2**40, 3, 8, 8], "data_offsets": [0, 2**40 * 192]}}
    text = json.dumps(about).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    assert "results.safetensors: not a readable .safetensors" in refused(lambda: opened(path))
    deep = json.dumps({"__metadata__": {"sources": "[" * 10**5}, "results": {**about["results"], "shape": [0]}})
    deep = deep.replace(str(2**40 * 192), "0").encode()
    path.write_bytes(struct.pack("<Q", len(deep)) + deep)
    assert "metadata 'sources' must be a JSON list of texts" in refused(lambda: opened(path))


def test_a_program_that_is_larger_inside_than_outside_is_refused(tmp_path, refused):
    path = tmp_path / "results.pt2"
    path.write_bytes(content(".pt2"))
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    zipped(path, files | {"archive/data/weights/weight_0": bytes(2**25)})
    assert "results.pt2: not a program that torch.export.save wrote" in refused(lambda: opened(path))


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F8_E8M0", "BF16", "BOOL", "C64"])
def test_a_list_of_numbers_that_are_not_whole_is_refused_whatever_torch_makes_of_them(tmp_path, refused, dtype):
    pytest.importorskip("safetensors")
    path = tmp_path / "results.safetensors"
    bits = {"F4": 4, "F6_E2M3": 6, "F8_E8M0": 8, "BF16": 16, "BOOL": 8, "C64": 64}[dtype]
    tensor = {"dtype": dtype, "shape": [4], "data_offsets": [0, bits // 2]}
    header = json.dumps({"sources": tensor}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(bits // 2))
    message = refused(lambda: opened(path))
    assert "results.safetensors: sources must be whole numbers, are" in message or "not a readable" in message
