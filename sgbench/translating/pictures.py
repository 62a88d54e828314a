"""Photographs of the user's and where their results go: which files are read, under which names results are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sgbench.support.atomic import replacing, write_buffered
from sgbench.support.errors import UserError

_PNG = ".png"
_WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    _PNG: ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
}
"""The end of a file's name -> Pillow's name of its format, and how it is written."""
_OPAQUE = {"JPEG", "BMP"}
"""Formats that do not keep how opaque a picture is."""


@dataclass(frozen=True)
class Photo:
    """A photograph, and whether it was found in a folder, where other files may lie."""

    path: Path
    found: bool


def find_photos(inputs: Sequence[Path]) -> list[Photo]:
    """Each photograph that is named, and each file of a folder that is named and not hidden; each once.

    Raises:
        UserError: nothing is there.
    """
    photos: dict[Path, Photo] = {}
    for path in inputs:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            if not inside:
                instead = folders_instead(path) or "; give a photograph, or a folder of photographs"
                raise UserError(f"{path}: holds no files{instead}")
            for file in inside:
                photos.setdefault(file, Photo(file, True))
        elif path.is_file():
            photos[path] = Photo(path, False)
        else:
            raise UserError(f"{path}: no such file or folder")
    return list(photos.values())


def folders_instead(path: Path) -> str:
    """What to name instead of a folder that holds no photographs but folders; empty if it holds none."""
    below = sorted(inside.name for inside in path.iterdir() if inside.is_dir() and not inside.name.startswith("."))
    return f"; folders below it are not looked into: name one itself, such as {path / below[0]}" if below else ""


def name_results(photos: Sequence[Photo], output: Path) -> list[Path]:
    """Where the result of each photograph goes: that of one into ``output``, others by their names into this folder.

    A result keeps the name of its photograph; if that ends as no format that holds all colours, ``.png`` is added.

    Raises:
        UserError: two results would have one name, or a result would replace a photograph.
    """
    several = len(photos) > 1 or photos[0].found
    if several and (output.is_file() or (output.suffix.lower() in _WRITTEN and not output.is_dir())):
        raise UserError(f"-o {output}: is the name of a file; for several photographs give a folder")
    into = several or output.is_dir()
    targets = [output / _name(photo.path) if into else check_output(output) for photo in photos]
    written: dict[Path, Path] = {}
    for photo, target in zip(photos, targets, strict=True):
        check_apart(target, photos)
        if (other := written.setdefault(target, photo.path)) != photo.path:
            raise UserError(f"{photo.path}: its result would have the name of that of {other}; rename one of them")
    return targets


def check_apart(target: Path, photos: Sequence[Photo]) -> None:
    """Refuse to write over a photograph.

    Raises:
        UserError: the file is one of them.
    """
    if target.exists() and any(target.samefile(photo.path) for photo in photos):
        raise UserError(f"{target}: is a photograph that is read; write to another place with -o")


def check_output(path: Path) -> Path:
    """The path if a picture can be written there by its name.

    Raises:
        UserError: its name ends as no format that is written.
    """
    if path.suffix.lower() not in _WRITTEN:
        raise UserError(f"-o {path}: the name must end in one of {', '.join(_WRITTEN)}")
    return path


def keeps_alpha(path: Path) -> bool:
    """Whether the format that a name says keeps how opaque a picture is."""
    return _WRITTEN[path.suffix.lower()][0] not in _OPAQUE


def save_picture(image: Image.Image, path: Path, profile: bytes | None) -> None:
    """Write a picture in the format that its name says, whole or not at all.

    Args:
        image: RGB, or RGBA, of which the alpha is left out where the format has none.
        profile: what its colours mean (ICC), if the photograph says so.
    """
    kind, options = _WRITTEN[path.suffix.lower()]
    about = {"icc_profile": profile} if profile and kind != "BMP" else {}
    image = image if keeps_alpha(path) else image.convert("RGB")
    with replacing(path) as partial:
        write_buffered(partial, lambda file: image.save(file, format=kind, **options, **about))


def _name(source: Path) -> str:
    return source.name if source.suffix.lower() in _WRITTEN else f"{source.name}{_PNG}"
