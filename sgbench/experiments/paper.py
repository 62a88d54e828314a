"""The paper's tables and figures as it lists them: attributes, methods, labels per value.

Levels are the paper's. A config says which levels stand for them on smaller data (``Settings.experiments``). Items of
one part have the same attributes: they share models, judges and a report. The whole paper takes 25 models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgbench.data.levels import Level
from sgbench.results.records import ALL
from sgbench.support.errors import UserError

FOUR = ("gender", "smile", "hair_color", "lipstick")


@dataclass(frozen=True)
class Row:
    """A system of an item.

    Attributes:
        method: as configs call it.
        level: the paper's.
        variant: what sets it apart from the method itself; its name in records.
        settings: settings of the method that the variant changes.
        balanced: attributes whose labels at "all" are hidden until each value has as many.
    """

    method: str
    level: Level = ALL
    variant: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    balanced: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Method and variant as configs have them."""
        return f"{self.method}/{self.variant}" if self.variant else self.method


@dataclass(frozen=True)
class Item:
    """A table or figure.

    Attributes:
        title: what it shows, in a few words.
        rows: its systems, in the paper's order; empty for every method of the config at each level of its budget.
        targets: the attributes it has columns for; empty for all of its part.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Items on the same attributes."""

    name: str
    attributes: tuple[str, ...]
    items: tuple[Item, ...]


def _at(levels: Sequence[Level], method: str, **about: Any) -> tuple[Row, ...]:
    return tuple(Row(method, level, **about) for level in levels)


_METHODS = (Row("residualgan"), Row("stargan"), *_at((ALL, 5000, 500), "sggan"))
_REFINED, _RESIDUAL, _NONE = (
    Row("sggan", 500, residual, {"residual": residual, "pass_through": 0})  # all three start alike
    for residual in ("refined", "residual", "none")
)
_ABLATIONS = (
    Row("sggan", 500),
    Row("sggan", 500, "shared_head", {"heads": "shared"}),
    *(Row("sggan", 500, f"labelled_{share}", {"labelled_share": share / 100}) for share in (25, 50, 75, 100)),
    Row("sggan", 500, "rec_per_output", {"rec_reduction": "per_output"}),
    Row("sggan", 500, "rec_off", {"lambda_rec": 0}),
    _REFINED,
    _RESIDUAL,
    _NONE,
)
_PALE = ("pale_skin",)
_MINORITY = (1000, 100, 10)

PARTS = (
    Part(
        "main",
        FOUR,
        (
            Item("table1", "Inception Score", _METHODS),
            Item("table2", "Accuracy and background", _METHODS, ("gender", "hair_color")),
            Item("table3", "Residual and refined residual images", (_RESIDUAL, _REFINED), FOUR[:3]),
            Item("figure3", "Results of each attribute, and of two at once", _METHODS),
            Item("figure6", "Without residual images, with them, and refined", (_NONE, _RESIDUAL, _REFINED), FOUR[:3]),
        ),
    ),
    Part(
        "figure4",
        ("gender", "hair_color", "lipstick", "pale_skin"),
        (Item("figure4", "Results and residuals with all labels", (Row("stargan"), Row("sggan", balanced=_PALE))),),
    ),
    Part(
        "figure5",
        _PALE,
        (
            Item(
                "figure5",
                "Pale skin with few labels of the rare value",
                (
                    *_at((ALL, *_MINORITY), "residualgan"),
                    *_at((ALL, *_MINORITY), "stargan"),
                    Row("stargan", variant="balanced", balanced=_PALE),
                    *_at((ALL, *_MINORITY), "sggan", balanced=_PALE),
                ),
            ),
        ),
    ),
    Part("budget", FOUR, (Item("budget", "Figures against labels per value", ()),)),
    Part("ablations", FOUR, (Item("ablations", "What each part of SG-GAN does", _ABLATIONS),)),
)
PAPER = ("main", "figure4", "figure5")
"""Parts of the paper; the others go beyond it."""
_ITEMS = {item.name: part for part in PARTS for item in part.items}
EXPERIMENTS = (*_ITEMS, "paper")
"""What can be asked for."""


def chosen_parts(names: Sequence[str]) -> list[Part]:
    """The parts of some experiments, each with only the items that are asked for.

    Raises:
        UserError: there is no such experiment.
    """
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        raise UserError(f"--experiment: unknown '{unknown[0]}'; there are {', '.join(EXPERIMENTS)}")
    whole = PAPER if "paper" in names else ()
    parts = [
        Part(part.name, part.attributes, tuple(i for i in part.items if part.name in whole or i.name in names))
        for part in PARTS
    ]
    return [part for part in parts if part.items]
