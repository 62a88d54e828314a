"""A jury's settings: how many judges, of which architectures and seeds, and how they are trained."""

from collections.abc import Iterator

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from sgbench.judges.architectures import Architecture
from sgbench.judges.training import JudgeSettings


class JurySettings(JudgeSettings):
    """Settings that all judges of a jury share; docs/jury.md has the procedure that chose their defaults."""

    size: int = Field(5, ge=2, le=100)
    """Number of judges whose verdicts are averaged."""
    seed: int = 1
    """Seed of the first judge; every other one has the next."""
    architectures: tuple[Architecture, ...] = ("compact_vgg", "compact_resnet")
    """Kinds of networks, taken in turn."""
    epochs: PositiveInt = 10
    learning_rate: PositiveFloat = 2e-3
    """AdamW's highest rate, which rises and falls."""
    weight_decay: NonNegativeFloat = 0.01
    warm_up: float = Field(0.15, ge=0, lt=1)
    distortion: NonNegativeFloat = 1.0
    mixed: float = Field(0.5, ge=0, le=1)
    averaged: bool = True
    gate: float = Field(0.98, ge=0, le=1)
    """Where exact counterfactuals are known, a judge whose accuracy on them surely lies below this does not sit."""

    @field_validator("architectures")
    @classmethod
    def _two(cls, architectures: tuple[Architecture, ...]) -> tuple[Architecture, ...]:
        if len(set(architectures)) < 2 or len(set(architectures)) < len(architectures):
            raise ValueError("a jury needs two different architectures or more")
        return architectures

    def seats(self) -> Iterator[tuple[Architecture, JudgeSettings]]:
        """Architecture and settings of each judge."""
        shared = self.model_dump(include=set(JudgeSettings.model_fields))
        for k in range(self.size):
            yield self.architectures[k % len(self.architectures)], JudgeSettings(**shared | {"seed": self.seed + k})
