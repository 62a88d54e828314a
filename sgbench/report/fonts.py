"""Fonts of figures: DejaVu Sans, which comes with matplotlib, and others of this machine for characters it lacks."""

import warnings
from collections.abc import Iterable
from functools import cache

from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

DEFAULT = "DejaVu Sans"
_PLACEHOLDERS = "Last Resort"
"""Start of the name of a font that has a box for every character."""


def families(texts: Iterable[str]) -> list[str]:
    """Names of fonts that together have all characters of the texts, as far as fonts of this machine have them.

    What none has is drawn as boxes, which is told once.
    """
    characters = frozenset(c for text in texts for c in text if not c.isascii() and not c.isspace())
    return [DEFAULT, *_others(characters)]


@cache
def _others(characters: frozenset[str]) -> tuple[str, ...]:
    lacking = {ord(c) for c in characters} - _covered(DEFAULT)
    chosen = []
    names = sorted({font.name for font in fontManager.ttflist if not font.name.startswith(_PLACEHOLDERS)})
    while lacking and names:
        best = max(names, key=lambda name: len(lacking & _covered(name)))
        if not lacking & _covered(best):
            break
        chosen.append(best)
        lacking -= _covered(best)
    if lacking:
        _tell()
    return tuple(chosen)


@cache
def _covered(name: str) -> frozenset[int]:
    """Code points that the upright fonts of this name have."""
    files = [font.fname for font in fontManager.ttflist if font.name == name and font.style == "normal"]
    return frozenset(code for file in files for code in FT2Font(file).get_charmap())


@cache
def _tell() -> None:
    warnings.warn(
        "no font of this machine has some characters of names in figures, so they are drawn as boxes; tables have them "
        "all; install a font that has them, such as Noto Sans CJK",
        stacklevel=2,
    )
