"""Reads .zip and .npz files that anybody may have made: what a member says of its size is checked before it is read.

Members are stored or deflated. Other compressions make gigabytes of a few bytes, and can only be undone as a whole.
"""

import io
import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from sgbench.support.reading import NotRead, check_size, open_regular

_DENSEST = 1032
"""Most bytes that deflate makes of one."""
_MOST_HEADER = 2**14
"""Bytes of an array's header that are read; NumPy itself takes 10,000 characters."""
_AT_ONCE = 2**20
"""Bytes of a member that are read at once."""


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip; members are to be read with ``read_member``.

    Raises:
        OSError: it is not there, or may not be read.
        NotRead: it is no regular file, no readable zip, or has two members of one name.
    """
    open_regular(path).close()
    try:
        archive = zipfile.ZipFile(path)
    except OSError:
        raise
    except Exception as error:  # a broken file may raise any error
        raise NotRead(f"it is not a readable zip ({error})") from error
    names = Counter(archive.namelist())
    if twice := [name for name, times in names.items() if times > 1]:
        archive.close()
        raise NotRead(f"it holds two files named {twice[0]!r}")
    return archive


def check_member(info: zipfile.ZipInfo, most: int) -> None:
    """Refuse a member that is larger than ``most`` bytes, or cannot be as large as it says.

    Raises:
        NotRead: this is so, or it is encrypted or neither stored nor deflated.
    """
    if info.flag_bits & 1:
        raise NotRead("it is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotRead("it is neither stored nor deflated; compress it by deflate, as zip does by default")
    check_size(info.file_size, most)
    if info.file_size > info.compress_size * (_DENSEST if info.compress_type == zipfile.ZIP_DEFLATED else 1):
        raise NotRead(f"it says that it has {info.file_size:,} bytes, but {info.compress_size:,} are stored")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """A member's bytes.

    Raises:
        NotRead: it is one that ``check_member`` refuses.
        Exception: of any type, where it is broken.
    """
    check_member(info, most)
    return archive.read(info)


def check_stored(path: Path) -> None:
    """Refuse a zip, such as torch.save writes, whose members are not all stored or have more bytes than the file.

    Raises:
        OSError: it is not there, or may not be read.
        NotRead: this is so; or it is no readable zip.
    """
    with open_zip(path) as archive:
        members = archive.infolist()
    if packed := [info.filename for info in members if info.compress_type != zipfile.ZIP_STORED]:
        raise NotRead(f"its member {packed[0]!r} is compressed, which torch never does")
    if (said := sum(info.file_size for info in members)) > (size := path.stat().st_size):
        raise NotRead(f"its members say that they have {said:,} bytes, but the file has {size:,}")


class Header(NamedTuple):
    """What stands before an array's data: its shape, its type, its order, and how many bytes the header takes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    start: int

    @property
    def num_bytes(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


class Arrays:
    """The arrays of an .npz; nothing is unpickled. It stays open until the ``with`` block ends.

    Attributes:
        names: of the arrays, in their order in the file.

    Raises:
        OSError: the file is not there, or may not be read.
        NotRead: it is no readable .npz.
    """

    def __init__(self, path: Path):
        self.archive = open_zip(path)
        self._members = {info.filename.removesuffix(".npy"): info for info in self.archive.infolist()}
        self.names = tuple(self._members)
        self._headers: dict[str, Header] = {}
        self._begun: tuple[str, IO[bytes], bytes] | None = None

    def __enter__(self) -> "Arrays":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self.archive.close()

    def member(self, name: str) -> zipfile.ZipInfo:
        """Where an array lies.

        Raises:
            NotRead: there is no such array.
        """
        if name not in self._members:
            raise NotRead(f"it has no array {name!r}; it has {', '.join(self.names[:20]) or 'none'}")
        return self._members[name]

    def header(self, name: str) -> Header:
        """An array's header, which agrees with the size of its member.

        Raises:
            NotRead: there is no such array, it holds Python objects, or its header is not so.
        """
        if name not in self._headers:
            self._headers[name] = self._header(name)
        return self._headers[name]

    def _header(self, name: str) -> Header:
        info = self.member(name)
        try:
            check_member(info, info.file_size)
            file = self._begin(name)
            start = io.BytesIO(file.read(_MOST_HEADER))
            version = np.lib.format.read_magic(start)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(start)
        except Exception as error:  # a broken file may raise any error
            raise NotRead(f"array {name!r} cannot be read: {error}") from error
        header = Header(shape, dtype, fortran, start.tell())
        if dtype.hasobject:
            raise NotRead(f"{name} holds Python objects; store texts as np.array(texts, dtype=str)")
        if header.start + header.num_bytes != info.file_size:
            raise NotRead(f"{name} says that it is {dtype} {list(shape)}, but has {info.file_size:,} bytes in all")
        self._begun = name, file, start.read()
        return header

    def read(self, name: str, most: int) -> np.ndarray:
        """An array.

        Raises:
            NotRead: it is one that ``header`` refuses, or has more than ``most`` bytes.
            Exception: of any type, where it is broken.
        """
        header = self.header(name)
        if header.num_bytes > most:
            raise NotRead(f"{name} has {header.num_bytes:,} bytes; at most {most:,} are read")
        data = np.empty(header.num_bytes, np.uint8)
        if not self._begun or self._begun[0] != name:
            self._begin(name).read(header.start)
        _, file, before = self._begun
        data[: len(before)] = np.frombuffer(before, np.uint8)
        for start in range(len(before), len(data), _AT_ONCE):
            part = data[start : start + _AT_ONCE]
            if file.readinto(part) < len(part):
                raise NotRead(f"{name} ends before its {header.num_bytes:,} bytes")
        self._end()
        return data.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")

    def _begin(self, name: str) -> IO[bytes]:
        """Open a member. The one whose header was read last stays open, because its data mostly follow."""
        self._end()
        file = self.archive.open(self.member(name))
        self._begun = name, file, b""
        return file

    def _end(self) -> None:
        if self._begun:
            self._begun[1].close()
        self._begun = None


def check_sum(arrays: Arrays, name: str) -> None:
    """Read an array to its end, so that its checksum is compared, which mapping it into memory would not do."""
    with arrays.archive.open(arrays.member(name)) as file:
        while file.read(_AT_ONCE):
            pass


def place_of_data(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the data of a stored member start in the file: after a header of 30 bytes, a name and an extra field."""
    with open_regular(path) as file:
        file.seek(info.header_offset + 26)
        return info.header_offset + 30 + sum(np.frombuffer(file.read(4), "<u2").tolist())
