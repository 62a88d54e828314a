"""A figure of a set of results as a whole, as scores keep it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SetFigure:
    """A figure of a set of images that no image has a share in, such as FID.

    Attributes:
        direction: the value asked for.
        spread: a deviation that belongs to the value, or NaN.
        note: why there is no value, else empty.
    """

    metric: str
    direction: str
    definition: str
    value: float
    spread: float
    num_images: int
    note: str = ""
