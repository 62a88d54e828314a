"""Images of the user: a folder of images and a CSV of attributes.

The first column of the CSV is each image's path; every other column is an attribute. A cell is 1 for yes and 0 or -1
for no, or the name of a value; ``none`` if the image has none of the values, blank if its value is unknown. An
attribute is exhaustive if its column has no ``none``. An optional column ``split`` says train or test. Images are
cropped to the centred square.
"""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.data.source import Source, SourceSettings, check_names, existing
from sgbench.data.sources.folder_table import NONE_CELL, SPLIT, LabelTable, read_table
from sgbench.data.sources.photographs import (
    centred_square,
    file_name,
    file_times,
    find_images,
    fingerprint,
    missing_note,
    read_photograph,
    sample_bytes,
)
from sgbench.support.errors import UserError
from sgbench.support.settings_model import UserPath


class Folder(Source):
    """A folder of images and a CSV."""

    name = "folder"

    class Settings(SourceSettings):
        """Where the CSV and the images are, and what the columns mean."""

        path: UserPath
        """The CSV of the images' attributes, or a folder with one CSV."""
        images: UserPath | None = None
        """The folder that paths in the CSV start from; null for the CSV's own."""
        allow_missing: bool = False
        """Whether listed images may be missing."""
        values: dict[str, tuple[str, ...]] = Field(default_factory=dict)
        """The order of an attribute's values, by its name; by default they are sorted. A column of 1 and 0 has no and
        yes."""

        @field_validator("values")
        @classmethod
        def _names(cls, values: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
            for attribute, names in values.items():
                if len(set(names)) < max(2, len(names)) or any(n.strip().lower() in ("", NONE_CELL) for n in names):
                    raise ValueError(f"{attribute}: must be two or more names, each once, none of them '{NONE_CELL}'")
            return values

    settings: Settings

    def __init__(self, settings: Settings):
        self.settings = settings
        table = read_table(_table_file(existing(settings.path, "CSV, or folder with one,")))
        self.folder = settings.images or table.path.parent
        if not existing(self.folder, "folder of images").is_dir():
            raise UserError(f"{self.folder}: must be the folder that paths in {table.path} start from, is a file")
        known = _known(table, settings)
        for name in settings.attributes:
            if name not in settings.values and (told := table.doubtful(name)):
                warnings.warn(told, stacklevel=2)
        is_test = table.is_test()
        if is_test is not None and settings.num_test is not None:
            raise UserError(
                f"{table.path}: column '{SPLIT}' says which images are for testing: leave out the number of test "
                "images (num_test)"
            )
        files = [file_name(self.folder, name) for name in table.names]
        sizes = find_images(self.folder, files, lambda i: table.place(i, table.key), settings.allow_missing)
        present = np.flatnonzero(sizes >= 0)
        self.ids = [table.names[i] for i in present]
        self._files = [files[i] for i in present]
        self.notes = missing_note(sizes)
        self._is_test = None if is_test is None else is_test[present]
        if self._is_test is not None and len(set(self._is_test.tolist())) < 2:
            raise UserError(f"{table.path}: column '{SPLIT}' must put images into both train and test")
        self.attributes = tuple(known[name][0] for name in settings.attributes)
        self.labels = torch.from_numpy(np.stack([known[name][1][present] for name in settings.attributes], 1))
        parts = [part for a, labels in known.values() for part in (repr(a).encode(), labels[present].tobytes())]
        parts.append(b"" if self._is_test is None else self._is_test.tobytes())
        parts.append(sample_bytes(self.folder, self._files))
        header = f"folder {settings.image_size} centred square"
        self.fingerprint = fingerprint(header, self.ids, sizes[present], *parts)

    @classmethod
    def called(cls, settings: Settings) -> str:
        """After the folder of the CSV."""
        path = Path(os.path.abspath(settings.path))
        folder = path.parent if path.suffix.lower() == ".csv" else path
        return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-._") or cls.name

    def read(self, index: int) -> np.ndarray:
        return read_photograph(self.folder / self._files[index], centred_square, self.settings.image_size)

    def times(self) -> np.ndarray:
        return file_times(self.folder, self._files)

    def num_test(self) -> int:
        return super().num_test() if self._is_test is None else int(self._is_test.sum())

    def split(self) -> tuple[Tensor, Tensor]:
        if self._is_test is None:
            return super().split()
        return tuple(torch.from_numpy(np.flatnonzero(part)) for part in (~self._is_test, self._is_test))


def _known(table: LabelTable, settings: Folder.Settings) -> dict[str, tuple[Attribute, np.ndarray]]:
    """All columns that are valid attributes; those that the settings name must be valid.

    Raises:
        UserError: an attribute of the settings is unknown, or its column is not valid.
    """
    offered = [name for name in table.columns if name != SPLIT]
    check_names(settings.attributes, offered, str(table.path))
    check_names(tuple(settings.values), offered, str(table.path))
    known = {}
    for name in offered:
        try:
            known[name] = table.attribute(name, settings.values.get(name, ()))
        except UserError:
            if name in settings.attributes:
                raise
    return known


def _table_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    tables = sorted(p for p in path.iterdir() if p.suffix.lower() == ".csv" and not p.name.startswith("."))
    if len(tables) != 1:
        names = ", ".join(p.name for p in tables) if tables else "none"
        raise UserError(f"{path}: must hold one CSV, has {names}; set data.path to the file")
    return tables[0]
