"""Arrays are read as they were written, a part at a time."""

import zipfile

import numpy as np
import pytest

from sgbench.support import archives
from sgbench.support.archives import Arrays
from sgbench.support.reading import NotRead

ARRAYS = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "number": np.array(3.5),
    "text": np.array("héllo"),
    "texts": np.array(["a", "bcd"]),
    "no rows": np.zeros((0, 4)),
    "no texts": np.array([], dtype=str),
    "flags": np.array([True, False, True]),
    "other end first": np.arange(3, dtype=">i4"),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("at_once", [1, 50, 2**20])
def test_an_array_is_read_as_it_was_written(tmp_path, monkeypatch, save, at_once):
    monkeypatch.setattr(archives, "_AT_ONCE", at_once)
    save(tmp_path / "some.npz", **ARRAYS)
    with Arrays(tmp_path / "some.npz") as arrays:
        for name, written in ARRAYS.items():
            read = arrays.read(name, 1000)
            assert (read.dtype, read.shape) == (written.dtype, written.shape)
            assert read.flags.f_contiguous == written.flags.f_contiguous
            assert read.flags.writeable
            np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize("size", [4, 10000])
def test_an_array_that_was_changed_is_not_read(tmp_path, size):
    path, written = tmp_path / "some.npz", np.arange(float(size))
    np.savez(path, matrix=written)
    data = bytearray(path.read_bytes())
    data[data.index(written.tobytes()) + 8 * size - 1] ^= 1
    path.write_bytes(data)
    with Arrays(path) as arrays, pytest.raises((NotRead, zipfile.BadZipFile), match="Bad CRC"):
        arrays.read("matrix", 10**5)


def test_an_array_larger_than_is_asked_for_is_not_read(tmp_path):
    np.savez(tmp_path / "some.npz", matrix=ARRAYS["matrix"])
    with Arrays(tmp_path / "some.npz") as arrays, pytest.raises(NotRead, match="has 96 bytes; at most 95 are read"):
        arrays.read("matrix", 95)
