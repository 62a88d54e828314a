"""Files are read within limits: regular ones alone, and each limit is told by its number."""

import os
import zipfile

import numpy as np
import pytest

from sgbench.support import reading
from sgbench.support.archives import Arrays, check_stored, open_zip, read_member
from sgbench.support.reading import NotRead, open_lines, open_regular, read_bytes, read_text
from sgbench.support.strict import parse_json


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path):
    (tmp_path / "a").write_text("å")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_text(tmp_path / "a") == read_text(tmp_path / "b") == "å"


@pytest.mark.parametrize("kind", ["directory", "pipe", "device"])
def test_what_is_no_regular_file_is_refused_at_once(kind, tmp_path):
    path = tmp_path / "x"
    make = {"directory": path.mkdir, "pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero")}
    make[kind]()
    with pytest.raises(NotRead, match=f"it is a {kind}, not a regular file"):
        open_regular(path)


def test_larger_files_and_lines_are_refused_with_both_numbers(tmp_path, monkeypatch):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(NotRead, match=r"it has 1,099,511,627,776 bytes; at most 1,000 are read"):
        read_bytes(path, 1000)
    path.write_text("a\n" + "b" * 11 + "\n")
    monkeypatch.setattr(reading, "MOST_LINE", 10)
    with open_lines(path) as lines, pytest.raises(NotRead, match="line 2 has more than 10 characters"):
        list(lines)


def test_nesting_has_an_end():
    with pytest.raises(ValueError, match="lie too deep in each other"):
        parse_json("[" * 100_000)


def zip_of(path, content, compression):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x", content)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_other_compressions_are_refused(compression, tmp_path):
    archive = open_zip(zip_of(tmp_path / "x.zip", b"x", compression))
    with archive, pytest.raises(NotRead, match="neither stored nor deflated"):
        read_member(archive, archive.getinfo("x"), 10)


def test_a_member_is_never_larger_than_its_limit_or_its_bytes(tmp_path):
    with open_zip(zip_of(tmp_path / "x.zip", bytes(2000), zipfile.ZIP_DEFLATED)) as archive:
        info = archive.getinfo("x")
        assert read_member(archive, info, 2000) == bytes(2000)
        with pytest.raises(NotRead, match="it has 2,000 bytes; at most 1,999 are read"):
            read_member(archive, info, 1999)
        info.file_size = 2**40
        with pytest.raises(NotRead, match=r"it says that it has 1,099,511,627,776 bytes, but \d+ are stored"):
            read_member(archive, info, 2**50)


def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x", "2")
    with pytest.raises(NotRead, match="it holds two files named"):
        open_zip(tmp_path / "x.zip")


def test_what_torch_never_writes_is_not_given_to_it(tmp_path):
    check_stored(zip_of(tmp_path / "x.zip", bytes(2000), zipfile.ZIP_STORED))
    with pytest.raises(NotRead, match="its member 'x' is compressed"):
        check_stored(zip_of(tmp_path / "x.zip", bytes(2000), zipfile.ZIP_DEFLATED))


def array_that_says(path, shape, data=b""):
    """An .npz with an array of this shape in its header."""
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(data)
    return path


@pytest.mark.parametrize("shape", [(2**40,), (3,), (-1,), (2**31, 2**31, 2**31)])
def test_a_header_that_disagrees_with_its_member_is_refused(shape, tmp_path):
    with Arrays(array_that_says(tmp_path / "x.npz", shape, b"12")) as arrays, pytest.raises(NotRead, match="says that"):
        arrays.read("x", 2**50)


def test_arrays_are_read_up_to_their_limit(tmp_path):
    with Arrays(array_that_says(tmp_path / "x.npz", (2,), b"12")) as arrays:
        assert arrays.read("x", 2).tolist() == [49, 50]
        with pytest.raises(NotRead, match="x has 2 bytes; at most 1 are read"):
            arrays.read("x", 1)
        with pytest.raises(NotRead, match="it has no array 'y'; it has x"):
            arrays.read("y", 1)
