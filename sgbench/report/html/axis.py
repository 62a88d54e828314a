"""An axis of a drawing of the page: where values lie along it, and its round numbers."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` along so many pixels; upwards if these are negative."""

    low: float
    high: float
    pixels: float

    @classmethod
    def around(cls, points: pd.DataFrame, end: str, pixels: float) -> "Axis":
        values = points[[f"value_{end}", f"low_{end}", f"high_{end}"]].to_numpy(float)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        room = 0.06 * (high - low or 1.0)
        return cls(low - room, high + room, pixels)

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.pixels * share if self.pixels > 0 else -self.pixels * (1 - share), 1)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """At round numbers, about five."""
        rough = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
        numbers = [step * k for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return tuple((self.place(number), f"{number:.10g}") for number in numbers)
