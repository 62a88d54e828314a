"""CelebA as its authors hand it out: aligned images of 178x218 and ``list_attr_celeba.txt``.

The paper's crop is the centred square, rows 20 to 198; copies of another size are cropped by the same fractions.
Groups: hair is black or blond where exactly one of the two columns says so, else neither.
"""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sgbench.data.attributes import ATTRIBUTES
from sgbench.data.labels import NONE, Attribute
from sgbench.data.source import Source, SourceSettings, choose_attributes, existing
from sgbench.errors import UserError

ATTRIBUTE_FILE = "list_attr_celeba.txt"
NUM_IMAGES = 202_599
TOTALS = {
    "Male": 84_434,
    "Smiling": 97_669,
    "Black_Hair": 48_472,
    "Blond_Hair": 29_983,
    "Wearing_Lipstick": 95_715,
    "Pale_Skin": 8_701,
}
"""Images with each attribute in a complete copy."""
COLUMNS = {"gender": "Male", "smile": "Smiling", "lipstick": "Wearing_Lipstick", "pale_skin": "Pale_Skin"}
CROP = (0, 20 / 218, 1, 198 / 218)
"""Left, upper, right, lower as shares of the width and the height."""
_FOLDERS = ("img_align_celeba", "img_align_celeba/img_align_celeba", "celeba/img_align_celeba", ".")


class CelebA(Source):
    """A copy of CelebA: a folder of JPEGs and the attribute file, beside it or in it."""

    name = "celeba"

    class Settings(SourceSettings):
        """Where the copy lies."""

        path: Path
        allow_missing: bool = False

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        root = existing(settings.path, "folder with CelebA's images")
        if not root.is_dir():
            raise UserError(f"{root}: must be the folder with CelebA's images, is a file")
        self.folder = _image_folder(root)
        table = _attribute_file(root, self.folder)
        names, columns = read_attribute_file(table)
        here = {p.name for p in self.folder.iterdir()}
        present = np.array([name in here for name in names])
        if not present.all():
            missing = names[int(np.flatnonzero(~present)[0])]
            if not settings.allow_missing:
                raise UserError(
                    f"{table}: has labels for {(~present).sum():,} images that are not in {self.folder}, the first "
                    f"{missing}; complete the copy or pass --allow-missing"
                )
            if not present.any():
                raise UserError(f"{self.folder}: holds none of the images that {table} lists, such as {missing}")
        elif len(names) == NUM_IMAGES:
            _check_totals(columns, table)
        self.ids = [name for name, kept in zip(names, present, strict=True) if kept]
        self.attributes = choose_attributes(settings.attributes, ATTRIBUTES, "CelebA")
        known = {a: _labels_of(a, columns)[torch.from_numpy(present)] for a in ATTRIBUTES}
        self.labels = torch.stack([known[a] for a in self.attributes], 1)
        self.fingerprint = self._fingerprint(torch.stack(list(known.values()), 1))

    def read(self, index: int) -> np.ndarray:
        path = self.folder / self.ids[index]
        try:
            with Image.open(path) as image:
                return crop_and_resize(image, self.settings.image_size)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(f"{path}: not a readable image ({error}); replace or remove it") from error

    def _fingerprint(self, labels: Tensor) -> str:
        """Of names, file sizes, every attribute's labels and the image size; the files' bytes are not read for it."""
        key = hashlib.sha256(f"celeba {self.settings.image_size} {CROP}".encode())
        for name in self.ids:
            key.update(f"{name} {(self.folder / name).stat().st_size};".encode())
        key.update(labels.numpy().tobytes())
        return key.hexdigest()


def crop_and_resize(image: Image.Image, size: int) -> np.ndarray:
    """The paper's crop by Pillow's bilinear filter on 8-bit RGB: uint8 [3, size, size]."""
    width, height = image.size
    box = tuple(round(share * side) for share, side in zip(CROP, (width, height, width, height), strict=True))
    small = image.convert("RGB").crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1).copy()


def read_attribute_file(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Image names, and a boolean column for each attribute.

    Raises:
        UserError: names the file and the row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    if len(lines) < 3:
        raise UserError(f"{path}: has {len(lines)} lines; the first is a count, the second names, then a row an image")
    header = lines[1].split()
    if absent := [column for column in TOTALS if column not in header]:
        raise UserError(f"{path}: line 2 lacks the column {absent[0]}")
    rows: dict[str, list[bool]] = {}
    for number, line in enumerate(lines[2:], 3):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != len(header) + 1 or not set(cells[1:]) <= {"1", "-1"}:
            raise UserError(f"{path}: line {number} must be a name and {len(header)} values of 1 or -1")
        if cells[0] in rows:
            raise UserError(f"{path}: line {number} names {cells[0]} a second time; remove one of the two")
        rows[cells[0]] = [cell == "1" for cell in cells[1:]]
    values = np.array(list(rows.values()), dtype=bool).reshape(-1, len(header))
    return list(rows), {column: values[:, k] for k, column in enumerate(header)}


def _labels_of(attribute: Attribute, columns: dict[str, np.ndarray]) -> Tensor:
    if attribute.name == "hair_color":
        black, blond = columns["Black_Hair"], columns["Blond_Hair"]
        labels = np.where(black == blond, NONE, np.where(blond, 1, 0))
    else:
        labels = columns[COLUMNS[attribute.name]]
    return torch.from_numpy(labels.astype(np.int8))


def _attribute_file(root: Path, folder: Path) -> Path:
    places = (root, folder, folder.parent, root.parent, root.parent.parent)
    for place in places:
        if (place / ATTRIBUTE_FILE).is_file():
            return place / ATTRIBUTE_FILE
    raise UserError(f"{root}: no {ATTRIBUTE_FILE} in it or beside it; CelebA's annotations hold that file")


def _image_folder(root: Path) -> Path:
    for name in _FOLDERS:
        folder = root / name
        if folder.is_dir() and any(p.suffix.lower() in {".jpg", ".png"} for p in folder.iterdir()):
            return folder
    raise UserError(f"{root}: no images in it or in {_FOLDERS[0]} below it")


def _check_totals(columns: dict[str, np.ndarray], table: Path) -> None:
    for column, total in TOTALS.items():
        if (found := int(columns[column].sum())) != total:
            warnings.warn(
                f"{table}: {column} is set for {found:,} images, in a complete copy for {total:,}", stacklevel=2
            )
