"""Writes the requests for whoever makes a submission: test images as PNG, and a CSV of the requests."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.submissions.inputs import Inputs
from sgbench.support.atomic import ABANDONED_SECONDS, discard_partials, replacing, write_buffered, write_text
from sgbench.support.errors import UserError
from sgbench.support.formulas import guarded
from sgbench.support.names import file_part, tag
from sgbench.support.reading import MOST_TEXT, NotRead, read_bytes

TABLE, SOURCES = "requests.csv", "sources"
"""The table, and the folder of the test images."""
_MOST = 100
"""Characters of a part of a path."""


def write_requests(
    folder: Path, inputs: Inputs, requests: Sequence[Requests], combined: Iterable[tuple[int, Sequence[Group]]] = ()
) -> Path:
    """Write ``requests.csv``, and in ``sources/`` every test image that it names; returns the CSV's path.

    Columns: ``image``, the source image's PNG, and ``result``, where to put the result, both relative to the CSV;
    ``source`` and ``groups``, the source image's name and the groups asked for. When the results are in place and the
    CSV is renamed ``results.csv``, ``open_results`` takes the folder. What is there already is kept if it is the same.

    Args:
        combined: positions and groups that are applied together, for the figures of faces.

    Raises:
        UserError: another file has the name of the table or of a test image.
    """
    wanted = [
        (int(position), (group,))
        for request in requests
        for group, rows in request.by_value()
        for position in request.positions[rows]
    ]
    wanted += [(position, tuple(groups)) for position, groups in combined]
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "source", "groups", "result"])
    folders = _folders(inputs.text(groups) for _, groups in wanted)
    for position, groups in wanted:
        name, text = _file_name(inputs, position), inputs.text(groups)
        source = guarded(inputs.ids[position])
        writer.writerow([f"{SOURCES}/{name}", source, text, f"results/{folders[text]}/{name}"])

    _check_free(folder / TABLE, table.getvalue().encode().__eq__)
    discard_partials(folder / SOURCES, older_than=ABANDONED_SECONDS)

    def write(position: int) -> None:
        image = Image.fromarray(inputs.images[position].permute(1, 2, 0).numpy())
        path = folder / SOURCES / _file_name(inputs, position)
        _check_free(path, partial(_has_pixels, image))
        with replacing(path) as unfinished:
            write_buffered(unfinished, lambda file: image.save(file, format="PNG"))

    with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
        list(pool.map(write, sorted({position for position, _ in wanted})))
    write_text(folder / TABLE, table.getvalue())
    return folder / TABLE


def _check_free(path: Path, is_same: Callable[[bytes], bool]) -> None:
    """Refuse to replace a file of others, or one of other requests.

    Args:
        is_same: whether bytes are what would be written.

    Raises:
        UserError: there is such a file.
    """
    try:
        free = is_same(read_bytes(path, MOST_TEXT))
    except FileNotFoundError:
        free = not path.is_symlink()
    except NotRead:
        free = False
    if not free:
        raise UserError(f"{path}: is there already and is not of these requests; move it, or give another folder")


def _has_pixels(image: Image.Image, data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as other:
            return other.mode == image.mode and other.size == image.size and other.tobytes() == image.tobytes()
    except Exception:  # decoders raise almost any error for a damaged file
        return False


def _folders(texts: Iterable[str]) -> dict[str, str]:
    """A folder for each text of groups, also where file systems take large letters for small ones."""
    plain = {text: file_part(text, _MOST) for text in texts}
    alike = Counter(name.casefold() for name in plain.values())
    return {text: f"{name}-{tag(text)}" if alike[name.casefold()] > 1 else name for text, name in plain.items()}


def _file_name(inputs: Inputs, position: int) -> str:
    """Position and name; the position makes it unique, whatever characters the name has."""
    return f"{position:05d}-{file_part(Path(inputs.ids[position]).stem, _MOST)}.png"
