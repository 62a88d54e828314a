"""CelebA: aligned images of 178x218 and ``list_attr_celeba``, in the folders of its authors, torchvision or Kaggle.

The paper's crop is the centred square, rows 20 to 198; copies of another size are cropped by the same fractions.
CelebAMask-HQ, whose images are square, is taken too: they are kept whole. Every image of a copy has the shape of the
first, which is one of the two.
Hair is black or blond if exactly one of the two columns says so; otherwise it is neither.
"""

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import NONE, Attribute
from sgbench.data.source import Source, SourceSettings, choose_attributes, existing
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.data.sources.celeba_table import TOTALS, read_attribute_file
from sgbench.data.sources.decoding import size_of_photograph
from sgbench.data.sources.photographs import (
    Box,
    file_times,
    find_images,
    fingerprint,
    missing_note,
    read_photograph,
)
from sgbench.support.errors import UserError
from sgbench.support.settings_model import UserPath

ATTRIBUTE_FILES = ("list_attr_celeba.txt", "list_attr_celeba.csv", "CelebAMask-HQ-attribute-anno.txt")
NUM_IMAGES = 202_599
IMAGE_SIZE = (178, 218)
COLUMNS = {"gender": "Male", "smile": "Smiling", "lipstick": "Wearing_Lipstick", "pale_skin": "Pale_Skin"}
CROP = (0, 20 / 218, 1, 198 / 218)
"""Left, upper, right and lower edge, as shares of the width or the height."""
WHOLE = (0, 0, 1, 1)
"""The same for square images."""
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

    The attribute file may be given, too; without images beside it, it will do for what needs no pixels, such as a plan.
    """

    name = "celeba"

    class Settings(SourceSettings):
        """Where the copy is, and whether images may be missing."""

        path: UserPath
        """CelebA's folder, that of its images, or its attribute file."""
        allow_missing: bool = False
        """Whether listed images may be missing."""

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        root = Path(os.path.abspath(existing(settings.path, "folder with CelebA's images")))
        is_table = root.is_file() and root.name in ATTRIBUTE_FILES
        if not root.is_dir() and not is_table:
            raise UserError(f"{root}: must be the folder with CelebA's images, or a .csv file of own images")
        self.folder = _folder_beside(root) if is_table else _image_folder(root)
        table = root if is_table else _attribute_file(root, self.folder)
        names, columns = read_attribute_file(table)
        if self.folder:
            files = _files_of(names, self.folder)
            sizes = find_images(self.folder, files, lambda _: str(table), settings.allow_missing)
        else:
            files, sizes = names, np.zeros(len(names), np.int64)
        present = np.flatnonzero(sizes >= 0)
        if len(names) == NUM_IMAGES:
            _check_totals(columns, table)
        self.ids = [files[i] for i in present]
        first = (size_of_photograph(self.folder / self.ids[0]) if self.folder else None) or IMAGE_SIZE
        self._edges = _edges(*first) or CROP  # if the first has a wrong shape, reading it says so
        self.notes = [*missing_note(sizes), *_copy_note(*first)]
        self.attributes = choose_attributes(settings.attributes, ATTRIBUTES, "CelebA")
        known = {a: _labels_of(a, columns)[torch.from_numpy(present)] for a in ATTRIBUTES}
        self.labels = torch.stack([known[a] for a in self.attributes], 1)
        all_labels = torch.stack(list(known.values()), 1).numpy().tobytes()
        header = f"celeba {settings.image_size} {self._edges}"
        self.fingerprint = fingerprint(header, self.ids, sizes[present], all_labels)

    def times(self) -> np.ndarray | None:
        return file_times(self.folder, self.ids) if self.folder else None

    def read(self, index: int) -> np.ndarray:
        if not self.folder:
            raise UserError(f"{self.settings.path}: holds labels alone; give the folder that holds CelebA's images")
        return read_photograph(self.folder / self.ids[index], self._crop, self.settings.image_size)

    @classmethod
    def frame(cls, width: int, height: int) -> Box | None:
        edges = _edges(width, height)
        return None if edges is None else _box(edges, width, height)

    def _crop(self, width: int, height: int) -> Box:
        edges = _edges(width, height)
        if edges is None:
            raise UserError(
                f"is {width}x{height}, which is neither a square nor of the shape of 178x218; give the images as they "
                "are published, or the CSV of own images, which are cropped to the centred square"
            )
        if edges != self._edges:
            raise UserError(f"is {width}x{height}, of another shape than {self.ids[0]}; give images of one kind")
        return _box(edges, width, height)


def _edges(width: int, height: int) -> tuple[float, float, float, float] | None:
    """What is kept of an image of this size; None for one that is neither aligned nor a square."""
    if width == height:
        return WHOLE
    return CROP if abs(height - width * IMAGE_SIZE[1] / IMAGE_SIZE[0]) <= 1 else None


def _box(edges: tuple[float, float, float, float], width: int, height: int) -> Box:
    return tuple(round(share * side) for share, side in zip(edges, (width, height, width, height), strict=True))


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


def _folder_beside(table: Path) -> Path | None:
    """The folder of the images that belong to an attribute file; None if it lies alone."""
    try:
        return _image_folder(table.parent)
    except UserError:
        return None


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
    tables = [root / name for name in ATTRIBUTE_FILES if (root / name).is_file()]
    alone = f"; for a plan {tables[0]} will do alone" if tables else ""
    raise UserError(f"{root}: {where}; give the folder that holds the images, or the CSV of own images{alone}")


def _holds_images(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:  # a Mac leaves hidden files of the same suffix, which are no images
        return any(e.name[0] != "." and e.name.lower().endswith((".jpg", ".png")) for e in entries)


def _files_of(names: list[str], folder: Path) -> list[str]:
    """The file of each image: the named file, or its PNG copy if only that is there.

    Raises:
        UserError: two names have the same file.
    """
    here = set(os.listdir(folder))
    png = {name: f"{name.rpartition('.')[0]}.png" for name in names if name not in here}
    files = [png[name] if png.get(name) in here else name for name in names]
    if twice := [file for file, times in Counter(files).items() if times > 1]:
        raise UserError(f"{folder / twice[0]}: is the image of two names in the attribute file; remove one of them")
    return files


def _copy_note(width: int, height: int) -> list[str]:
    """A note if images do not have CelebA's size."""
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
