"""Results stored as PNG or JPEG in a folder or a .zip, with a CSV that says which request each of them answers.

The CSV is ``results.csv`` at the top level, or the only CSV there. It has the columns ``result,source,groups``; other
columns are ignored. Pictures are converted to 8-bit RGB: transparency is dropped, an orientation tag is not applied.
They are never resized. Backslashes in paths count as slashes.
"""

import csv
import hashlib
import io
import posixpath
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sgbench.data.sources.decoding import orientation
from sgbench.submissions.files import Files, FolderFiles, ZipFiles
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.request_files import SOURCES
from sgbench.submissions.results import CHANGED, Results, StoredResult, serve
from sgbench.support.errors import UserError
from sgbench.support.formulas import unguarded

TABLE = "results.csv"
COLUMNS = ("result", "source", "groups")
_MAX_TABLE = 256 * 2**20
_MAX_PICTURE = 16 * 2**20
"""Bytes; an uncompressed picture of 256x256 has 0.2 million."""
_PNG_DEPTH = 24
"""Position of the bits per channel in a PNG's header, which is checked because Pillow opens 16-bit colour as 8-bit."""
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def open_pictures(path: Path, inputs: Inputs) -> Results:
    """Open the results in a folder or .zip; every file is read once for the fingerprint, and decoded when needed.

    Raises:
        UserError: something is wrong in a line of the CSV, which the message names. ``translate`` raises it for pixels
            that cannot be decoded.
    """
    files = FolderFiles(path) if path.is_dir() else ZipFiles(path)
    table = _find_table(path, files)
    entries, names, digests, key = [], [], [], hashlib.sha256()
    num_jpegs, num_clear, num_turned = 0, 0, 0
    listed: dict[str, str] = {}
    text = _text(path / table, files, table)
    for where, name, source, groups in _rows(path / table, text):
        name = name.replace("\\", "/")  # as a table written on Windows has it
        try:
            entries.append(StoredResult(where, inputs.place(source), inputs.parse(groups)))
            if (first := listed.setdefault(posixpath.normpath(name), where)) != where:
                raise UserError(f"{name!r} is listed twice, first in {first}; give each result a file of its own")
            data = files.read(name, _MAX_PICTURE)
            with _open(data, name, inputs.image_size) as image:
                num_jpegs += image.format != "PNG"
                num_clear += _is_clear(image, name)
                num_turned += orientation(image) != 1
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        names.append(name)
        digests.append(_digest(data))
        key.update(f"{source}\n{inputs.text(entries[-1].groups)}\n{len(data)}\n".encode() + data)

    def decode(number: int) -> np.ndarray:
        try:
            data = files.read(names[number], _MAX_PICTURE)
            if _digest(data) != digests[number]:
                raise UserError(f"{names[number]!r} {CHANGED}")
            return _pixels(data, names[number], inputs.image_size)
        except UserError as error:
            raise UserError(f"{entries[number].where}: {error}") from error

    def read(numbers: list[int]) -> Tensor:
        with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
            return torch.from_numpy(np.stack(list(pool.map(decode, numbers))))

    results = serve(str(path), entries, inputs, read, key.hexdigest(), num_jpegs)
    of_all = f"of {len(entries):,} results"
    told = [f"{num_clear:,} {of_all} are transparent in places"] * (num_clear > 0)
    told += [f"{num_turned:,} {of_all} have an orientation tag"] * (num_turned > 0)
    return replace(results, extra=_extra(files, table, text), unapplied=", ".join(told))


def _extra(files: Files, table: str, text: str) -> str:
    """Which pictures no cell of the table names, in words; the test images that were asked with lie there too."""
    rows = csv.reader(io.StringIO(text, newline=""))
    named = {posixpath.normpath(unguarded(cell.strip()).replace("\\", "/")) for row in rows for cell in row}
    extra = [name for name in files.pictures() if name not in named and not name.startswith(f"{SOURCES}/")]
    if not extra:
        return ""
    return f"{len(extra):,} pictures are in no row of {table} and are not used, the first {extra[0]!r}; name them there"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _find_table(path: Path, files: Files) -> str:
    tables = [name for name in files.names() if name.lower().endswith(".csv")]
    if TABLE in tables:
        return TABLE
    if len(tables) != 1:
        wanted = f"columns {','.join(COLUMNS)}"
        if not tables:
            raise UserError(f"{path}: has no CSV file at the top; add {TABLE} with {wanted}")
        raise UserError(f"{path}: has {len(tables)} CSV files at the top; name the one with {wanted} {TABLE}")
    return tables[0]


def _text(table: Path, files: Files, name: str) -> str:
    try:
        return files.read(name, _MAX_TABLE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{table}: cannot be read as UTF-8 ({error}); save it as such") from error
    except UserError as error:
        raise UserError(f"{table}: {error}") from error


def _rows(table: Path, text: str) -> Iterator[tuple[str, str, str, str]]:
    """For each row: where it is (for messages), and its result, source and groups."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if absent := [column for column in COLUMNS if column not in header]:
            raise UserError(f"{table}: line 1 lacks the column {absent[0]}; needed are {','.join(COLUMNS)}")
        if twice := [column for column in COLUMNS if header.count(column) > 1]:
            raise UserError(f"{table}: line 1 names the column {twice[0]} twice; remove one")
        for row in reader:
            where = f"{table}: line {reader.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                raise UserError(
                    f"{where} has {len(row)} cells, the header {len(header)}; quote cells with commas in them"
                )
            cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
            yield where, *(unguarded(cells[column]) for column in COLUMNS)
    except csv.Error as error:
        raise UserError(f"{table}: line {reader.line_num}: {error}") from error


def _open(data: bytes, name: str, size: int) -> Image.Image:
    """Open a picture and check its header; the pixels are not decoded."""
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except _UNREADABLE as error:
        raise UserError(f"{name!r} is not a readable PNG or JPEG; make it again") from error
    if image.size != (size, size):
        width, height = image.size
        raise UserError(f"{name!r} is {width}x{height}, the study's images {size}x{size}; results are never resized")
    if image.mode.startswith(("I", "F")) or (image.format == "PNG" and data[_PNG_DEPTH] > 8):
        raise UserError(f"{name!r} has more than 8 bits a channel; store it as 8-bit RGB")
    return image


def _is_clear(image: Image.Image, name: str) -> bool:
    """Whether a picture is transparent anywhere, so that it looks otherwise than its colours are."""
    try:
        return image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255
    except _UNREADABLE as error:
        raise UserError(f"{name!r} cannot be decoded ({error}); make it again") from error


def _pixels(data: bytes, name: str, size: int) -> np.ndarray:
    try:
        with _open(data, name, size) as image:
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except _UNREADABLE as error:
        raise UserError(f"{name!r} cannot be decoded ({error}); make it again") from error
