"""CelebA: aligned images of 178x218 and ``list_attr_celeba``, in the folders of its authors, torchvision or Kaggle.

The paper's crop is the centred square, rows 20 to 198; copies of another size are cropped by the same fractions.
Hair is black or blond if exactly one of the two columns says so; otherwise it is neither.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sgbench.data.labels import NONE, Attribute
from sgbench.data.source import Source, SourceSettings, choose_attributes, existing
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.data.sources.photographs import Box, file_times, find_images, fingerprint, missing_note, read_photograph
from sgbench.support.errors import UserError

ATTRIBUTE_FILES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
NUM_IMAGES = 202_599
IMAGE_SIZE = (178, 218)
TOTALS = {
    "Male": 84_434,
    "Smiling": 97_669,
    "Black_Hair": 48_472,
    "Blond_Hair": 29_983,
    "Wearing_Lipstick": 95_715,
    "Pale_Skin": 8_701,
}
"""How many images have each attribute in a complete copy."""
COLUMNS = {"gender": "Male", "smile": "Smiling", "lipstick": "Wearing_Lipstick", "pale_skin": "Pale_Skin"}
CROP = (0, 20 / 218, 1, 198 / 218)
"""Left, upper, right and lower edge, as shares of the width or the height."""
_FOLDERS = (
    "img_align_celeba",
    "img_align_celeba/img_align_celeba",
    "celeba/img_align_celeba",
    "Img/img_align_celeba",
    "img_align_celeba_png",
    "Img/img_align_celeba_png",
    ".",
)
"""Folders below the given folder that may hold the images."""
_BESIDE_ANNO = ("Img/img_align_celeba", "Img/img_align_celeba_png")
"""Where the authors keep the images, beside the folder of the attribute file."""
_BESIDE = (".", "Anno")
"""Where the attribute file may be, below each folder that is searched."""


class CelebA(Source):
    """A copy of CelebA: a folder of JPEGs, or of PNGs with the same numbers, and the attribute file.

    The given folder may hold the images, with the attribute file in it or up to two folders above. Or it holds both:
    ``img_align_celeba`` beside the file (torchvision has them in ``celeba``, the authors in ``Img`` and ``Anno``),
    Kaggle's ``img_align_celeba/img_align_celeba`` beside a CSV, or one subfolder of any name. The authors' ``Anno``
    may be given too. Copies with the same files and labels have the same fingerprint.
    """

    name = "celeba"

    class Settings(SourceSettings):
        """Where the copy is, and whether images may be missing."""

        path: Path
        allow_missing: bool = False

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        root = Path(os.path.abspath(existing(settings.path, "folder with CelebA's images")))
        if not root.is_dir():
            raise UserError(f"{root}: must be the folder with CelebA's images, or a .csv file of own images")
        self.folder = _image_folder(root)
        table = _attribute_file(root, self.folder)
        names, columns = read_attribute_file(table)
        files = _files_of(names, self.folder)
        sizes = find_images(self.folder, files, lambda _: str(table), settings.allow_missing)
        present = np.flatnonzero(sizes >= 0)
        if len(names) == NUM_IMAGES:
            _check_totals(columns, table)
        self.ids = [files[i] for i in present]
        self.notes = [*missing_note(sizes), *_copy_note(self.folder / self.ids[0])]
        self.attributes = choose_attributes(settings.attributes, ATTRIBUTES, "CelebA")
        known = {a: _labels_of(a, columns)[torch.from_numpy(present)] for a in ATTRIBUTES}
        self.labels = torch.stack([known[a] for a in self.attributes], 1)
        all_labels = torch.stack(list(known.values()), 1).numpy().tobytes()
        self.fingerprint = fingerprint(f"celeba {settings.image_size} {CROP}", self.ids, sizes[present], all_labels)

    def times(self) -> np.ndarray:
        return file_times(self.folder, self.ids)

    def read(self, index: int) -> np.ndarray:
        return read_photograph(self.folder / self.ids[index], crop, self.settings.image_size)


def crop(width: int, height: int) -> Box:
    """The paper's crop."""
    return tuple(round(share * side) for share, side in zip(CROP, (width, height, width, height), strict=True))


def read_attribute_file(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Read image names, and a boolean column for each attribute, from the authors' table or Kaggle's CSV.

    The authors' table has a line with the number of images, a line with the columns' names, and a row for each image,
    with spaces between cells. Kaggle's CSV has no number, a name for the first column too, and commas.

    Raises:
        UserError: the file is not valid; the message names the file and the row.
    """
    top = 1 if path.suffix == ".csv" else 2
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = list(islice(file, top))
            rows = _rows(file, top + 1)
            filled = next(rows, None)
            if filled is None:
                raise UserError(f"{path}: has no row of labels below the columns' names; fetch the file again")
            header = _cells(first[-1])[2 - top :]
            if absent := [column for column in TOTALS if column not in header]:
                raise UserError(f"{path}: line {top} lacks the column {absent[0]}; fetch the file again")
            names, values = _read_rows(chain([filled], rows), len(header), path)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read ({error}); save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); make it a readable file") from error
    stated = first[0].strip()
    if top == 2 and stated.isdecimal() and int(stated) != len(names):
        warnings.warn(
            f"{path}: line 1 says {int(stated):,} images, but {len(names):,} are listed: only those listed are used; "
            "fetch the file again",
            stacklevel=2,
        )
    return names, {column: values[:, k] for k, column in enumerate(header)}


def _rows(lines: Iterable[str], start: int) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    return ((number, cells) for number, line in enumerate(lines, start) if (cells := _cells(line)))


def _cells(line: str) -> list[str]:
    return line.replace(",", " ").replace('"', " ").split()


def _read_rows(rows: Iterable[tuple[int, list[str]]], width: int, path: Path) -> tuple[list[str], np.ndarray]:
    """Names, and values bool [N, width]; one byte per value, because a complete copy has eight million."""
    names: list[str] = []
    seen: set[str] = set()
    values = bytearray()
    for number, (name, *cells) in rows:
        if not cells.count("1") + cells.count("-1") == len(cells) == width:
            raise UserError(
                f"{path}: line {number} must be a name and {width} values of 1 or -1; write 1 for yes and -1 for no, "
                "or fetch the file again"
            )
        if name in seen:
            raise UserError(f"{path}: line {number} names {name} a second time; remove one of the two")
        seen.add(name)
        names.append(name)
        values += "".join(cells).replace("-1", "0").encode()
    return names, np.frombuffer(values, np.uint8).reshape(-1, width) == ord("1")


def _labels_of(attribute: Attribute, columns: dict[str, np.ndarray]) -> Tensor:
    if attribute.name == "hair_color":
        black, blond = columns["Black_Hair"], columns["Blond_Hair"]
        labels = np.where(black == blond, NONE, np.where(blond, 1, 0))
    else:
        labels = columns[COLUMNS[attribute.name]]
    return torch.from_numpy(labels.astype(np.int8))


def _attribute_file(root: Path, folder: Path) -> Path:
    for place in (root, folder, folder.parent, root.parent, root.parent.parent):
        for path in (place / below / name for below in _BESIDE for name in ATTRIBUTE_FILES):
            if path.is_file():
                return path
    raise UserError(
        f"{root}: no {ATTRIBUTE_FILES[0]} in it or beside it, nor {ATTRIBUTE_FILES[1]}; put CelebA's file "
        "there, or give the folder that holds the images, or the CSV of own images"
    )


def _image_folder(root: Path) -> Path:
    for folder in (root / name for name in _FOLDERS):
        if _holds_images(folder):
            return folder
    below = [folder for folder in sorted(root.iterdir()) if folder.name[0] != "." and _holds_images(folder)]
    beside = [folder for folder in (root.parent / name for name in _BESIDE_ANNO) if _holds_images(folder)]
    candidates = below or beside[:1]
    if len(candidates) == 1:
        return candidates[0]
    where = f"images in {len(below):,} folders below it" if below else "no images in it or below it"
    raise UserError(f"{root}: {where}; give the folder that holds the images, or the CSV of own images")


def _holds_images(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith((".jpg", ".png")) for entry in entries)


def _files_of(names: list[str], folder: Path) -> list[str]:
    """The file of each image: the named file, or its PNG copy if only that is there."""
    here = set(os.listdir(folder))
    png = {name: f"{name.rpartition('.')[0]}.png" for name in names if name not in here}
    return [png[name] if png.get(name) in here else name for name in names]


def _copy_note(path: Path) -> list[str]:
    """A note if an image does not have CelebA's size; no note if it cannot be read."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except OSError:
        return []
    if (width, height) == IMAGE_SIZE:
        return []
    return [f"The images are copies of {width}x{height} pixels; CelebA's own aligned ones have 178x218."]


def _check_totals(columns: dict[str, np.ndarray], table: Path) -> None:
    for column, total in TOTALS.items():
        if (count := int(columns[column].sum())) != total:
            warnings.warn(
                f"{table}: {column} is set for {count:,} images, but in a complete copy of CelebA for {total:,}; "
                "figures cannot be compared with others: fetch the file again",
                stacklevel=2,
            )
