"""What is said of a metric, and what a metric may ask for; ``catalogue`` says it of each."""

import math
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", ""]
TableName = Literal["beyond", "likeness", "distributions", ""]

RESULT, SOURCE, COUNTERFACTUAL = "result", "source", "counterfactual"
CHANGED, UNCHANGED = "region that the counterfactual changes", "region that the counterfactual leaves alone"
BACKGROUND = "background mask of the renderer"
POSTERIOR, FEATURES, LOGITS = "posterior of a judge", "Inception features", "Inception logits"
LPIPS_DISTANCE = "LPIPS distance of result and source"
RESULT_EMBEDDING, SOURCE_EMBEDDING = "face embedding of the result", "face embedding of the source"

UNBOUNDED = (-math.inf, math.inf)
FROM_ZERO = (0.0, math.inf)
FROM_0_TO_1 = (0.0, 1.0)
FROM_MINUS_1_TO_1 = (-1.0, 1.0)


@dataclass(frozen=True)
class Place:
    """Where a metric is measured.

    Attributes:
        name: as records have it in ``measured_on``.
        needs: what the metric's ``terms`` takes, in its order; where one is not known there is no figure.
        title: shown instead of the metric's.
    """

    name: str
    needs: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True)
class MetricSpec:
    """A metric as everything but its formula knows it.

    Attributes:
        name: as records have it.
        title: as shown.
        direction: whether a higher or a lower figure is better; empty where neither is.
        unit: ``share`` (0 to 1), ``score``, ``levels`` (of 255), ``dB`` or ``count``.
        bounds: the least and the largest value that it can have.
        decimals: as shown, after scaling.
        scale: factor with which figures are shown.
        suffix: what a column's heading says behind the title, such as the unit.
        published_decimals: of the paper's figures; those of ours where None.
        version: raised when the code gives other figures of the same images.
        implementation: ``module:Class`` of an ``ImageMetric`` of results; empty for metrics of posteriors and of sets.
        places: where results are measured, one set of terms each; empty where it goes by attribute.
        reduces: the metric whose terms it reduces in another way; empty where it has its own.
        describes: the figure that it is a deviation or a count of; empty for figures in their own right.
        compared: whether the systems of a report are compared by it in pairs.
        table: the table that has a column for it at each target.
    """

    name: str
    title: str
    direction: Direction
    unit: str
    bounds: tuple[float, float]
    decimals: int
    scale: int = 1
    suffix: str = ""
    published_decimals: int | None = None
    version: int = 1
    implementation: str = ""
    places: tuple[Place, ...] = ()
    reduces: str = ""
    describes: str = ""
    compared: bool = False
    table: TableName = ""

    def heading(self, place: str = "") -> str:
        """Heading of a column."""
        titles = {own.name: own.title for own in self.places}
        return (titles.get(place) or self.title) + self.suffix

    def is_better(self, new: float, old: float) -> bool | None:
        """Whether a figure is better than another; None where the metric has no direction."""
        return (new > old if self.direction == "higher" else new < old) if self.direction else None
