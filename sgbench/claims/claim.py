"""What a claim of the paper is made of: contrasts, each of two systems by one figure, with a margin."""

from dataclasses import dataclass, replace

from sgbench.results.records import CONTROLS

_SHOWN = {"sggan": "SG-GAN", "stargan": "StarGAN", "residualgan": "ResidualGAN"}
_PLACES = ("background", "image")


@dataclass(frozen=True)
class Contender:
    """A system as a claim names it.

    Attributes:
        method: as records name it; or a control.
        level: the paper's; empty for a control.
        variants: of the method, as records name them; the first that there is counts.
    """

    method: str
    level: str = ""
    variants: tuple[str, ...] = ("",)

    @property
    def is_control(self) -> bool:
        """Whether nothing was trained for it."""
        return self.method in CONTROLS

    @property
    def shown(self) -> str:
        """The paper's name of it."""
        inside = ", ".join(filter(None, (self.level, self.variants[0])))
        return _SHOWN.get(self.method, self.method) + (f"({inside})" if inside else "")


@dataclass(frozen=True)
class Quantity:
    """A figure of a system: a metric of the results of a target attribute, and where it is measured."""

    target: str
    metric: str
    measured_on: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that a study must have for it."""
        return tuple(dict.fromkeys(name for name in (self.target, self.measured_on) if name not in _PLACES))

    @property
    def by_one_judge(self) -> "Quantity":
        """The figure by the paper's protocol."""
        return replace(self, metric="accuracy") if self.metric == "jury_accuracy" else self


@dataclass(frozen=True)
class Contrast:
    """Says that ``times`` the figure of ``left``, less that of ``right``, is above ``margin``."""

    left: Contender
    right: Contender
    of: Quantity
    margin: float = 0.0
    times: float = 1.0

    @property
    def shown(self) -> str:
        """The difference in the paper's names."""
        times = f"{self.times:g} × " if self.times != 1 else ""
        return f"{times}{self.left.shown} − {self.right.shown}"


@dataclass(frozen=True)
class Claim:
    """A claim, which holds if every contrast does.

    Attributes:
        name: ``C1`` and so on.
        sentence: what is claimed.
        contrasts: what that means in figures.
        items: tables and figures of the paper that it is about; any of them has the systems.
        table: of the paper's, which has its numbers; 0 if none has.
    """

    name: str
    sentence: str
    contrasts: tuple[Contrast, ...]
    items: tuple[str, ...]
    table: int = 0

    @property
    def by_one_judge(self) -> "Claim":
        """The same claim with the accuracy that the paper's numbers are of, by its single ResNet-18."""
        return replace(self, contrasts=tuple(replace(own, of=own.of.by_one_judge) for own in self.contrasts))
