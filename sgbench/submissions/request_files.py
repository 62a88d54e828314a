"""What a program elsewhere is to translate: test images as PNG, and a CSV of the translations asked for."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.submissions.inputs import Inputs
from sgbench.support.atomic import replacing, write_text

TABLE = "requests.csv"


def write_requests(
    folder: Path, inputs: Inputs, requests: Sequence[Requests], combined: Iterable[tuple[int, Sequence[Group]]] = ()
) -> Path:
    """Write ``requests.csv``, and below ``sources/`` every test image that it asks for; returns the CSV.

    Columns: ``image``, the source's PNG, and ``result``, where to put the result, both relative to the CSV; ``source``
    and ``groups`` say what it is. With results in their places and the CSV renamed ``results.csv``, the folder is
    what ``open_results`` takes.

    Args:
        combined: positions and groups to be applied together, for figures.
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
    for position, groups in wanted:
        name, text = _file_name(inputs, position), inputs.text(groups)
        writer.writerow([f"sources/{name}", inputs.ids[position], text, f"results/{_safe(text)}/{name}"])

    def write(position: int) -> None:
        with replacing(folder / "sources" / _file_name(inputs, position)) as partial:
            Image.fromarray(inputs.images[position].permute(1, 2, 0).numpy()).save(partial)

    with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
        list(pool.map(write, sorted({position for position, _ in wanted})))
    write_text(folder / TABLE, table.getvalue())
    return folder / TABLE


def _file_name(inputs: Inputs, position: int) -> str:
    """Position and name: no two are the same, whatever characters a name has."""
    return f"{position:05d}-{_safe(Path(inputs.ids[position]).stem)}.png"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=+-]", "_", text)[:100]
