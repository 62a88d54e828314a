"""A figure before it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PRINTED = ("png", "pdf")


@dataclass(frozen=True)
class Drawing:
    """A figure before it is drawn.

    Attributes:
        caption: what the figure shows.
        name: the name of its files, without the ending.
        draw: takes a path and draws the figure there, as PDF if it ends so.
        kinds: endings of its files; those of figures to be printed are ``PRINTED``.
    """

    caption: str
    name: str
    draw: Callable[[Path], None]
    kinds: tuple[str, ...] = ("png",)
