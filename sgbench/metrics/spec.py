"""The form of an entry in the catalogue of metrics, and the names of the inputs that a metric may need."""

import math
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", ""]
TableName = Literal["beyond", "likeness", "chains", "distributions", ""]

RESULT, SOURCE, COUNTERFACTUAL = "result", "source", "counterfactual"
CHANGED, UNCHANGED = "region that the counterfactual changes", "region that the counterfactual leaves alone"
BACKGROUND = "background mask of the renderer"
POSTERIOR, FEATURES, LOGITS = "joint posterior of the judge", "Inception features", "Inception logits"
LPIPS_DISTANCE = "LPIPS distance of result and source"
AFTER_ROUNDS = {1: "result after 1 round", 10: "result after 10 rounds"}
"""Rounds of composition after which the result is measured."""
WAY_BACK = "result of the way back"
RESULT_EMBEDDING, SOURCE_EMBEDDING = "face embedding of the result", "face embedding of the source"

INPUTS = (RESULT, SOURCE, COUNTERFACTUAL, CHANGED, UNCHANGED, BACKGROUND)
"""What a metric from outside the package can need: images uint8 [N, 3, S, S], and masks bool [N, S, S]."""

UNBOUNDED = (-math.inf, math.inf)
FROM_ZERO = (0.0, math.inf)
FROM_ONE = (1.0, math.inf)
LEVELS = (0.0, 255.0)
DECIBELS = (0.0, 100.0)
"""No error is larger than the peak; identical images are capped at 100."""
FROM_0_TO_1 = (0.0, 1.0)
FROM_MINUS_1_TO_1 = (-1.0, 1.0)


@dataclass(frozen=True)
class Place:
    """Where a metric is measured.

    Attributes:
        name: its name in the column ``measured_on`` of records.
        needs: the inputs of the metric's ``terms``, in order; if one is unknown there is no figure.
        title: shown instead of the metric's title, if not empty.
    """

    name: str
    needs: tuple[str, ...]
    title: str = ""

    @property
    def of_chains(self) -> bool:
        """Whether results of results are measured."""
        return not {*AFTER_ROUNDS.values(), WAY_BACK}.isdisjoint(self.needs)


@dataclass(frozen=True)
class MetricSpec:
    """Everything about a metric except its formula.

    Attributes:
        name: its name in records.
        title: its name in tables and pages.
        direction: whether a higher or a lower figure is better; empty if neither is.
        unit: ``share`` (0 to 1), ``score``, ``levels`` (of 255), ``dB`` or ``count``.
        bounds: the smallest and the largest value that it can have.
        decimals: number of decimals shown, after scaling.
        scale: figures are multiplied by this factor when they are shown.
        suffix: text after the title in a column's heading, such as the unit.
        published_decimals: decimals of the paper's figures; None for the same as ``decimals``.
        version: raised when the code gives other figures for the same images.
        implementation: ``module:Class`` of an ``ImageMetric`` of results; empty for metrics of posteriors and of sets.
        places: where it is measured, and what that needs; empty for metrics that go by attribute.
        reduces: the metric whose terms it reduces in another way; empty if it has terms itself.
        describes: the metric of which it is a deviation or a count; empty for all others.
        recentred: whether images drawn again shift the figure, so that its bootstrap interval is moved back
            (``intervals.bootstrap_interval``).
        compared: whether a report compares systems in pairs by it.
        table: the table that has a column for it for each target attribute.
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
    recentred: bool = False
    compared: bool = False
    table: TableName = ""

    def heading(self, place: str = "") -> str:
        """Heading of a column."""
        titles = {p.name: p.title for p in self.places}
        return (titles.get(place) or self.title) + self.suffix

    def is_better(self, new: float, old: float) -> bool | None:
        """Whether figure ``new`` is better than ``old``; None if the metric has no direction."""
        return (new > old if self.direction == "higher" else new < old) if self.direction else None
